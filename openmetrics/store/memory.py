"""Keep facts in memory: the reference that every engine must equal, and a store for tests."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openmetrics.query.calendar import interval_start
from openmetrics.query.figures import compute_figure, values_of
from openmetrics.query.match import matches, texts_of
from openmetrics.query.model import AggregateQuery, EventsQuery, ValuesQuery
from openmetrics.settings import Settings
from openmetrics.store.base import (
    FACT_KINDS,
    Capability,
    ControlDocument,
    Deletion,
    Engine,
    Health,
    Page,
    Partition,
    QueryTimeoutError,
    QueryTooLargeError,
    Refusal,
    Row,
    Shard,
    StoreUnavailableError,
    ValueRow,
    Values,
    VersionConflictError,
    WriteReport,
)  # fmt: skip
from openmetrics.store.lines import LineError, parse_line, partition_of, to_stored_event
from openmetrics.store.scan import iter_batches, schema_of

if TYPE_CHECKING:
    import pyarrow

Fact = dict[str, Any]
SHARD = "0"


class MemoryStore:
    """Hold parsed spool lines. Thread-safe because every method takes the one lock."""

    name = "memory"
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facts: dict[tuple[str, str], dict[str, Fact]] = {}
        self._identities: dict[tuple[str, str], str] = {}
        self._control: dict[tuple[str, str], ControlDocument] = {}
        self._numbers = itertools.count()
        self._last_seq = -1
        self._is_open = True

    def ensure_schema(self) -> None:
        """Do nothing but check that the store is open."""
        self._check_open()

    def declare_names(self, names: Sequence[str]) -> None:
        """Do nothing: any name can be asked for."""
        self._check_open()

    def write(self, lines: bytes) -> WriteReport:
        """Store spool lines; the first of an identity wins."""
        stored = duplicate = 0
        refused = []
        with self._opened():
            for index, line in enumerate(lines.removesuffix(b"\n").split(b"\n") if lines else ()):
                try:
                    is_new = self._add(parse_line(line))
                except LineError as error:
                    refused.append(Refusal(index, error.code, str(error)))
                    continue
                stored += is_new
                duplicate += not is_new
        return WriteReport(stored, duplicate, tuple(refused))

    def _add(self, fact: Fact) -> bool:
        key = partition_of(fact)
        also = self._facts.get(("event", fact["also"]), {}) if "also" in fact else {}
        facts = self._facts.setdefault(key, {})
        if fact["id"] in facts or fact["id"] in also:
            return False
        self._identities.setdefault(key, uuid.uuid4().hex)
        self._last_seq = next(self._numbers)
        facts[fact["id"]] = {**fact, "shard": SHARD, "seq": self._last_seq}
        return True

    def refresh(self) -> None:
        """Do nothing: facts are visible once written."""
        self._check_open()

    def _select(self, query: AggregateQuery | EventsQuery | ValuesQuery) -> list[Fact]:
        """Return the events of a question's range and filter, in order."""
        with self._opened():
            groups = [facts.values() for (kind, _), facts in self._facts.items() if kind == "event"]
            events = list(itertools.chain.from_iterable(groups))
        found = []
        for count, event in enumerate(events):
            if count % 1_000 == 0:
                _check_deadline(query.deadline)
            if (
                (query.start_ms is None or event["time"] >= query.start_ms)
                and (query.end_ms is None or event["time"] < query.end_ms)
                and matches(event, query.filter)
            ):
                found.append(event)
        return sorted(found, key=_order)

    def aggregate(self, query: AggregateQuery) -> list[Row]:
        """Group the events and compute figures; one row without interval and breakdown."""
        grouped: dict[tuple[Any, ...], list[Fact]] = defaultdict(list)
        if query.interval is None and not query.breakdown:
            grouped[(None,)] = []
        for event in self._select(query):
            start = interval_start(event["time"], query.interval) if query.interval else None
            choices = [set(texts_of(event, field)) or (None,) for field in query.breakdown]
            for group in itertools.product(*choices):
                grouped[(start, *group)].append(event)
        if len(grouped) > query.limit:
            raise QueryTooLargeError(f"The answer has more than {query.limit} rows; ask for less at once.")
        rows = [
            Row(key[0], key[1:], tuple(compute_figure(events, measure) for measure in query.measures))
            for key, events in grouped.items()
        ]
        return sorted(rows, key=lambda row: (row.time_ms or 0, [(text is None, text) for text in row.group]))

    def events(self, query: EventsQuery) -> Page:
        """Read one page of events."""
        events = self._select(query)
        if query.newest_first:
            events.reverse()
        if query.cursor is not None:
            places = map(_order, events)
            beyond = [key < query.cursor if query.newest_first else key > query.cursor for key in places]
            events = list(itertools.compress(events, beyond))
        page = events[: query.limit]
        following = _order(page[-1]) if page and len(events) > len(page) else None
        return Page(tuple(to_stored_event(event) for event in page), following)

    def values(self, query: ValuesQuery) -> Values:
        """List names, properties or values with counts."""
        counts: Counter[str] = Counter()
        last: dict[str, int] = {}
        kinds = defaultdict(set)
        for event in self._select(query):
            for value in values_of(event, query):
                counts[value] += 1
                last[value] = event["time"]
            for entry in event.get("kinds", ()):
                name, _, kind = entry.rpartition("\x01")
                kinds[name].add(kind)
        rows = [
            ValueRow(
                value,
                count,
                last[value] if query.what == "names" else None,
                tuple(sorted(kinds[value])) if query.what == "properties" else (),
            )
            for value, count in counts.items()
            if value.startswith(query.prefix)
        ]
        rows.sort(key=lambda row: (-row.count, row.value))
        return Values(tuple(rows[: query.limit]), query.limit is None or len(rows) <= query.limit)

    def partitions(self) -> list[Partition]:
        """List all partitions, each with one shard."""
        with self._opened():
            found = [
                Partition(kind, period, identity, (Shard(SHARD, self._last_seq),))  # type: ignore[arg-type]
                for (kind, period), identity in self._identities.items()
            ]
        return sorted(
            found, key=lambda part: (FACT_KINDS.index(part.kind), part.period != "old", part.period)
        )

    def scan(
        self, partition: Partition, since: Mapping[str, int], columns: Sequence[str]
    ) -> Iterator[pyarrow.RecordBatch]:
        """Read facts with a sequence number above `since`."""
        schema = schema_of(partition.kind, columns)
        with self._opened():
            facts = list(self._facts.get((partition.kind, partition.period), {}).values())
        return iter_batches([fact for fact in facts if fact["seq"] > since.get(SHARD, -1)], schema)

    def control_get(self, kind: str, id: str) -> ControlDocument | None:
        """Read one control document."""
        self._check_open()
        return self._control.get((kind, id))

    def control_put(self, document: ControlDocument, create: bool = False) -> ControlDocument:
        """Write a document if its version is the newest."""
        key = (document.kind, document.id)
        with self._opened():
            found = self._control.get(key)
            if create and found:
                raise VersionConflictError(f"There is already a {document.kind} {document.id!r}.")
            if not create and document.version and (found is None or found.version != document.version):
                raise VersionConflictError
            self._control[key] = replace(document, version=str(next(self._numbers)))
            return self._control[key]

    def control_list(self, kind: str) -> list[ControlDocument]:
        """Read all documents of a kind, ordered by id."""
        with self._opened():
            return [self._control[key] for key in sorted(self._control) if key[0] == kind]

    def control_delete(self, kind: str, id: str, version: str = "") -> bool:
        """Delete a document; say whether it was there."""
        with self._opened():
            found = self._control.get((kind, id))
            if found and version and found.version != version:
                raise VersionConflictError
            return self._control.pop((kind, id), None) is not None

    def delete(self, deletion: Deletion) -> int:
        """Delete facts that match the filter, and whole event periods."""
        count = 0
        with self._opened():
            for key in list(self._facts):
                if key[0] == "event" and key[1] in deletion.periods:
                    del self._identities[key]
                    count += len(self._facts.pop(key))
                elif key[0] in deletion.kinds and deletion.filter is not None:
                    facts = self._facts[key]
                    kept = {id: fact for id, fact in facts.items() if not matches(fact, deletion.filter)}
                    count += len(facts) - len(kept)
                    self._facts[key] = kept
        return count

    def erase(self, user_ids: Sequence[str], session_ids: Sequence[str], until_ms: int) -> int:
        """Delete what these users, or these sessions without a user, sent until then."""
        users, sessions = set(user_ids), set(session_ids)
        count = 0
        with self._opened():
            for key in list(self._facts):
                if key[0] == "tombstone":
                    continue
                facts = self._facts[key]
                kept = {
                    id: fact for id, fact in facts.items() if not _is_erased(fact, users, sessions, until_ms)
                }
                count += len(facts) - len(kept)
                self._facts[key] = kept
        return count

    def health(self) -> Health:
        """Say whether the store is open."""
        return Health(self._is_open, "Facts are in memory only." if self._is_open else "The store is closed.")

    def close(self) -> None:
        """Forget everything."""
        self._is_open = False
        self._facts.clear()
        self._control.clear()

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreUnavailableError("The store is closed.")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        with self._lock:
            self._check_open()
            yield


def _check_deadline(deadline: float | None) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise QueryTimeoutError


def _is_erased(fact: Fact, users: set[str], sessions: set[str], until_ms: int) -> bool:
    if fact["received"] > until_ms:
        return False
    named = {fact[name] for name in ("user_id", "other") if fact.get(name) is not None}
    return not users.isdisjoint(named) if named else fact.get("session_id") in sessions


def _order(event: Fact) -> tuple[int, int, str]:
    return event["time"], event["received"], event["id"]


def open_memory(settings: Settings) -> MemoryStore:
    """Open an empty store."""
    return MemoryStore()


ENGINE = Engine("memory", MemoryStore.capabilities, open_memory)
