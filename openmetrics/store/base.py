"""What an engine must offer, and the errors it may raise.

An engine stores *facts*, given as spool lines (see `openmetrics.ingest.event`), and answers
questions of `openmetrics.query.model`. At most three parameters a method; all methods are
thread-safe. Reads see every fact whose `write` returned before `refresh` was called.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from openmetrics.errors import OpenMetricsError
from openmetrics.query.model import AggregateQuery, EventsQuery, Filter, ValuesQuery

if TYPE_CHECKING:
    import pyarrow

FactKind = Literal["event", "link", "op", "merge", "unmerge", "tombstone"]
FACT_KINDS: tuple[FactKind, ...] = ("event", "link", "op", "merge", "unmerge", "tombstone")


class Capability(enum.Enum):
    """What tests and the server configuration ask about; nobody asks for an engine by name."""

    DURABLE = "durable"  # facts survive the process
    MULTI_PROCESS = "multi-process"  # several processes may open the same store at once


class StoreUnavailableError(OpenMetricsError):
    """Say that the engine cannot be reached or is overloaded; the call may be repeated later."""

    def __init__(self, detail: str = "The store does not answer; try again in a few seconds.") -> None:
        super().__init__("store-unavailable", detail, retry_after_s=5)


class VersionConflictError(OpenMetricsError):
    """Say that a control document has another version than the caller saw."""

    def __init__(self, detail: str = "It was changed meanwhile; read it again and repeat.") -> None:
        super().__init__("conflict", detail)


class QueryTimeoutError(OpenMetricsError):
    """Say that a question took longer than its deadline."""

    def __init__(self, detail: str = "The question took too long; ask for a shorter range.") -> None:
        super().__init__("query-timeout", detail)


class QueryTooLargeError(OpenMetricsError):
    """Say that a question would give more rows than its limit."""

    def __init__(self, detail: str) -> None:
        super().__init__("query-too-large", detail)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line that the engine will never take, by its index in the batch."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What became of a batch: every line is stored, a duplicate, or refused."""

    stored: int
    duplicate: int
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an aggregate: interval start (None without interval), group, one figure a measure.

    `count` and `numbers` are ints; `sum` of nothing is 0.0; `min` and `max` of nothing are None. A sum
    beyond the range of a float is None. Intervals and groups without any event are absent.
    """

    time_ms: int | None
    group: tuple[str | None, ...]
    figures: tuple[int | float | None, ...]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as stored: what was sent is in `raw`, a JSON text (see `ingest.event.Event.raw`)."""

    event_id: str
    time_ms: int
    received_ms: int
    name: str
    user_id: str | None
    session_id: str | None
    source: str | None
    active: bool
    raw: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of events and the cursor for the next one, or None at the end."""

    events: tuple[StoredEvent, ...]
    next: tuple[int, int, str] | None


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A name or value with the number of events that hold it.

    `last_ms` is the newest event time (for `names`); `kinds` the JSON kinds seen (for `properties`).
    """

    value: str
    count: int
    last_ms: int | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """The rows of a `ValuesQuery`; `complete` is false where `limit` cut the list."""

    rows: tuple[ValueRow, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Shard:
    """A numbered sequence of facts: everything up to `checkpoint` is complete and will not change."""

    id: str
    checkpoint: int


@dataclass(frozen=True, slots=True)
class Partition:
    """Facts of one kind: events of one period (`2026.11`, `old`), or all links, ops, ...

    `identity` changes when the underlying storage was dropped, restored or force-allocated.
    """

    kind: FactKind
    period: str
    identity: str
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True)
class ControlDocument:
    """A small JSON document with a version: keys, saved metrics, segments, property names, ..."""

    kind: str
    id: str
    body: Mapping[str, Any]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Deletion:
    """Name facts to delete for good: those of some kinds that match, or whole event periods.

    `filter` knows `Sent`, `SessionSpans`, and comparisons of `session_id` and `user_id`, joined by
    `All` and `AnyOf`.
    """

    kinds: tuple[FactKind, ...]
    filter: Filter | None = None
    periods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the engine answers, and one sentence for the operator."""

    is_ok: bool
    detail: str


class Store(Protocol):
    """The protocol; `openmetrics.testing.store_contract` is its executable form."""

    name: str
    capabilities: frozenset[Capability]

    def ensure_schema(self) -> None:
        """Create or check all tables or templates. Idempotent; safe from many processes at once."""

    def declare_names(self, names: Sequence[str]) -> None:
        """Prepare for new property names in one go, before events hold them. Idempotent."""

    def write(self, lines: bytes) -> WriteReport:
        """Store newline-terminated spool lines of any kinds. Idempotent by identity.

        An event's identity is (period of its time, id); other facts' is (kind, id). The first stored
        wins, within a batch too. An event line with a member `"also": "2026.10"` is a duplicate as
        well if that period holds its id. Raises StoreUnavailableError; a repeat is harmless then.
        """

    def refresh(self) -> None:
        """Make everything written before visible to reads. Shared by callers who come together."""

    def aggregate(self, query: AggregateQuery) -> list[Row]:
        """Compute figures, ordered by time and then group (None last)."""

    def events(self, query: EventsQuery) -> Page:
        """Read one page of events."""

    def values(self, query: ValuesQuery) -> Values:
        """List names, properties or values with counts."""

    def partitions(self) -> list[Partition]:
        """List all partitions with their checkpoints, oldest period first; made before a refresh."""

    def scan(
        self, partition: Partition, since: Mapping[str, int], columns: Sequence[str]
    ) -> Iterator[pyarrow.RecordBatch]:
        """Read facts with a sequence number above `since[shard.id]` (default -1), no upper bound.

        Batches hold `shard` (text), `seq` (int64), then the columns asked for, in that order, sorted by
        seq within a shard. Columns of events: `id name user_id session_id source raw` (text, null where
        absent), `time received user_key session_key` (int64, keys null where absent), `active` (bool),
        `kinds` (list of text), `value` and `props.X` (lists of text), `value_num` and `num.X` (lists of
        float64); lists are null or empty where the event has none. Columns of links: `id time user_id
        session_id user_key session_key explicit` (bool). Of ops: `id time user_id session_id target op raw`.
        Of merges and unmerges: `id time user_id other`. Of tombstones: `id time number` (int64) `user_ids
        session_ids` (lists of text).
        """

    def control_get(self, kind: str, id: str) -> ControlDocument | None:
        """Read one control document, always the newest version."""

    def control_put(self, document: ControlDocument, create: bool = False) -> ControlDocument:
        """Write a document and return it with its new version.

        With `create` it must not exist; with a version it must be the newest, else VersionConflictError;
        with neither it is overwritten.
        """

    def control_list(self, kind: str) -> list[ControlDocument]:
        """Read all documents of a kind, ordered by id, newest versions."""

    def control_delete(self, kind: str, id: str, version: str = "") -> bool:
        """Delete a document (of that version, if given); say whether it was there."""

    def delete(self, deletion: Deletion) -> int:
        """Delete facts for good and return how many; visible at once."""

    def erase(self, user_ids: Sequence[str], session_ids: Sequence[str], until_ms: int) -> int:
        """Delete for good what these users, or these sessions without a user, sent; return how many facts.

        Facts of all kinds but tombstones, received at `until_ms` or before, that name one of the users
        (as `user_id` or `other`), or no user and one of the sessions. Visible at once.
        """

    def health(self) -> Health:
        """Say whether the engine answers. Never raises."""

    def close(self) -> None:
        """Release files and connections. Idempotent."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to open a store: what `register_engines` gives."""

    name: str
    capabilities: frozenset[Capability]
    open: Any  # Callable[[Settings], Store]; Any because settings sit above this module
