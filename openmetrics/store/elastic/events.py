"""Read events themselves, a page at a time."""

from __future__ import annotations

from typing import Any

from openmetrics.query.model import EventsQuery
from openmetrics.store.base import Page, StoredEvent
from openmetrics.store.elastic.connection import Connection
from openmetrics.store.elastic.filters import TIME, compile_query

HITS_A_SEARCH = 5_000
MEMBERS = ["id", "time", "received", "name", "user_id", "session_id", "source", "active", "raw"]
ORDER = (TIME, "received", "id")


def read_events(connection: Connection, index: str, query: EventsQuery) -> Page:
    """Read one page; facts never change, so a cursor needs no snapshot."""
    direction = "desc" if query.newest_first else "asc"
    body: dict[str, Any] = {
        "query": compile_query(query.start_ms, query.end_ms, query.filter),
        "sort": [{name: direction} for name in ORDER],
        "track_total_hits": False,
        # PERF: whole sources cost 35 µs each to parse, these members 3.
        "_source": MEMBERS,
    }
    if query.cursor is not None:
        body["search_after"] = list(query.cursor)
    hits: list[dict[str, Any]] = []
    while len(hits) <= query.limit:
        body["size"] = min(query.limit + 1 - len(hits), HITS_A_SEARCH)
        found = connection.search(index, body, query.deadline)["hits"]["hits"]
        hits += found
        if len(found) < body["size"]:
            break
        body["search_after"] = found[-1]["sort"]
    page = hits[: query.limit]
    following = tuple(page[-1]["sort"]) if page and len(hits) > len(page) else None
    return Page(tuple(_stored_event(hit["_source"]) for hit in page), following)


def _stored_event(line: dict[str, Any]) -> StoredEvent:
    return StoredEvent(
        line["id"], line["time"], line["received"], line["name"], line.get("user_id"),
        line.get("session_id"), line.get("source"), line["active"], line["raw"],
    )  # fmt: skip
