"""Page through the events of one user or session."""

from __future__ import annotations

from typing import Any

from openmetrics.http.questions import read_choice, read_cursor, read_limit, write_cursor
from openmetrics.http.shapes import event_json
from openmetrics.query.model import All, Comparison, EventsQuery, Field, Filter
from openmetrics.server import Server

QUERY: dict[str, Any] = {
    "order": {"enum": ["newest", "oldest"], "default": "newest", "description": "Which events come first."},
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 100,
        "description": "Events a page.",
    },
    "cursor": {"type": "string", "description": "`next` of the last page."},
    "name": {"type": "string", "description": "Only events of this name."},
}


def read_timeline(server: Server, found: dict[str, str], filter: Filter, deadline: float) -> dict[str, Any]:
    """Return `events` and `next` of the page that the query parameters `found` ask for."""
    cursor = read_cursor(found.get("cursor"), (int, int, str))
    if "name" in found:
        filter = All((Comparison(Field("name"), "eq", found["name"]), filter))
    page = server.store.events(
        EventsQuery(
            filter=filter,
            newest_first=read_choice(found, "order", ("newest", "oldest")) == "newest",
            limit=read_limit(found),
            cursor=tuple(cursor) if cursor else None,
            deadline=deadline,
        )
    )
    owners = [server.identity.owner(event.session_id, event.time_ms, event.user_id) for event in page.events]
    return {
        "events": [event_json(event, owner) for event, owner in zip(page.events, owners, strict=True)],
        "next": write_cursor(page.next) if page.next else None,
    }
