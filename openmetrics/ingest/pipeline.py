"""Take a batch in: check, normalise, process, link, write to the spool. Then it is acknowledged.

Each step sees one draft after the other; a bad one is refused by itself and never takes its neighbours
with it.
"""

from __future__ import annotations

import copy
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from openmetrics.clock import Clock
from openmetrics.errors import Fault, OpenMetricsError
from openmetrics.ingest.event import (
    OPERATIONS,
    Event,
    ProfileOperation,
    link_id,
    link_line,
    operation_line,
    to_json,
)
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
    Restored,
)
from openmetrics.ingest.restore import restore_event, restore_fact
from openmetrics.ingest.seen import SeenLinks
from openmetrics.query.values import is_indexable_name
from openmetrics.schemas import Schemas

log = logging.getLogger("openmetrics.pipeline")


@dataclass(frozen=True, slots=True)
class Processor:
    """A plugin's step: sees each normalised event and returns it (changed or not) or a `Drop`.

    All of stage `enrich` run before all of `filter`, each stage in order of name.
    """

    name: str
    stage: Literal["enrich", "filter"]
    run: Callable[[Event, Origin], Event | Drop]


RECORDS = {
    "event": "event", "link": "link", "operation": "operation", "merge": "merge", "unmerge": "merge",
}  # fmt: skip
"""The kinds of exported facts, with the schema of each."""


EXPORT_BYTES = 4_096
"""What an export adds to an event, at most, so that the largest one can be imported again."""


class Appender(Protocol):
    """Where accepted lines go: returns when they survive a crash (see `openmetrics.ingest.spool`)."""

    def append(self, lines: bytes) -> None:
        """Write newline-terminated lines durably. Raises OpenMetricsError `buffer-full`."""


class NameRegistry(Protocol):
    """Which property names are indexed (see `openmetrics.ingest.names`)."""

    known: set[str]
    refused: set[str]


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
        self._record_schemas = {kind: schemas[f"export_{name}"] for kind, name in RECORDS.items()}
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
        batch = self._gather(drafts, origin)
        if batch.lines:
            self._spool.append(b"".join(batch.lines))
            self.seen.remember(batch.links)
        self.counts["accepted"] += batch.receipt.accepted
        for rejection in batch.receipt.rejected:
            self.counts[f"rejected:{rejection.code}"] += 1
        return batch.receipt

    def check(self, drafts: Drafts, origin: Origin) -> Receipt:
        """Return the receipt that `accept` would give now, and keep nothing."""
        return self._gather(drafts, origin).receipt

    def beside(self, spool: Appender) -> Pipeline:
        """Return a pipeline with the same rules and figures that appends to another spool."""
        other = copy.copy(self)
        other._spool = spool
        other.seen = SeenLinks()
        return other

    def append(self, lines: bytes) -> None:
        """Write ready fact lines (merges, undoing them, ...) durably."""
        self._spool.append(lines)

    def _gather(self, drafts: Drafts, origin: Origin) -> _Batch:
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
        return batch

    def _take(self, index: int, draft: Draft, new_id: str, batch: _Batch) -> None:
        if isinstance(draft, Identify):
            batch.lines.extend(self._identify_lines(draft, new_id, batch.origin))
            return
        if isinstance(draft, Refused):
            raise RejectionError(draft.detail, draft.pointer, draft.code)
        if isinstance(draft, Restored):
            self._restore(index, draft.body, batch)
            return
        if not self._event_schema.is_valid(draft):
            raise _rejection(self._event_schema.explain(draft))
        event = normalise(draft, batch.origin, new_id)
        advice = self._refuse_user(event)
        if self.processors:
            processed = self._process(event, batch.origin)
            if processed is None:
                return
            event = processed
        self._keep(index, draft, event, advice, batch)

    def _restore(self, index: int, record: Mapping[str, Any], batch: _Batch) -> None:
        schema = self._record_schemas.get(record.get("kind", "event"))
        if schema is None:
            raise RejectionError(f"takes one of {', '.join(RECORDS)}", "/kind")
        if not schema.is_valid(record):
            raise _rejection(schema.explain(record))
        if record.get("kind", "event") != "event":
            batch.lines.append(restore_fact(record, batch.origin.received_ms))
            return
        event = restore_event(record, batch.origin.received_ms)
        self._keep(index, record, event, self._refuse_user(event), batch)

    def _refuse_user(self, event: Event) -> list[Advice]:
        """Take a user id off an event that is no person's."""
        if event.user_id is None or event.user_id not in self.refused_ids:
            return []
        advice = [advise_refused(event.user_id)]
        event.user_id = None
        self.counts["refused:user-id"] += 1
        return advice

    def _keep(
        self, index: int, draft: Mapping[str, Any], event: Event, advice: list[Advice], batch: _Batch
    ) -> None:
        """Write an event's line, and its link where it names both ids."""
        new: list[str] = []
        names = self._names
        if not names.known.issuperset(event.properties):
            advice += advise_names(event.properties, names.refused)
            fresh = event.properties.keys() - names.known - names.refused
            new = sorted(name for name in fresh if is_indexable_name(name))
        line = event_line(event, new, names.refused)
        self._check_size(line, draft)
        batch.lines.append(line)
        batch.receipt.events[index] = event
        if event.user_id is not None and event.session_id is not None:
            self._add_link(event, batch)
        batch.receipt.warnings.extend(
            Advice(row.code, row.detail, f"/{index}{row.pointer}") for row in advice
        )

    def _check_size(self, line: bytes, draft: Mapping[str, Any]) -> None:
        limit = self._event_bytes + (EXPORT_BYTES if "received" in draft else 0)
        if len(line) > limit and len(to_json(draft)) > limit:
            detail = f"an event has at most {self._event_bytes} bytes; send less data with it"
            raise RejectionError(detail, code="payload-too-large")

    def _process(self, event: Event, origin: Origin) -> Event | None:
        for processor in self.processors:
            try:
                result = processor.run(event, origin)
            except Exception as error:
                log.exception("the processor %s failed", processor.name)
                detail = f"The processor {processor.name!r} failed on an event; the server's log says why."
                raise OpenMetricsError("internal", detail) from error
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
        elif origin.is_import and user_id is not None and session_id is not None:
            raise RejectionError("an imported link needs its time", "/time")
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


def _rejection(faults: Sequence[Fault]) -> RejectionError:
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return RejectionError(first.detail + more, first.pointer)
