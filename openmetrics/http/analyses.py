"""Questions about behaviour: the list of analyses, their answers, and the people behind a number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import falcon
import numpy as np

from openmetrics.analysis import Analysis, Asking, People, find_people, run_analysis
from openmetrics.errors import OpenMetricsError, invalid_query
from openmetrics.http.bodies import BodyReader
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    read_cursor,
    read_query,
    send_json,
    write_cursor,
)
from openmetrics.ingest.document import parse_document
from openmetrics.ingest.event import to_json
from openmetrics.schemas import Schemas
from openmetrics.server import Server

QUESTION_BYTES = 1 << 20
ROWS_A_PIECE = 1_000
QUERY = {"q": {"type": "string", "description": "The question as JSON, so that it can be a link."}}
FIELDS = ("actor", "user_id", "session_id", "value", "properties")
CSV, NDJSON = "text/csv", "application/x-ndjson"


def routes(server: Server, schemas: Schemas) -> tuple[Route, ...]:
    """Return the routes of analyses and of the columns they stand on."""
    fails = {"404": "There is no such analysis.", "422": "The question cannot be understood."}
    asked = [
        Operation("GET", "Answer a question.", QUERY, answers={"200": "The answer.", **fails}),
        Operation("POST", "Answer a question, sent as the body.", answers={"200": "The answer.", **fails}),
    ]
    people = [
        Operation("GET", "List the people behind a number.", QUERY, answers={"200": "A page.", **fails}),
        Operation("POST", "List the people behind a number.", answers={"200": "A page.", **fails}),
    ]
    return (
        Route("/v1/analyses", AnalysisList(server, schemas), (Operation("GET", "List the analyses."),)),
        Route("/v1/analyses/{name}", Answers(server, schemas), tuple(asked)),
        Route("/v1/analyses/{name}/people", PeopleLists(server, schemas), tuple(people)),
        Route("/v1/columns", Columns(server), (Operation("GET", "Say how far the columns are prepared."),)),
    )


class AnalysisList:
    """`GET /v1/analyses`."""

    def __init__(self, server: Server, schemas: Schemas) -> None:
        self._server = server
        self._schemas = schemas

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the analyses with their schemas."""
        read_query(req, ())
        rows = [
            {
                "name": row.name,
                "title": row.title,
                "params_schema": self._schemas[row.params_schema].document,
                "result_schema": self._schemas[row.result_schema].document,
                "has_people": row.people is not None,
            }
            for row in self._server.analyses.values()
        ]
        send_json(resp, {"analyses": rows})


class _Asked:
    """Read a question by GET or POST."""

    def __init__(self, server: Server, schemas: Schemas) -> None:
        self._server = server
        self._schemas = schemas
        self._bodies = BodyReader(server.settings)

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Answer the question of the parameter `q`."""
        found = read_query(req, QUERY)
        if "q" not in found:
            raise invalid_query("/q", "Add the question as JSON in the parameter q, or send it by POST.")
        self._answer(req, resp, name, found["q"].encode())

    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Answer the question of the body."""
        read_query(req, ())
        self._answer(req, resp, name, self._bodies.read(req, QUESTION_BYTES))

    def _answer(self, req: falcon.Request, resp: falcon.Response, name: str, content: bytes) -> None:
        analysis = self._server.analyses.get(name)
        if analysis is None:
            known = ", ".join(self._server.analyses) or "none: all their plugins are disabled"
            raise OpenMetricsError("not-found", f"There is no analysis {name[:60]!r}; there are {known}.")
        self.answer(req, resp, analysis, parse_document(content))

    def answer(self, req: falcon.Request, resp: falcon.Response, analysis: Analysis, document: Any) -> None:
        """Send what was asked for."""
        send_json(resp, run_analysis(analysis, document, self._server.asking(), self._schemas))


class Answers(_Asked):
    """`GET` and `POST /v1/analyses/{name}`."""


class PeopleLists(_Asked):
    """`GET` and `POST /v1/analyses/{name}/people`."""

    def answer(self, req: falcon.Request, resp: falcon.Response, analysis: Analysis, document: Any) -> None:
        """Send a page of people, or by `Accept` all of them as CSV or NDJSON."""
        rest, size, after = _read_page(document)
        asking = self._server.asking()
        people = find_people(analysis, rest, asking, self._schemas)
        kind = req.client_prefers((CSV, NDJSON)) if req.accept != "*/*" else None
        if kind is not None and not req.client_accepts_json:
            resp.content_type = f"{kind}; charset=utf-8" if kind == CSV else kind
            resp.stream = _stream(people, asking, kind)
            return
        first = 0 if after is None else int(np.searchsorted(people.keys, after, side="right"))
        keys = people.keys[first : first + size]
        is_last = first + size >= len(people.keys)
        following = None if is_last else write_cursor([int(keys[-1])])
        send_json(resp, {"total": people.total, "people": _describe(people, keys, asking), "next": following})


class Columns:
    """`GET /v1/columns`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give the months and how far each is prepared."""
        read_query(req, ())
        send_json(resp, self._server.columns.report())


def _read_page(document: Any) -> tuple[Any, int, int | None]:
    """Take `page_size` and `cursor` out of a question."""
    if not isinstance(document, Mapping):
        raise invalid_query("", "A question is an object: the analysis' members and `pick`.")
    rest = {name: value for name, value in document.items() if name not in ("page_size", "cursor")}
    size = document.get("page_size", DEFAULT_LIMIT)
    if type(size) is not int or not 1 <= size <= MAX_LIMIT:
        raise invalid_query("/page_size", f"page_size is a whole number from 1 to {MAX_LIMIT}.")
    cursor = document.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise invalid_query("/cursor", "A cursor is the text of `next` of the last page.")
    found = read_cursor(cursor, (int,))
    return rest, size, found[0] if found else None


def _describe(people: People, keys: Any, asking: Asking) -> list[dict[str, Any]]:
    rows = []
    has_values = people.view.has_property_units
    for key, (user_id, session_id) in zip(keys.tolist(), people.view.describe(keys), strict=True):
        row: dict[str, Any] = {
            "actor": f"{key + (1 << 63):016x}",
            "user_id": user_id,
            "session_id": session_id,
        }
        if has_values:
            row |= {"session_id": None, "value": session_id}
        rows.append({**row, "properties": _profile(user_id, None if has_values else session_id, asking)})
    return rows


def _profile(user_id: str | None, session_id: str | None, asking: Asking) -> Any:
    if user_id is not None:
        return asking.identity.properties_of(user_id)
    return {} if session_id is None else asking.identity.session(session_id).profile


def _stream(people: People, asking: Asking, kind: str) -> Iterator[bytes]:
    if kind == CSV:
        yield _to_csv([FIELDS])
    for first in range(0, len(people.keys), ROWS_A_PIECE):
        rows = _describe(people, people.keys[first : first + ROWS_A_PIECE], asking)
        if kind == CSV:
            yield _to_csv([_cells(row) for row in rows])
        else:
            yield b"".join(to_json(row) + b"\n" for row in rows)


def _cells(row: Mapping[str, Any]) -> Sequence[Any]:
    return [*(row.get(name) for name in FIELDS[:-1]), to_json(row["properties"]).decode()]


def _to_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
