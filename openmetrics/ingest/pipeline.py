"""Take a batch in: check, normalise, process, link, write to the spool. Then it is acknowledged.

Each step sees one draft after the other; a bad one is refused by itself and never takes its neighbours
with it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, Protocol

from openmetrics.clock import Clock
from openmetrics.errors import Fault
from openmetrics.ingest.event import OPERATIONS, Event, ProfileOperation, link_line, operation_line, to_json
from openmetrics.ingest.line import event_line
from openmetrics.ingest.normalise import RejectionError, advise_names, normalise, read_time, text_id
from openmetrics.ingest.placeholders import RefusedIds, advise_refused, describe_refusal
from openmetrics.ingest.receipt import (
    Advice,
    Draft,
    Drafts,
    Drop,
    Identify,
    Origin,
    Receipt,
    Refused,
    Rejection,
)
from openmetrics.query.values import is_indexable_name
from openmetrics.schemas import Schemas


@dataclass(frozen=True, slots=True)
class Processor:
    """A plugin's step: sees each normalised event and returns it (changed or not) or a `Drop`.

    All of stage `enrich` run before all of `filter`, each stage in order of name.
    """

    name: str
    stage: Literal["enrich", "filter"]
    run: Callable[[Event, Origin], Event | Drop]


class Appender(Protocol):
    """Where accepted lines go: returns when they survive a crash (see `openmetrics.ingest.spool`)."""

    def append(self, lines: bytes) -> None:
        """Write newline-terminated lines durably. Raises OpenMetricsError `buffer-full`."""


class NameRegistry(Protocol):
    """Which property names are indexed (see `openmetrics.ingest.names`)."""

    known: set[str]
    refused: set[str]


class SeenLinks:
    """Remember, for pairs of session and user, the earliest event time that the spool holds.

    Bounded: beyond `limit` pairs it forgets all and links are written again, which changes nothing.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._limit = limit
        self._lock = threading.Lock()
        self._erased: frozenset[str] = frozenset()

    def is_new(self, session_id: str, user_id: str, time_ms: int) -> bool:
        """Say whether no event of the pair at this time or earlier is remembered."""
        seen = self._seen.get((session_id, user_id))
        return seen is None or time_ms < seen or user_id in self._erased

    def forget(self, user_ids: Iterable[str]) -> None:
        """Never rely again on having seen a link of these users: theirs are erased."""
        self._erased |= frozenset(user_ids)

    def remember(self, pairs: dict[tuple[str, str], int]) -> None:
        """Note pairs whose links the spool has."""
        with self._lock:
            if len(self._seen) > self._limit:
                self._seen.clear()
            for pair, time_ms in pairs.items():
                self._seen[pair] = min(time_ms, self._seen.get(pair, time_ms))


@dataclass(slots=True)
class _Batch:
    """What one call of `accept` gathers."""

    origin: Origin
    receipt: Receipt
    lines: list[bytes]
    links: dict[tuple[str, str], int]


class Pipeline:
    """Accept batches of drafts. Thread-safe because all shared parts are."""

    def __init__(
        self, schemas: Schemas, spool: Appender, names: NameRegistry, clock: Clock, event_bytes: int
    ) -> None:
        self._event_schema = schemas["event"]
        self._identify_schema = schemas["identify"]
        self._spool = spool
        self._names = names
        self._clock = clock
        self._event_bytes = event_bytes
        self.seen = SeenLinks()
        self.refused_ids = RefusedIds()
        self.processors: tuple[Processor, ...] = ()
        self.counts: Counter[str] = Counter()
        """Events accepted, rejected by code, dropped by reason; for `/metrics`."""

    def accept(self, drafts: Drafts, origin: Origin) -> Receipt:
        """Take drafts in; when this returns, what the receipt calls accepted survives a crash.

        Raises OpenMetricsError `buffer-full`: then nothing of the batch was accepted.
        """
        batch = _Batch(origin, Receipt(events=[None] * len(drafts)), [], {})
        new_ids = self._clock.new_event_ids(len(drafts))
        for index, draft in enumerate(drafts):
            before = len(batch.lines)
            try:
                self._take(index, draft, new_ids[index], batch)
                batch.receipt.accepted += 1
            except RejectionError as error:
                del batch.lines[before:]
                batch.receipt.rejected.append(Rejection(index, error.code, error.detail, error.pointer))
        if batch.lines:
            self._spool.append(b"".join(batch.lines))
            self.seen.remember(batch.links)
        self.counts["accepted"] += batch.receipt.accepted
        for rejection in batch.receipt.rejected:
            self.counts[f"rejected:{rejection.code}"] += 1
        return batch.receipt

    def append(self, lines: bytes) -> None:
        """Write ready fact lines (merges, undoing them, ...) durably."""
        self._spool.append(lines)

    def _take(self, index: int, draft: Draft, new_id: str, batch: _Batch) -> None:
        if isinstance(draft, Identify):
            batch.lines.extend(self._identify_lines(draft, new_id, batch.origin))
            return
        if isinstance(draft, Refused):
            raise RejectionError(draft.detail, draft.pointer, draft.code)
        if not self._event_schema.is_valid(draft):
            raise _rejection(self._event_schema.explain(draft))
        event = normalise(draft, batch.origin, new_id)
        advice: list[Advice] = []
        if event.user_id is not None and event.user_id in self.refused_ids:
            advice.append(advise_refused(event.user_id))
            event.user_id = None
            self.counts["refused:user-id"] += 1
        if self.processors:
            processed = self._process(event, batch.origin)
            if processed is None:
                return
            event = processed
        new: list[str] = []
        names = self._names
        if not names.known.issuperset(event.properties):
            advice += advise_names(event.properties, names.refused)
            fresh = event.properties.keys() - names.known - names.refused
            new = sorted(name for name in fresh if is_indexable_name(name))
        line = event_line(event, new, names.refused)
        if len(line) > self._event_bytes and len(to_json(draft)) > self._event_bytes:
            detail = f"an event has at most {self._event_bytes} bytes; send less data with it"
            raise RejectionError(detail, code="payload-too-large")
        batch.lines.append(line)
        batch.receipt.events[index] = event
        if event.user_id is not None and event.session_id is not None:
            self._add_link(event, batch)
        batch.receipt.warnings.extend(
            Advice(row.code, row.detail, f"/{index}{row.pointer}") for row in advice
        )

    def _process(self, event: Event, origin: Origin) -> Event | None:
        for processor in self.processors:
            result = processor.run(event, origin)
            if isinstance(result, Drop):
                self.counts[f"dropped:{result.reason}"] += 1
                return None
            event = result
        return event

    def _add_link(self, event: Event, batch: _Batch) -> None:
        assert event.user_id is not None
        assert event.session_id is not None
        pair = (event.session_id, event.user_id)
        earliest = batch.links.get(pair)
        if (earliest is None or event.time_ms < earliest) and self.seen.is_new(*pair, event.time_ms):
            id = link_id(*pair, event.time_ms, is_explicit=False)
            batch.lines.append(
                link_line(id, event.user_id, event.session_id, event.time_ms, event.received_ms, False)
            )
            batch.links[pair] = event.time_ms

    def _check_ids(self, user_id: str | None, session_id: str | None) -> None:
        if user_id is None and session_id is None:
            raise RejectionError("one of session_id, user_id is needed")
        if user_id is not None and user_id in self.refused_ids:
            raise RejectionError(describe_refusal(user_id), "/user_id")
        if user_id == session_id:
            detail = "a session cannot be linked to itself; send your own id of the user, or no user_id yet"
            raise RejectionError(detail, "/user_id")

    def _identify_lines(self, draft: Identify, new_id: str, origin: Origin) -> list[bytes]:
        if not self._identify_schema.is_valid(draft.body):
            raise _rejection(self._identify_schema.explain(draft.body))
        body = draft.body
        ids = [None if body.get(n) is None else text_id(body[n], f"/{n}") for n in ("user_id", "session_id")]
        user_id, session_id = ids
        self._check_ids(user_id, session_id)
        time_ms = origin.received_ms
        if body.get("time") is not None:
            time_ms = min(read_time(body["time"], "/time"), origin.received_ms + 86_400_000)
        lines = []
        if user_id is not None and session_id is not None:
            id = link_id(session_id, user_id, time_ms, is_explicit=True)
            lines.append(link_line(id, user_id, session_id, time_ms, origin.received_ms, True))
        contents = {op: body.get("properties" if op == "set" else op) for op in OPERATIONS}
        wanted = {op: content for op, content in contents.items() if content}
        if not wanted and not lines:
            wanted = {"set": {}}
        base = new_id if body.get("id") is None else text_id(body["id"], "/id")
        is_of_user = user_id is not None and draft.target == "actor"
        for op, content in wanted.items():
            owner = {"user_id": user_id} if is_of_user else {"session_id": session_id}
            operation: Any = ProfileOperation(
                f"{base}:{op}", time_ms, origin.received_ms, op, content, **owner, target=draft.target
            )
            lines.append(operation_line(operation))
        return lines


def link_id(session_id: str, user_id: str, time_ms: int, is_explicit: bool) -> str:
    """Return the identity of a link: a hash of all that it says."""
    text = f"{session_id}\0{user_id}\0{time_ms}\0{is_explicit}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _rejection(faults: Sequence[Fault]) -> RejectionError:
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return RejectionError(first.detail + more, first.pointer)
