"""Read what an export holds, table by table, in bounded memory, from any position on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from openmetrics.plugin import EventsQuery, OpenMetricsError, Partition, Server, period_of, to_json
from openmetrics_plugins.exporter.question import SAVED, Kind, Position, Question

if TYPE_CHECKING:
    import pyarrow

ROWS = 20_000
PAGE = 5_000
USERS = 1_000
MAX_OWNERS = 100_000
SCANNED: dict[Kind, tuple[str, ...]] = {
    "events": ("event",), "links": ("link",), "operations": ("op",), "merges": ("merge", "unmerge"),
}  # fmt: skip
"""The kinds of facts in each kind of export."""
COLUMNS: dict[Kind, tuple[str, ...]] = {
    "events": ("id", "time", "received", "name", "user_id", "session_id", "source", "active", "raw"),
    "links": ("id", "time", "received", "user_id", "session_id", "explicit"),
    "operations": ("id", "time", "received", "user_id", "session_id", "target", "op", "raw"),
    "merges": ("id", "time", "received", "user_id", "other"),
}
Piece = tuple[Kind, "pyarrow.Table", Position]
"""A kind, rows of it with the scan's columns (events: and `owner`; merges: and `kind`), and what follows."""


class Reader:
    """Read an export's pieces. What was received before the first one's `begun_ms` is there once."""

    def __init__(self, server: Server, question: Question) -> None:
        self._server = server
        self._question = question
        self._owners: dict[tuple[str | None, str | None], Any] = {}

    def begin(self) -> Position:
        """Wait until all that was acknowledged is visible, and return where a new export begins."""
        begun_ms = self._server.clock.now_ms()
        self._prepare()
        return Position(begun_ms)

    def iter_pieces(self, position: Position) -> Iterator[Piece]:
        """Yield all pieces from a position on. Raises OpenMetricsError `conflict` where it is gone."""
        self._prepare()
        for place, kind in enumerate(self._question.kinds):
            if place < position.place:
                continue
            here = position if place == position.place else Position(position.begun_ms, place)
            if kind == "documents":
                yield from self._read_documents(here)
            elif kind == "profiles":
                yield from self._iter_profiles(here)
            elif kind == "events" and self._question.filter is not None:
                yield from self._iter_pages(here)
            else:
                yield from self._iter_scans(kind, here)

    def _prepare(self) -> None:
        self._server.reading()
        self._server.identity.sync()

    def _iter_scans(self, kind: Kind, position: Position) -> Iterator[Piece]:
        """Read partition by partition, each in the order in which its facts were stored."""
        import pyarrow

        parts = [part for part in self._server.store.partitions() if part.kind in SCANNED[kind]]
        keys = [(part.kind, part.period, part.identity) for part in parts]
        first, since = 0, {}
        if position.part:
            if position.part not in keys:
                detail = "What this cursor points at was dropped or restored; begin a new export."
                raise OpenMetricsError("conflict", detail)
            first, since = keys.index(position.part), dict(position.marks)
        for part, key in list(zip(parts, keys, strict=True))[first:]:
            if not self._overlaps(part):
                continue
            for table, marks in _iter_slices(self._server.store.scan(part, since, COLUMNS[kind]), since):
                if kind == "merges":
                    table = table.append_column("kind", pyarrow.array([part.kind] * len(table)))
                found = Position(position.begun_ms, position.place, key, marks)
                yield kind, self._finish(kind, table, position), found
            since = {}

    def _overlaps(self, part: Partition) -> bool:
        """Say whether a partition may hold events of the range."""
        start_ms, end_ms = self._question.start_ms, self._question.end_ms
        if part.kind != "event":
            return True
        if start_ms is not None and _order(part.period) < _order(period_of(start_ms)):
            return False
        return end_ms is None or _order(part.period) <= _order(period_of(end_ms - 1))

    def _finish(self, kind: Kind, table: Any, position: Position) -> Any:
        """Leave out what came later or lies outside the range, and add the owners of events."""
        from pyarrow import compute

        keep = compute.less_equal(table["received"], position.begun_ms)
        if kind == "events" and self._question.start_ms is not None:
            keep = compute.and_(keep, compute.greater_equal(table["time"], self._question.start_ms))
        if kind == "events" and self._question.end_ms is not None:
            keep = compute.and_(keep, compute.less(table["time"], self._question.end_ms))
        table = table.filter(keep)
        return self._add_owners(table) if kind == "events" else table

    def _add_owners(self, table: Any) -> Any:
        import pyarrow

        sent, sessions = table["user_id"].to_pylist(), table["session_id"].to_pylist()
        pairs = list(zip(sessions, sent, strict=True))
        known = self._owners
        if len(known) > MAX_OWNERS:
            known.clear()
        # PERF: sessions come again in the pieces that follow; looking one up takes as long as 10 events.
        unmet = list(set(pairs).difference(known))
        known.update(zip(unmet, self._server.identity.owners_of(unmet), strict=True))
        owners = [known[pair] for pair in pairs]
        if any(isinstance(owner, tuple) for owner in owners):  # a session that was of several users
            times = table["time"].to_pylist()
            owners = [
                self._server.identity.owner(*pair[:1], time, pair[1]) if isinstance(owner, tuple) else owner
                for owner, pair, time in zip(owners, pairs, times, strict=True)
            ]
        return table.append_column("owner", pyarrow.array(owners, pyarrow.string()))

    def _iter_pages(self, position: Position) -> Iterator[Piece]:
        """Read events that match a filter, in the order of their times."""
        import pyarrow

        filter = self._server.identity.expand_filter(self._question.filter)
        cursor = tuple(position.marks) or None
        while True:
            query = EventsQuery(
                self._question.start_ms, self._question.end_ms, filter, limit=PAGE, cursor=cursor,  # type: ignore[arg-type]
            )  # fmt: skip
            page = self._server.store.events(query)
            if page.events:
                columns = list(zip(*map(dataclasses.astuple, page.events), strict=True))
                table = pyarrow.table(columns, schema=_page_schema())
                last = page.events[-1]
                cursor = (last.time_ms, last.received_ms, last.event_id)
                found = Position(position.begun_ms, position.place, ("page",), cursor)
                yield "events", self._finish("events", table, position), found
            if page.next is None:
                return

    def _read_documents(self, position: Position) -> Iterator[Piece]:
        """Read the property names and all that is saved, in one piece."""
        import pyarrow

        if position.part:
            return
        names = self._server.road.names
        names.load()
        records: list[dict[str, Any]] = []
        if names.known:
            records.append({"kind": "names", "names": sorted(names.known)})
        for collection in SAVED:
            records += [
                {"kind": "document", "collection": collection, "id": document.id, "body": document.body}
                for document in self._server.store.control_list(collection)
            ]
        table = pyarrow.table({"record": [to_json(record).decode() for record in records]})
        yield "documents", table, Position(position.begun_ms, position.place, ("read",))

    def _iter_profiles(self, position: Position) -> Iterator[Piece]:
        """Read the profiles of all users that facts name, as they are now."""
        import pyarrow

        identity = self._server.identity
        after = str(position.marks[0]) if position.part else ""
        while names := identity.users(after=after, limit=USERS):
            texts = [to_json(identity.properties_of(name)).decode() for name in names]
            after = names[-1]
            table = pyarrow.table({"user_id": names, "properties": texts})
            yield "profiles", table, Position(position.begun_ms, position.place, ("users",), (after,))


def _iter_slices(batches: Iterator[Any], since: Mapping[str, int]) -> Iterator[tuple[Any, dict[str, int]]]:
    """Cut batches into tables of `ROWS` at most, each with the marks that stand behind it."""
    import pyarrow

    marks = dict(since)
    slices = (batch.slice(first, ROWS) for batch in batches for first in range(0, len(batch), ROWS))
    for table in (pyarrow.Table.from_batches([part]) for part in slices):
        shards, numbers = table["shard"], table["seq"]
        if len(shards.unique()) == 1:
            marks = marks | {shards[0].as_py(): numbers[-1].as_py()}
        else:
            marks = marks | dict(zip(shards.to_pylist(), numbers.to_pylist(), strict=True))
        yield table.drop_columns(["shard", "seq"]), marks


def _order(period: str) -> str:
    return period if period[0].isdigit() else ""  # what lies before all months comes first


def _page_schema() -> Any:
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    types = (text, number, number, text, text, text, text, pyarrow.bool_(), text)
    return pyarrow.schema(list(zip(COLUMNS["events"], types, strict=True)))
