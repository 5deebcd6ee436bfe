"""The shapes that several answers share: an event as stored, figures of an actor's events."""

from __future__ import annotations

import json
from typing import Any

from openmetrics.query.model import AggregateQuery, EventsQuery, Filter, Measure
from openmetrics.query.times import format_time
from openmetrics.store.base import Store, StoredEvent


def event_json(stored: StoredEvent, owner: str | None) -> dict[str, Any]:
    """Return an event as answers show it; `owner` is the user that it belongs to.

    `sent_user_id` stands beside `user_id` where the owner is not what was sent.
    """
    shown: dict[str, Any] = {
        "event_id": stored.event_id,
        "time": format_time(stored.time_ms),
        "received": format_time(stored.received_ms),
        "name": stored.name,
        "user_id": owner,
    }
    if stored.user_id != owner:
        shown["sent_user_id"] = stored.user_id
    shown |= {"session_id": stored.session_id, "properties": {}}
    shown |= json.loads(stored.raw)  # not orjson: integers of any size stay exact
    if stored.source is not None:
        shown["source"] = stored.source
    return shown | {"active": stored.active}


def describe_activity(store: Store, filter: Filter, deadline: float) -> dict[str, Any]:
    """Return `first_seen`, `last_seen` (null where there is none) and `events` of the matching events."""
    edges = [
        store.events(EventsQuery(filter=filter, newest_first=newest, limit=1, deadline=deadline)).events
        for newest in (False, True)
    ]
    first, last = (format_time(found[0].time_ms) if found else None for found in edges)
    count = 0
    if first is not None:
        rows = store.aggregate(AggregateQuery((Measure("count"),), filter=filter, deadline=deadline))
        count = int(rows[0].figures[0] or 0)
    return {"first_seen": first, "last_seen": last, "events": count}


def has_events(store: Store, filter: Filter, deadline: float) -> bool:
    """Say whether any event matches."""
    return bool(store.events(EventsQuery(filter=filter, limit=1, deadline=deadline)).events)
