"""Mark the events of weekends, and count them: `GET /x/weekend/count`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from openmetrics.plugin import (
    AggregateQuery,
    Comparison,
    Event,
    Field,
    Measure,
    Operation,
    Origin,
    Processor,
    Route,
    Server,
    Setting,
    hookimpl,
)


@hookimpl
def register_settings() -> list[Setting]:
    """Let the operator name the property."""
    return [Setting("weekend_property", str, "weekend", "Property that the plugin sets.")]


@hookimpl
def register_processors(server: Server) -> list[Processor]:
    """Mark every event before it is stored."""
    name = server.settings.weekend_property

    def mark(event: Event, origin: Origin) -> Event:
        event.properties[name] = datetime.fromtimestamp(event.time_ms / 1000, UTC).weekday() >= 5
        return event

    return [Processor("weekend", "enrich", mark)]


@hookimpl
def register_routes(server: Server) -> list[Route]:
    """Answer how many there are."""
    get = Operation("GET", "Count the events of weekends.", answers={"200": "The count."})
    return [Route("/x/weekend/count", Count(server), (get,))]


class Count:
    """`GET /x/weekend/count`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: Any, resp: Any) -> None:
        """Ask the store, once it holds everything that was acknowledged before."""
        field = Field("props", self._server.settings.weekend_property)
        deadline = self._server.deadline()
        query = AggregateQuery((Measure("count"),), filter=Comparison(field, "eq", "true"), deadline=deadline)
        [row] = self._server.reading(deadline).aggregate(query)
        resp.media = {"events": row.figures[0]}
