"""What is happening now: `GET /v1/live`, polled with the cursor of the last answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import falcon

from openmetrics.analysis import check_segment
from openmetrics.audience import Audience
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import MAX_LIMIT, read_cursor, read_query, send_json, write_cursor
from openmetrics.http.shapes import event_json
from openmetrics.identity.table import IdentityTable
from openmetrics.query.model import AggregateQuery, Comparison, EventsQuery, Field, Measure, ValuesQuery
from openmetrics.server import Server
from openmetrics.store.base import Partition, StoredEvent

MAX_EVENTS = 200
MAX_ACTORS = 1_000_000
MAX_PAGES = 20
"""So many pages of 1,000 are looked through for the newest events of a segment."""
MAX_BEHIND = 100_000
"""A cursor further behind than this many events begins anew: that is no longer live."""
WINDOW_MS = 5 * 60_000
COLUMNS = ("id", "time", "received", "name", "user_id", "session_id", "source", "active", "raw")


def routes(server: Server) -> tuple[Route, ...]:
    """Return the live route."""
    after = {"type": "string", "description": "`next` of the last answer: only what came since."}
    name = {"type": "string", "description": "Only events of this name."}
    segment = {"type": "string", "description": "Only events of the users and sessions in this segment."}
    operation = Operation(
        "GET",
        "Give the newest events, counts by name, and active users of the last five minutes.",
        {"after": after, "name": name, "segment": segment},
        answers={"200": "Events (newest first, at most 200), counts, active users and the next cursor."},
    )
    return (Route("/v1/live", Live(server), (operation,)),)


class Live:
    """`GET /v1/live?after=cursor`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer what came since the cursor."""
        found = read_query(req, ("after", "name", "segment"))
        audience = None
        if "name" in found or "segment" in found:
            audience = Audience(self._server.asking(), found.get("name"), found.get("segment"))
            if audience.segment is not None:
                check_segment(audience.asking, audience.segment, "/segment")
        send_json(resp, self._look(read_cursor(found.get("after"), (dict,)), audience))

    def _look(self, marks: list[Any] | None, audience: Audience | None) -> dict[str, Any]:
        deadline = self._server.deadline()
        store = self._server.reading(deadline)
        partitions = [part for part in store.partitions() if part.kind == "event"]
        start_ms = self._server.clock.now_ms() - WINDOW_MS
        now = {
            f"{part.identity}/{shard.id}": shard.checkpoint for part in partitions for shard in part.shards
        }
        since: dict[str, int] = marks[0] if marks else now
        behind = sum(checkpoint - since.get(mark, -1) for mark, checkpoint in now.items())
        identity = self._server.identity
        identity.sync()
        if not marks or behind > MAX_BEHIND:
            events, counts = self._recent(deadline) if audience is None else self._recent_of(audience)
        else:
            events, counts = self._read_since(partitions, since, audience)
        return {
            "events": [event_json(event, _owner_of(identity, event)) for event in events],
            "counts": dict(counts),
            "active_users": self._count_active(deadline)
            if audience is None
            else audience.count_active(start_ms),
            "next": write_cursor([now]),
        }

    def _recent(self, deadline: float) -> tuple[list[StoredEvent], Counter[str]]:
        """Begin anew: the newest events, counted over the window."""
        start_ms = self._server.clock.now_ms() - WINDOW_MS
        page = self._server.store.events(
            EventsQuery(start_ms, None, None, newest_first=True, limit=MAX_EVENTS, deadline=deadline)
        )
        values = self._server.store.values(ValuesQuery("names", start_ms=start_ms, deadline=deadline))
        return list(page.events), Counter({row.value: row.count for row in values.rows})

    def _recent_of(self, audience: Audience) -> tuple[list[StoredEvent], Counter[str]]:
        """Begin anew: the newest events of an audience, as far back as a bounded look finds them."""
        start_ms = self._server.clock.now_ms() - WINDOW_MS
        filter = None if audience.name is None else Comparison(Field("name"), "eq", audience.name)
        events: list[StoredEvent] = []
        query = EventsQuery(
            start_ms, None, filter, newest_first=True, limit=MAX_LIMIT, deadline=audience.asking.deadline
        )
        for _ in range(MAX_PAGES):
            page = self._server.store.events(query)
            events += audience.choose(page.events)
            if page.next is None or len(events) >= MAX_EVENTS:
                break
            query = replace(query, cursor=page.next)
        if audience.segment is not None:
            return events[:MAX_EVENTS], audience.count_names(start_ms)
        values = self._server.store.values(ValuesQuery("names", None, start_ms, None, filter))
        return events[:MAX_EVENTS], Counter({row.value: row.count for row in values.rows})

    def _read_since(
        self, partitions: list[Partition], since: dict[str, int], audience: Audience | None
    ) -> tuple[list[StoredEvent], Counter[str]]:
        """Read what is complete above the marks; what other writers are still filling comes next time."""
        newest: list[StoredEvent] = []
        counts: Counter[str] = Counter()
        for partition in partitions:
            marks = {
                shard.id: since.get(f"{partition.identity}/{shard.id}", -1) for shard in partition.shards
            }
            limits = {shard.id: shard.checkpoint for shard in partition.shards}
            if all(limits[shard] <= marks[shard] for shard in limits):
                continue
            for batch in self._server.store.scan(partition, marks, COLUMNS):
                rows = [row for row in batch.to_pylist() if row["seq"] <= limits[row["shard"]]]
                found = [_stored(row) for row in rows]
                if audience is not None:
                    found = audience.choose(found)
                counts.update(event.name for event in found)
                newest += found
                newest = sorted(newest, key=_order, reverse=True)[:MAX_EVENTS]
        return newest, counts

    def _count_active(self, deadline: float) -> int:
        """Count distinct actors with an event of the window that counts as activity."""
        start_ms = self._server.clock.now_ms() - WINDOW_MS
        query = AggregateQuery(
            (Measure("count"),),
            start_ms,
            filter=Comparison(Field("active"), "eq", "true"),
            breakdown=(Field("user_id"), Field("session_id")),
            limit=MAX_ACTORS,
            deadline=deadline,
        )
        actors = set()
        for row in self._server.store.aggregate(query):
            user_id, session_id = row.group
            if user_id is not None:
                actors.add(("u", self._server.identity.final_user(user_id)))
            elif session_id is not None:
                owner = self._server.identity.owner(session_id, self._server.clock.now_ms())
                actors.add(("u", owner) if owner is not None else ("s", session_id))
        return len(actors)


def _order(event: StoredEvent) -> tuple[int, int, str]:
    return event.time_ms, event.received_ms, event.event_id


def _stored(row: dict[str, Any]) -> StoredEvent:
    return StoredEvent(
        row["id"], row["time"], row["received"], row["name"], row["user_id"], row["session_id"],
        row["source"], row["active"], row["raw"],
    )  # fmt: skip


def _owner_of(identity: IdentityTable, event: StoredEvent) -> str | None:
    return identity.owner(event.session_id, event.time_ms, event.user_id)
