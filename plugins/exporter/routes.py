"""`GET /v1/export`: a stream of all that is asked for, or one piece of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falcon
import orjson

from openmetrics.plugin import Operation, Route, Server, invalid_query, read_query
from openmetrics_plugins.exporter.lines import render_lines
from openmetrics_plugins.exporter.question import (
    PARAMETERS,
    Position,
    Question,
    pack_position,
    parse_question,
    unpack_position,
)
from openmetrics_plugins.exporter.reading import Reader
from openmetrics_plugins.exporter.stream import PARQUET, iter_csv, iter_parquet

TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
NEXT = "Next-Cursor"
PIECE = {
    "enum": ["true", "false"],
    "default": "false",
    "description": f"Give one piece only, and in the header {NEXT} where the next begins.",
}
EXPORT = Operation(
    "GET",
    "Export events, links, operations on profiles, merges, or profiles. Needs an admin key.",
    {**PARAMETERS, "piece": PIECE},
    answers={"200": "NDJSON, CSV or Parquet.", "409": "The cursor is of a store that was replaced."},
)


def routes(server: Server) -> tuple[Route, ...]:
    """Return the route of exports."""
    return (Route("/v1/export", Export(server), (EXPORT,), scope="admin"),)


class Export:
    """`GET /v1/export`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Stream an export from its beginning or from a cursor."""
        found = read_query(req, EXPORT.query)
        is_piece = found.pop("piece", "false")
        if is_piece not in ("true", "false"):
            raise invalid_query("/piece", "piece is true or false.")
        question = parse_question(found)
        reader = Reader(self._server, question)
        position = unpack_position(question, found.get("cursor")) or reader.begin()
        resp.content_type = TYPES[question.format]
        pieces = reader.iter_pieces(position)
        if is_piece == "true":
            first = next(pieces, None)
            resp.data = b"".join(render(question, iter(() if first is None else (first,)), "cursor" in found))
            resp.set_header(NEXT, "" if first is None else pack_position(question, first[2]))
        else:
            resp.stream = (
                render(question, pieces, "cursor" in found)
                if question.format != "ndjson"
                else (iter_marked(question, pieces))
            )


def render(question: Question, pieces: Iterator[Any], is_rest: bool) -> Iterator[bytes]:
    """Yield the content of pieces; the rest of a CSV has no header."""
    if question.format == "csv":
        yield from iter_csv(question.kinds[0], pieces, is_rest)
    elif question.format == PARQUET:
        yield from iter_parquet(question.kinds[0], pieces)
    else:
        for kind, table, _ in pieces:
            yield render_lines(kind, table)


def iter_marked(question: Question, pieces: Iterator[Any]) -> Iterator[bytes]:
    """Yield lines, after each piece a cursor from which a broken export goes on, and `end` at the end."""
    counts: dict[str, int] = {}
    for kind, table, position in pieces:
        counts[kind] = counts.get(kind, 0) + len(table)
        if len(table):
            yield render_lines(kind, table) + cursor_line(question, position)
    yield orjson.dumps({"kind": "end", "counts": counts}) + b"\n"


def cursor_line(question: Question, position: Position) -> bytes:
    """Return the line that says from where to go on."""
    return orjson.dumps({"kind": "cursor", "cursor": pack_position(question, position)}) + b"\n"
