"""Apply filters to columns: a condition is asked of the dictionary, then looked up by code.

Agrees with `openmetrics.query.match`, which is the meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.column import Column, to_texts
from openmetrics.columns.frame import Part
from openmetrics.columns.sources import presence_of
from openmetrics.columns.tables import Table, constant, join_tables
from openmetrics.query.match import NUMBER_TESTS
from openmetrics.query.model import (
    NEGATIONS,
    All,
    AnyOf,
    Comparison,
    Did,
    Field,
    Filter,
    HasKind,
    InSegment,
    Not,
    Sent,
    SessionSpans,
)

if TYPE_CHECKING:
    import pyarrow

Flags = NDArray[np.bool_]
DERIVED = ("session_id", "active")
"""Fields whose columns follow from what every segment has."""
ACTIVE_TEXTS = ("false", "true")


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Rows `start:end` of a part: whole runs, whose units are given with their sizes."""

    start: int
    end: int
    units: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def spread(self, of_units: NDArray[Any]) -> NDArray[Any]:
        """Give each row what its unit has."""
        return np.repeat(of_units[self.units], self.sizes)


Test = Callable[[Stretch], Flags]
ActorMask = Callable[[Filter], Flags]


def is_of_actor(node: Filter) -> bool:
    """Say whether a condition is about the actor of an event, not the event."""
    if isinstance(node, Comparison):
        return node.field.kind in ("user", "user_id")
    return isinstance(node, InSegment | Did)


class PartFilters:
    """Compile filters for one part; `actor_mask` answers for all actors of the view."""

    def __init__(self, part: Part, actor_mask: ActorMask) -> None:
        self._part = part
        self._actor_mask = actor_mask
        self.columns: dict[str, Column] = {}
        """The stored columns that were needed, by name."""
        self._derived: dict[str, Column] = {}

    def column(self, field: Field) -> Column:
        """Return the column of an event's own field; always the same object."""
        if field.kind not in DERIVED:
            return self.read(str(field))
        if field.kind not in self._derived:
            part = self._part
            self._derived[field.kind] = (
                _of_pairs(part, part.pairs.session_texts)
                if field.kind == "session_id"
                else Column(part.segment.active.astype(np.int32), to_texts(ACTIVE_TEXTS))
            )
        return self._derived[field.kind]

    def read(self, name: str) -> Column:
        """Return a stored column; always the same object."""
        if name not in self.columns:
            self.columns[name] = self._part.read(name)
        return self.columns[name]

    def compile(self, node: Filter) -> Test:
        """Return what answers for each row of a stretch."""
        table = self.tabulate(node)
        if table is not None:
            return lambda stretch: table.read(stretch.start, stretch.end)
        match node:
            case All(parts):
                return _join([self.compile(part) for part in parts], np.logical_and)
            case AnyOf(parts):
                return _join([self.compile(part) for part in parts], np.logical_or)
            case Not(part):
                inner = self.compile(part)
                return lambda stretch: ~inner(stretch)
            case SessionSpans():
                return self._compile_spans(node)
            case _:
                mask = self._actor_mask(node)
                return lambda stretch: stretch.spread(mask)

    def tabulate(self, node: Filter) -> Table | None:
        """Return the answers by code, where the codes of a few columns decide."""
        match node:
            case All(parts):
                return join_tables([self.tabulate(part) for part in parts], np.logical_and, True)
            case AnyOf(parts):
                return join_tables([self.tabulate(part) for part in parts], np.logical_or, False)
            case Not(part):
                table = self.tabulate(part)
                return None if table is None else Table(table.columns, ~table.cells)
            case Comparison() if not is_of_actor(node):
                return self._compare(node)
            case Sent(user_ids):
                sent = self._sent()
                return Table((sent,), sent.table(ask_texts(sent, "in", user_ids)))
            case HasKind(name, kind):
                return self._has_kind(name, kind)
            case _:
                return None

    def _compare(self, node: Comparison) -> Table:
        op = node.op
        if op in NEGATIONS:
            table = self._compare(Comparison(node.field, NEGATIONS[op], node.operand))
            return Table(table.columns, ~table.cells)
        if op == "exists":
            return self._exists(node.field)
        column = self.column(node.field)
        return Table((column,), column.table(ask_texts(column, op, node.operand)))

    def _exists(self, field: Field) -> Table:
        if field.kind in ("value", "name", "active"):
            return constant(True)
        presence = presence_of(field)
        column = self.column(field) if presence is None else self.read(presence)
        return Table((column,), column.table(np.ones(len(column.texts), dtype=np.bool_)))

    def _has_kind(self, name: str, kind: str) -> Table:
        column = self.read(f"kinds.{name}")
        if not name and kind == "number":
            absent = np.zeros(len(column.texts), dtype=np.bool_)
            return Table((column,), column.table(absent, is_missing=True))
        return Table((column,), column.table(ask_texts(column, "eq", kind)))

    def _sent(self) -> Column:
        if "sent" not in self._derived:
            self._derived["sent"] = _of_pairs(self._part, self._part.pairs.user_texts)
        return self._derived["sent"]

    def _compile_spans(self, node: SessionSpans) -> Test:
        part = self._part
        anonymous = part.pairs.user_texts.is_null().to_numpy(zero_copy_only=False)
        spans: dict[str, list[tuple[int, int]]] = {}
        for span in node.spans:
            start = np.iinfo(np.int64).min if span.start_ms is None else span.start_ms
            end = np.iinfo(np.int64).max if span.end_ms is None else span.end_ms
            spans.setdefault(span.session_id, []).append((start, end))
        codes = {
            code: spans[text]
            for code, text in enumerate(part.pairs.session_texts.to_pylist())
            if text in spans and anonymous[code]
        }
        return lambda stretch: _in_spans(part, codes, stretch)


def ask_texts(column: Column, op: str, operand: Any) -> Flags:
    """Ask a positive comparison of each text of a dictionary."""
    if op in NUMBER_TESTS:
        return _ask_numbers(column.numbers, op, operand)
    import pyarrow
    import pyarrow.compute as pc

    texts = column.texts
    text = pyarrow.large_string()
    answers: Mapping[str, Callable[[], pyarrow.Array]] = {
        "eq": lambda: pc.equal(texts, pyarrow.scalar(operand, text)),
        "in": lambda: pc.is_in(texts, value_set=pyarrow.array(operand, text)),
        "contains": lambda: pc.match_substring(texts, pattern=operand),
        "starts_with": lambda: pc.starts_with(texts, pattern=operand),
        "ends_with": lambda: pc.ends_with(texts, pattern=operand),
    }
    found: Flags = answers[op]().fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _ask_numbers(numbers: NDArray[np.float64], op: str, operand: Any) -> Flags:
    if op == "between":
        inside: Flags = (numbers >= operand[0]) & (numbers <= operand[1])
        return inside
    tests: Mapping[str, Any] = {
        "gt": np.greater, "gte": np.greater_equal, "lt": np.less, "lte": np.less_equal,
    }  # fmt: skip
    found: Flags = tests[op](numbers, operand)
    return found


def _join(tests: list[Test], join: Any) -> Test:
    def run(stretch: Stretch) -> Flags:
        found = tests[0](stretch)
        for test in tests[1:]:
            found = join(found, test(stretch))
        return found

    return run


def _of_pairs(part: Part, texts: pyarrow.Array) -> Column:
    """Return a column of what was sent with each pair."""
    codes = part.segment.pair
    if texts.null_count:
        is_null = texts.is_null().to_numpy(zero_copy_only=False)
        codes = np.where(is_null[codes], np.int32(-1), codes)
    return Column(codes, texts)


def _in_spans(part: Part, codes: Mapping[int, list[tuple[int, int]]], stretch: Stretch) -> Flags:
    pair = part.segment.pair[stretch.start : stretch.end]
    found = np.zeros(len(pair), dtype=np.bool_)
    rows = np.flatnonzero(np.isin(pair, np.array(list(codes), dtype=np.int32)))
    times = part.segment.times(stretch.start, stretch.end)
    for row in rows.tolist():
        found[row] = any(start <= times[row] < end for start, end in codes[int(pair[row])])
    return found
