"""The closed, frozen language in which questions reach the matcher, the engines and the columns.

Times are Unix milliseconds, UTC; ranges are half-open `[start_ms, end_ms)`, None meaning unbounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

FieldKind = Literal[
    "name", "session_id", "user_id", "source", "value", "props", "fields", "context", "user", "active"
]
Operator = Literal[
    "eq", "ne", "in", "not_in", "exists", "missing", "gt", "gte", "lt", "lte", "between",
    "contains", "not_contains", "starts_with", "ends_with",
]  # fmt: skip
IntervalUnit = Literal["minute", "hour", "day", "week", "month"]

FIELD_KINDS: tuple[FieldKind, ...] = (
    "name", "session_id", "user_id", "source", "value", "props", "fields", "context", "user",
)  # fmt: skip
OPERATORS: tuple[Operator, ...] = (
    "eq", "ne", "in", "not_in", "exists", "missing", "gt", "gte", "lt", "lte", "between",
    "contains", "not_contains", "starts_with", "ends_with",
)  # fmt: skip
NEGATIONS: dict[Operator, Operator] = {
    "ne": "eq", "not_in": "in", "missing": "exists", "not_contains": "contains",
}  # fmt: skip
"""Operators that are exactly the negation of another one (semantics F2, F5)."""
LIMITED_OPERATORS: frozenset[Operator] = frozenset(("eq", "ne", "in", "not_in", "exists", "missing"))
"""All that `fields.X` and `context.X` know (semantics F4a)."""


@dataclass(frozen=True, slots=True)
class Field:
    """Name a place of an event, as `kind` or `kind.name`.

    `user_id` here is the id that the event was *sent* with wherever an engine sees it: a filter on
    the owner has been expanded to `Sent` and `SessionSpans` before it gets there. `active` (texts `true` and
    `false`) is for our own questions: no path of a question's filter leads to it.
    """

    kind: FieldKind
    name: str = ""

    def __str__(self) -> str:
        """Return the path that a question uses."""
        return f"{self.kind}.{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compare a field of an event.

    `operand` is canonical text for `eq ne contains not_contains starts_with ends_with`, a tuple of
    texts for `in not_in`, a float for `gt gte lt lte`, a pair of floats for `between`, else None.
    """

    field: Field
    op: Operator
    operand: str | float | tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Match where every part matches; no part matches everything."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Match where at least one part matches; no part matches nothing."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Match where the part does not match."""

    part: Filter


@dataclass(frozen=True, slots=True)
class InSegment:
    """Match events whose actor is in a saved segment."""

    segment_id: str


@dataclass(frozen=True, slots=True)
class Did:
    """Match events whose actor did something at least so many times within a range (None: ever)."""

    event: tuple[str, ...] | None
    filter: Filter | None
    at_least: int
    start_ms: int | None
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class Sent:
    """Match events that were sent with one of these user ids. Made by owner expansion only."""

    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """A stretch of one session, `[start_ms, end_ms)`."""

    session_id: str
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SessionSpans:
    """Match events sent *without* a user id in one of these spans. Made by owner expansion only."""

    spans: tuple[SessionSpan, ...]


@dataclass(frozen=True, slots=True)
class HasKind:
    """Match events on which the property `name` has this JSON kind (text number boolean list object null).

    The empty name stands for the event's value (whose kind is recorded unless it is a number).
    """

    name: str
    kind: str


Filter = All | AnyOf | Not | Comparison | InSegment | Did | Sent | SessionSpans | HasKind


def iter_filters(node: Filter | None) -> Iterator[Filter]:
    """Yield the node and all nodes below it."""
    if node is None:
        return
    yield node
    if isinstance(node, All | AnyOf):
        for part in node.parts:
            yield from iter_filters(part)
    elif isinstance(node, Not):
        yield from iter_filters(node.part)
    elif isinstance(node, Did):
        yield from iter_filters(node.filter)


@dataclass(frozen=True, slots=True)
class Interval:
    """A calendar unit in a time zone; weeks begin on Monday (0) or Sunday (6)."""

    unit: IntervalUnit
    timezone: str = "UTC"
    week_start: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that engines spread over their shards.

    `count`: events. `numbers`: events with a numeric value of `of`. `sum min max`: of that value.
    A list has no numeric value, nor has a property that is not there. `of` is `value` or a property.
    """

    kind: Literal["count", "numbers", "sum", "min", "max"]
    of: Field | None = None


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """Ask for figures over events, by interval and by up to three fields.

    An event with a list counts under each distinct element; missing or unfilterable is the group None.
    More than `limit` rows are refused with `query-too-large`, never cut.
    """

    measures: tuple[Measure, ...]
    start_ms: int | None = None
    end_ms: int | None = None
    filter: Filter | None = None
    interval: Interval | None = None
    breakdown: tuple[Field, ...] = ()
    limit: int = 100_000
    deadline: float | None = None
    """`time.monotonic()` seconds after which the engine gives up with QueryTimeoutError."""


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """Ask for events themselves, in the order (time, received, event_id), a page at a time."""

    start_ms: int | None = None
    end_ms: int | None = None
    filter: Filter | None = None
    newest_first: bool = False
    limit: int = 1_000
    cursor: tuple[int, int, str] | None = None
    """(time, received, event_id) of the last event seen, exclusive."""
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class ValuesQuery:
    """Ask for what there is: event names, property names, or the values of one field, with counts.

    `what` is `names`, `properties` (`field` None) or `values` (of `field`). Ordered by count
    descending, then by value in code point order; at most `limit` rows when given, else complete.
    """

    what: Literal["names", "properties", "values"]
    field: Field | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    filter: Filter | None = None
    prefix: str = ""
    limit: int | None = None
    deadline: float | None = None
