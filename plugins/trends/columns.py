"""Ask the columns: events that have an actor, exactly, whatever the measure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from openmetrics.plugin import (
    All,
    AnyOf,
    Asking,
    Field,
    Filter,
    InSegment,
    OpenMetricsError,
    Plan,
    Slice,
)
from openmetrics_plugins.trends.facts import Facts, Layout, find_hits, tally_hits, to_facts
from openmetrics_plugins.trends.groups import Grouping
from openmetrics_plugins.trends.kernel import count_cells, freeze
from openmetrics_plugins.trends.model import Group, Params, Period, Series
from openmetrics_plugins.trends.tally import Tally

R = TypeVar("R")
IN_OR_OUT = ("out", "in")
SESSION = Field("session_id")
DENSE_KEYS = 1_000_000
"""So many combinations of values are numbered as they are; of more, those that occur."""
MAX_GROUPS = 1_000_000
KEPT_EVENTS = 8_000_000
"""So many events are kept from the first look at them to the second."""


class ColumnSource:
    """The events of a period by unit (`user` or `session`): all series share one view."""

    def __init__(self, params: Params, period: Period, asking: Asking, unit: str = "user") -> None:
        self.period = period
        self.is_by_session = unit == "session"
        self._series = params.series
        self._view = asking.view(period.start_ms, period.end_ms)
        self._edges = freeze(period.edges, np.int64)
        self._width = period.width
        self._plan, self._segments = _build_plan(params, unit)
        self._texts: list[Sequence[str]] = [
            self._view.texts(part) if isinstance(part, Field) else IN_OR_OUT for part in params.breakdown
        ]
        self._sizes = [len(texts) for texts in self._texts]
        self._universe: NDArray[np.int64] | None = None
        self._kept: list[Facts] | None = None
        self._check_sizes()

    def list_groups(self) -> list[Group]:
        """Return the groups that have any event of any series."""
        codes = self._present
        radix = [size + 1 for size in self._sizes]
        parts: list[list[str | None]] = []
        for texts, size in zip(reversed(self._texts), reversed(radix), strict=True):
            codes, found = np.divmod(codes, size)
            parts.append([texts[code] if code < len(texts) else None for code in found.tolist()])
        return list(zip(*reversed(parts), strict=True))

    def rank(self, place: int) -> Tally:
        """Return the totals of a series for each of `list_groups`."""
        table = np.full(self._count_keys(), -1)
        table[self._place(self._present)] = np.arange(len(self._present))
        layout = Layout(len(self._present), 1, freeze(table, np.int64))
        [(_, total)] = self._fill([place], layout)
        return total

    def fill(self, places: Iterable[int], grouping: Grouping) -> list[tuple[Tally, Tally]]:
        """Return for some series the figures by row and interval, and those by row."""
        table = self._build_table(grouping) if self._sizes else None
        return self._fill(list(places), Layout(grouping.count, self._width, table))

    def find_units(self, place: int, grouping: Grouping, row: int) -> list[NDArray[np.int64]]:
        """Return the units behind the row of a series, in ascending order."""
        layout = Layout(grouping.count, 1, self._build_table(grouping) if self._sizes else None)

        def work(facts: Facts) -> NDArray[np.int64]:
            hits = find_hits(facts, 1 << place, layout)
            found: NDArray[np.int64] = facts.units[np.unique(hits.units[hits.cells == row])]
            return found

        return self._map(work)

    @property
    def view(self) -> Any:
        """Return the columns themselves, for the names of units."""
        return self._view

    def _fill(self, places: Sequence[int], layout: Layout) -> list[tuple[Tally, Tally]]:
        found = [(Tally(layout.cells), Tally(layout.groups)) for _ in places]
        lock = threading.Lock()

        def work(facts: Facts) -> None:
            for place, (points, total) in zip(places, found, strict=True):
                series = self._series[place]
                hits = find_hits(facts, 1 << place, layout)
                with lock:
                    if layout.width > 1:
                        tally_hits(facts, series, hits, self._number(series), (points, 1))
                    tally_hits(facts, series, hits, self._number(series), (total, layout.width))

        self._map(work)
        return [(points if layout.width > 1 else total, total) for points, total in found]

    def _number(self, series: Series) -> int:
        return self._plan.numbers.index(series.of) if series.of is not None else -1

    def _map(self, work: Callable[[Facts], R]) -> list[R]:
        if self._kept is not None:
            return [work(facts) for facts in self._kept]
        kept: list[Facts] = []
        may_keep = len(self._sizes) > 0

        def run(found: Slice) -> tuple[R]:
            facts = to_facts(found, self._edges, self._sizes, self._segments)
            if self._universe is not None:
                facts = _renumber(facts, self._universe)
            if may_keep and sum(len(one.bits) for one in kept) < KEPT_EVENTS:
                kept.append(facts)
            return (work(facts),)

        results = [result for (result,) in self._view.map(self._plan, run)]
        if may_keep and len(kept) == len(results):
            self._kept = sorted(kept, key=lambda facts: int(facts.units[0]))
        return results

    def _check_sizes(self) -> None:
        """Number the combinations that occur, where not all that could occur can be numbered."""
        most = prod(size + 1 for size in self._sizes)
        if most <= DENSE_KEYS:
            return
        if most >= 1 << 62:
            raise _too_many()
        found: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        for keys in self._map(lambda facts: np.unique(facts.keys)):
            found = np.union1d(found, keys)
            if len(found) > MAX_GROUPS:
                raise _too_many()
        self._universe = freeze(found, np.int64)
        if self._kept is not None:
            self._kept = [_renumber(facts, self._universe) for facts in self._kept]

    def _count_keys(self) -> int:
        return prod(size + 1 for size in self._sizes) if self._universe is None else len(self._universe)

    def _place(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        return keys if self._universe is None else np.searchsorted(self._universe, keys)

    @cached_property
    def _present(self) -> NDArray[np.int64]:
        """Return the keys that events of any series have."""
        every = (1 << len(self._series)) - 1
        size = self._count_keys()
        layout = Layout(size, 1, freeze(np.arange(size), np.int64))
        counts = np.zeros(size, dtype=np.int64)
        for found in self._map(lambda facts: count_cells(find_hits(facts, every, layout).cells, 1, size)):
            counts += found
        present = np.flatnonzero(counts)
        return present if self._universe is None else self._universe[present]

    def _build_table(self, grouping: Grouping) -> NDArray[np.int64]:
        """Return the row of each key: its own, or that of the rest."""
        table = np.full(self._count_keys(), grouping.other)
        codes: list[Mapping[str, int]] = [{text: n for n, text in enumerate(texts)} for texts in self._texts]
        for group, row in grouping.places.items():
            key = 0
            for value, of_text, size in zip(group, codes, self._sizes, strict=True):
                code = size if value is None else of_text.get(value, -1)
                key = -1 if key < 0 or code < 0 else key * (size + 1) + code
            if key >= 0 and (self._universe is None or key in self._universe):
                table[self._place(np.array([key]))] = row
        return freeze(table, np.int64)


def _renumber(facts: Facts, universe: NDArray[np.int64]) -> Facts:
    return replace(facts, keys=freeze(np.searchsorted(universe, facts.keys), np.int64))


def _build_plan(params: Params, unit: str) -> tuple[Plan, list[int | None]]:
    """Return what to ask of a view: a bit for each series, then one for each segment of the breakdown."""
    bits: list[Filter | None] = [series.filter for series in params.series]
    segments: list[int | None] = []
    for part in params.breakdown:
        segments.append(None if isinstance(part, Field) else len(bits))
        if isinstance(part, str):
            bits.append(_within_series(params.series, InSegment(part)))
    numbers = dict.fromkeys(series.of for series in params.series if series.of is not None)
    needs_sessions = any(row.measure == "per_user" and row.each == "sessions" for row in params.series)
    codes = [part for part in params.breakdown if isinstance(part, Field)]
    plan = Plan(
        tuple(bits),
        params.filter,
        codes=(*codes, *([SESSION] if needs_sessions and unit == "user" else ())),
        numbers=tuple(numbers),
        unit=unit,
    )
    return plan, segments


def _within_series(series: Sequence[Series], node: Filter) -> Filter:
    filters = [row.filter for row in series]
    some = [filter for filter in filters if filter is not None]
    return node if len(some) < len(filters) else All((AnyOf(tuple(some)), node))


def _too_many() -> OpenMetricsError:
    detail = f"The breakdown has more than {MAX_GROUPS:,} groups; break down by less, or filter before."
    return OpenMetricsError("query-too-large", detail)
