"""The routes of a kind of saved documents: list, get, put and delete, each version checked on demand.

An answer carries `version` and `ETag`; `If-Match` (or `version` in what is put) refuses to overwrite or
delete what somebody else has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import falcon

from openmetrics.errors import OpenMetricsError, invalid_query
from openmetrics.http.bodies import BodyReader
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import check_admin, read_query, send_json
from openmetrics.ingest.document import parse_document
from openmetrics.saved import ID, ID_RULE, SavedKind, check_unused
from openmetrics.server import Server
from openmetrics.store.base import ControlDocument, VersionConflictError

BODY_BYTES = 8 << 20
"""Room for a segment of some 100,000 users."""


def saved_routes(server: Server, kind: SavedKind) -> tuple[Route, ...]:
    """Return the routes `/v1/<plural>` and `/v1/<plural>/{id}`, and make the kind known to the server."""
    server.saved[kind.name] = kind
    name, missing = kind.name, {"404": f"There is no such {kind.name}."}
    changed = {"409": "It has another version than If-Match says."}
    put = Operation(
        "PUT",
        f"Save a {name}. Needs an admin key.",
        body=f"{name}.schema.json",
        answers={"200": "Saved.", "201": "Saved for the first time.", **changed},
    )
    used = {"409": "It has another version than If-Match says, or others name it."}
    operations = (
        Operation("GET", f"Get a {name}.", answers={"200": f"The {name}.", **missing}),
        put,
        Operation(
            "DELETE", f"Delete a {name}. Needs an admin key.", answers={"204": "Gone.", **missing, **used}
        ),
    )
    listed = Operation("GET", f"List the {kind.plural}.", answers={"200": "All, ordered by id."})
    return (
        Route(f"/v1/{kind.plural}", SavedList(server, kind), (listed,)),
        Route(f"/v1/{kind.plural}/{{id}}", Saved(server, kind), operations),
    )


class SavedList:
    """`GET /v1/<plural>`."""

    def __init__(self, server: Server, kind: SavedKind) -> None:
        self._server = server
        self._kind = kind

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give all documents, ordered by id."""
        read_query(req, ())
        rows = [_show(document) for document in self._server.store.control_list(self._kind.name)]
        send_json(resp, {self._kind.plural: rows})


class Saved:
    """`GET`, `PUT` and `DELETE /v1/<plural>/{id}`."""

    def __init__(self, server: Server, kind: SavedKind) -> None:
        self._server = server
        self._kind = kind
        self._bodies = BodyReader(server.settings)

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Give one document."""
        read_query(req, ())
        _send(resp, find_saved(self._server, self._kind.name, id))

    def on_put(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Save a document: 201 the first time, 200 later."""
        check_admin(req, f"Saving a {self._kind.name}")
        read_query(req, ())
        document = parse_document(self._bodies.read(req, BODY_BYTES))
        version = self._check(id, document)
        body = self._kind.check(id, document)
        is_new, saved = self._write(req, ControlDocument(self._kind.name, id, body, version))
        resp.status = falcon.HTTP_201 if is_new else falcon.HTTP_200
        _send(resp, saved)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Delete a document that no other one names."""
        check_admin(req, f"Deleting a {self._kind.name}")
        read_query(req, ())
        found = find_saved(self._server, self._kind.name, id)
        version = _check_version(req, found)
        check_unused(self._server.store, self._server.saved.values(), self._kind.name, id)
        if not self._server.store.control_delete(self._kind.name, id, version):
            raise _not_found(self._kind.name, id)
        resp.status = falcon.HTTP_204

    def _check(self, id: str, document: Any) -> str:
        """Check what is put, and return the version that it says it has."""
        if not ID.fullmatch(id):
            raise invalid_query("/id", f"{ID_RULE} Put it under another one.")
        schema = self._server.schemas[self._kind.name]
        if not schema.is_valid(document):
            faults = schema.explain(document)
            detail = f"{faults[0].pointer or 'The document'}: {faults[0].detail}."
            raise OpenMetricsError("invalid-query", detail, faults)
        if document.get("id", id) != id:
            raise invalid_query("/id", f"The address says {id!r}; say the same here, or leave this out.")
        return str(document.get("version", ""))

    def _write(self, req: falcon.Request, document: ControlDocument) -> tuple[bool, ControlDocument]:
        store = self._server.store
        found = store.control_get(document.kind, document.id)
        version = _check_version(req, found) or document.version
        if found is None and version:
            raise VersionConflictError(f"There is no {document.kind} {document.id} any more; save it as new.")
        document = ControlDocument(document.kind, document.id, document.body, version)
        if found is None:
            try:
                return True, store.control_put(document, create=True)
            except VersionConflictError:
                if _wants_new(req):
                    raise
        return False, store.control_put(document)


def find_saved(server: Server, name: str, id: str) -> ControlDocument:
    """Return a saved document. Raises OpenMetricsError `not-found`."""
    found = server.store.control_get(name, id) if ID.fullmatch(id) else None
    if found is None:
        raise _not_found(name, id)
    return found


def _not_found(name: str, id: str) -> OpenMetricsError:
    return OpenMetricsError("not-found", f"There is no {name} {id[:64]!r}; the list says which there are.")


def _wants_new(req: falcon.Request) -> bool:
    return bool(req.if_none_match)


def _check_version(req: falcon.Request, found: ControlDocument | None) -> str:
    """Return the version that the request insists on, if any. Raises VersionConflictError."""
    if _wants_new(req) and found is not None:
        raise VersionConflictError(f"There is already a {found.kind} {found.id}; it is at {found.version}.")
    wanted = _read_tags(req.if_match)
    if not wanted:
        return ""
    if found is None or ("*" not in wanted and found.version not in wanted):
        raise VersionConflictError
    return found.version


def _read_tags(tags: Sequence[Any] | None) -> list[str]:
    return [str(tag) for tag in tags or ()]


def _show(document: ControlDocument) -> Mapping[str, Any]:
    return {"id": document.id, **document.body, "version": document.version}


def _send(resp: falcon.Response, document: ControlDocument) -> None:
    resp.set_header("ETag", f'"{document.version}"')
    send_json(resp, _show(document))
