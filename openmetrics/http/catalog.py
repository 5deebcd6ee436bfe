"""What there is to ask about: event names, property names, values."""

from __future__ import annotations

from typing import Any

import falcon

from openmetrics.errors import invalid_query
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import DEFAULT_LIMIT, read_limit, read_query, read_range, send_json
from openmetrics.query.model import Comparison, Field, Filter, ValuesQuery
from openmetrics.query.times import format_time
from openmetrics.server import Server

TEXT = {"type": "string"}
COMMON: dict[str, Any] = {
    "prefix": TEXT | {"description": "Only what begins with this."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": DEFAULT_LIMIT},
    "from": TEXT | {"description": "Only events at or after this time."},
    "to": TEXT | {"description": "Only events before this time."},
}
EVENT = {"event": TEXT | {"description": "Only on events of this name."}}
PROPERTY = TEXT | {"description": "`props.X`, `name`, `source` or `value`.", "x-required": True}
LISTED = ("name", "source", "value")
LIMITED = ("fields", "context", "session_id", "user_id", "user")


def routes(server: Server) -> tuple[Route, ...]:
    """Return the catalog's routes."""

    def operation(summary: str, extra: dict[str, Any]) -> tuple[Operation, ...]:
        return (
            Operation("GET", summary, {**extra, **COMMON}, answers={"200": "The rows, most frequent first."}),
        )

    return (
        Route("/v1/catalog/events", Events(server), operation("List event names with counts.", {})),
        Route(
            "/v1/catalog/properties", Properties(server), operation("List property names with kinds.", EVENT)
        ),
        Route(
            "/v1/catalog/values",
            PropertyValues(server),
            operation("List the values of a property.", {"property": PROPERTY, **EVENT}),
        ),
    )


class _Catalog:
    def __init__(self, server: Server) -> None:
        self._server = server

    def ask(self, found: dict[str, str], what: Any, field: Field | None = None) -> Any:
        start_ms, end_ms = read_range(found, self._server.settings.timezone)
        event = found.get("event")
        filter: Filter | None = Comparison(Field("name"), "eq", event) if event is not None else None
        deadline = self._server.deadline()
        query = ValuesQuery(
            what, field, start_ms, end_ms, filter, found.get("prefix", ""), read_limit(found), deadline
        )
        return self._server.reading(deadline).values(query)


class Events(_Catalog):
    """`GET /v1/catalog/events`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List event names."""
        values = self.ask(read_query(req, COMMON), "names")
        rows = [
            {"name": row.value, "count": row.count, "last_seen": format_time(row.last_ms)}
            for row in values.rows
        ]
        send_json(resp, {"events": rows, "complete": values.complete})


class Properties(_Catalog):
    """`GET /v1/catalog/properties`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List property names."""
        values = self.ask(read_query(req, COMMON | EVENT), "properties")
        rows = [{"name": row.value, "kinds": list(row.kinds), "count": row.count} for row in values.rows]
        send_json(resp, {"properties": rows, "complete": values.complete})


class PropertyValues(_Catalog):
    """`GET /v1/catalog/values`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the values of one property."""
        found = read_query(req, {"property": PROPERTY, **COMMON, **EVENT})
        values = self.ask(found, "values", _read_field(found.get("property", "")))
        rows = [{"value": row.value, "count": row.count} for row in values.rows]
        send_json(resp, {"values": rows, "complete": values.complete})


def _read_field(path: str) -> Field:
    if path in LISTED:
        return Field(path)  # type: ignore[arg-type]
    kind, _, name = path.partition(".")
    if kind == "props" and name:
        return Field("props", name)
    if kind in LIMITED:
        raise invalid_query("/property", f"The values of {kind} are too many to list.")
    raise invalid_query(
        "/property", "property is `props.X` with a property name, `name`, `source` or `value`."
    )
