"""What operators look after: keys, and which plugins are loaded."""

from __future__ import annotations

from typing import Any

import falcon

from openmetrics.errors import OpenMetricsError
from openmetrics.http.bodies import BodyReader
from openmetrics.http.keys import KIND, Caller, create_key, id_of, list_keys, revoke_key
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import read_query, send_json
from openmetrics.ingest.document import parse_document
from openmetrics.query.times import format_time
from openmetrics.server import Server
from openmetrics.store.base import ControlDocument

KEY_BYTES = 64 * 1024


def routes(server: Server) -> tuple[Route, ...]:
    """Return the routes of keys and plugins."""
    listed = Operation("GET", "List the keys, without their texts.", answers={"200": "All, ordered by id."})
    made = Operation(
        "POST", "Make a key. Its text is in this answer and nowhere else.", body="key.schema.json",
        answers={"201": "The key."},
    )  # fmt: skip
    own = Operation("GET", "Say which key the request carries.", answers={"200": "Its id, scope and label."})
    revoked = Operation(
        "DELETE", "Revoke a key.", answers={"204": "It opens nothing any more.", "404": "There is none."}
    )
    plugins = Operation("GET", "List the plugins that are loaded.", answers={"200": "All, in load order."})
    return (
        Route("/v1/keys", Keys(server), (listed, made), scope="admin"),
        Route("/v1/keys/current", CurrentKey(server), (own,)),
        Route("/v1/keys/{id}", Key(server), (revoked,), scope="admin"),
        Route("/v1/plugins", Plugins(server), (plugins,)),
    )


class Keys:
    """`GET` and `POST /v1/keys`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._bodies = BodyReader(server.settings)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List ids, scopes, labels and when each was made."""
        read_query(req, ())
        send_json(resp, {"keys": [_show(document) for document in list_keys(self._server.store)]})

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a key and show its text, once."""
        read_query(req, ())
        document = parse_document(self._bodies.read(req, KEY_BYTES))
        schema = self._server.schemas["key"]
        if not schema.is_valid(document):
            faults = schema.explain(document)
            detail = f"{faults[0].pointer or 'The key'}: {faults[0].detail}."
            raise OpenMetricsError("invalid-query", detail, faults)
        store = self._server.store
        text = create_key(store, self._server.clock, document["scope"], document.get("label", ""))
        self._server.keyring.forget()
        send_json(resp, {**_show(store.control_get(KIND, id_of(text))), "key": text})
        resp.set_header("Cache-Control", "no-store")
        resp.status = falcon.HTTP_201


class CurrentKey:
    """`GET /v1/keys/current`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what the caller may do; the id is null where no keys are asked for."""
        read_query(req, ())
        caller: Caller = req.context.caller
        found = self._server.store.control_get(KIND, caller.key_id) if caller.key_id else None
        label = found.body["label"] if found else ""
        send_json(resp, {"id": caller.key_id or None, "scope": caller.scope, "label": label})


class Key:
    """`DELETE /v1/keys/{id}`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_delete(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Revoke a key, but not the one that asks for it: so a key of scope admin remains."""
        read_query(req, ())
        if id == req.context.caller.key_id:
            detail = "The request carries this very key; revoke it with another key of scope admin."
            raise OpenMetricsError("conflict", detail)
        if not revoke_key(self._server.store, id):
            detail = f"There is no key {id[:64]!r}; the list says which there are."
            raise OpenMetricsError("not-found", detail)
        self._server.keyring.forget()
        resp.status = falcon.HTTP_204


class Plugins:
    """`GET /v1/plugins`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List names, the hooks that each implements, and whether it came with the server."""
        read_query(req, ())
        rows = self._server.list_plugins()
        send_json(resp, {
            "plugins": [
                {"name": row.name, "hooks": list(row.hooks), "built_in": row.is_built_in} for row in rows
            ]
        })  # fmt: skip


def _show(document: ControlDocument | None) -> dict[str, Any]:
    assert document is not None
    body = document.body
    created = format_time(body["created"])
    return {"id": document.id, "scope": body["scope"], "label": body["label"], "created": created}
