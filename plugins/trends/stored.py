"""Ask the store itself: plain counts and sums over properties, and events that have no actor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from openmetrics.plugin import (
    AggregateQuery,
    All,
    AnyOf,
    Asking,
    Comparison,
    Field,
    Filter,
    HasKind,
    InSegment,
    Interval,
    Measure,
    Not,
    OpenMetricsError,
    Row,
    asks_actor,
    is_nobody_in,
    numeric_value,
    resolve_nobody,
)
from openmetrics_plugins.trends.groups import Grouping
from openmetrics_plugins.trends.model import HEADS, PERCENTILES, STORED, Group, Params, Period, Series
from openmetrics_plugins.trends.tally import Tally

OF_ACTOR = ("user_id", "user")
EVERYTHING = All(())
ABSENT = (0, 0.0, 0.0, math.inf, -math.inf)
"""The parts of a figure of nothing."""
MAX_HIDDEN = 1_000
NOBODY = (Comparison(Field("user_id"), "missing"), Comparison(Field("session_id"), "missing"))


def can_ask_store(params: Params) -> bool:
    """Say whether an engine answers all of a question by itself."""
    filters = [params.filter, *(series.filter for series in params.series)]
    return (
        all(series.measure in STORED for series in params.series)
        and all(isinstance(part, Field) and part.kind not in OF_ACTOR for part in params.breakdown)
        and not any(asks_actor(filter) for filter in filters)
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """The figures of one group in one interval, as far as they add up."""

    group: Group
    interval: int
    parts: tuple[float, ...]
    sample: float | None = None


@dataclass
class StoreSource:
    """The events of a period as the store counts them: all, or those that have no actor."""

    params: Params
    period: Period
    asking: Asking
    is_of_nobody: bool = False
    _entries: dict[int, list[Entry]] = field(default_factory=dict)

    def list_groups(self) -> list[Group]:
        """Return the groups that have any event of any series."""
        groups = (entry.group for place in range(len(self.params.series)) for entry in self._read(place))
        return list(dict.fromkeys(groups))

    def rank(self, place: int) -> Tally:
        """Return the totals of a series for each of `list_groups`."""
        grouping = Grouping(tuple(self.list_groups()))
        tally = Tally(grouping.count)
        for entry in self._read(place):
            _add(tally, grouping.places[entry.group], entry)
        return tally

    def fill(self, places: Iterable[int], grouping: Grouping) -> list[tuple[Tally, Tally]]:
        """Return for some series the figures by row and interval, and those by row."""
        found = []
        for place in places:
            points, total = Tally(grouping.count * self.period.width), Tally(grouping.count)
            for row, entry in self._place(place, grouping):
                _add(points, row * self.period.width + entry.interval, entry)
                _add(total, row, entry)
            found.append((points, total))
        return found

    def _place(self, place: int, grouping: Grouping) -> Iterator[tuple[int, Entry]]:
        hidden: dict[Group, None] = {}
        for entry in self._read(place):
            row = grouping.places.get(entry.group, -1)
            if row >= 0:
                yield row, entry
            elif grouping.has_other and not self._has_lists:
                yield grouping.other, entry
            else:
                hidden[entry.group] = None
        if hidden and grouping.has_other:
            # NOTE: an event with a list may be in several hidden groups, and counts once in the rest.
            if len(hidden) > MAX_HIDDEN:
                detail = f"More than {MAX_HIDDEN:,} groups with lists are hidden; break down by less."
                raise OpenMetricsError("query-too-large", detail)
            condition = AnyOf(tuple(self._is_in(group) for group in hidden))
            for entry in self._ask(place, condition, ()):
                yield grouping.other, entry

    def _read(self, place: int) -> list[Entry]:
        if place not in self._entries:
            self._entries[place] = list(self._ask(place, EVERYTHING, self._fields))
        return self._entries[place]

    @cached_property
    def _fields(self) -> tuple[Field, ...]:
        parts = self.params.breakdown
        return tuple(part for part in parts if isinstance(part, Field) and part.kind not in OF_ACTOR)

    def _complete(self, values: Sequence[str | None]) -> Group:
        """Return a group with what nobody's events have in place of an actor's."""
        rest = iter(values)
        return tuple(
            next(rest) if isinstance(part, Field) and part.kind not in OF_ACTOR else self._of_nobody(part)
            for part in self.params.breakdown
        )

    def _of_nobody(self, part: Field | str) -> str | None:
        if isinstance(part, Field):
            return None
        return "in" if is_nobody_in(InSegment(part), self.asking.segment) else "out"

    def _ask(self, place: int, condition: Filter, fields: tuple[Field, ...]) -> Iterator[Entry]:
        """Yield the figures of a series by group and interval; those of an empty condition have no group."""
        series = self.params.series[place]
        if series.measure in HEADS or series.measure == "per_user":
            return
        filters = [self.params.filter, series.filter, condition]
        parts = [filter for filter in filters if filter is not None]
        if self.is_of_nobody:
            parts = [*NOBODY, *(resolve_nobody(part, self.asking.segment) for part in parts)]
        is_grouped = condition is EVERYTHING
        if series.measure in PERCENTILES and series.of is not None:
            if is_grouped and self.params.breakdown:
                for row in self._aggregate(parts, (Measure("count"),), (None, fields)):
                    yield Entry(self._complete(row.group), 0, ABSENT)
            parts.append(Not(HasKind(series.of.name, "list")))
            fields = (*fields, series.of)
        starts = {start: n for n, start in enumerate(self.period.edges[:-1])}
        for row in self._aggregate(parts, _measures_of(series), (self.params.interval, fields)):
            interval = 0 if row.time_ms is None else starts[row.time_ms]
            sample = numeric_value(row.group[-1]) if series.measure in PERCENTILES else None
            if series.measure not in PERCENTILES or sample is not None:
                group = self._complete(row.group) if is_grouped else ()
                yield Entry(group, interval, _to_parts(row, series), sample)

    def _aggregate(
        self,
        parts: Sequence[Filter],
        measures: tuple[Measure, ...],
        by: tuple[Interval | None, tuple[Field, ...]],
    ) -> list[Row]:
        period = self.period
        query = AggregateQuery(
            measures, period.start_ms, period.end_ms, All(tuple(parts)), *by, deadline=self.asking.deadline
        )
        # NOTE: without interval and fields there is a row even of nothing.
        return [row for row in self.asking.store().aggregate(query) if row.figures[0]]

    @cached_property
    def _has_lists(self) -> bool:
        kinds = [HasKind(part.name, "list") for part in self._fields if part.kind in ("props", "value")]
        if not kinds:
            return False
        return bool(self._aggregate([AnyOf(tuple(kinds))], (Measure("count"),), (None, ())))

    def _is_in(self, group: Group) -> Filter:
        """Return the condition that an event is in a group."""
        parts: list[Filter] = []
        for part, value in zip(self.params.breakdown, group, strict=True):
            if isinstance(part, Field) and part.kind not in OF_ACTOR:
                has_any = Comparison(part, "contains", "")
                parts.append(Not(has_any) if value is None else Comparison(part, "eq", value))
        return All(tuple(parts))


def has_nobody(period: Period, asking: Asking) -> bool:
    """Say whether any event of a period has no actor."""
    query = AggregateQuery(
        (Measure("count"),), period.start_ms, period.end_ms, All(NOBODY), deadline=asking.deadline
    )
    return bool(asking.store().aggregate(query)[0].figures[0])


def _measures_of(series: Series) -> tuple[Measure, ...]:
    if series.of is None or series.measure in PERCENTILES:
        return (Measure("count"),)
    kind: Any = "sum" if series.measure == "avg" else series.measure
    return (Measure("count"), Measure("numbers", series.of), Measure(kind, series.of))


def _to_parts(row: Row, series: Series) -> tuple[float, ...]:
    """Return count, sum, its rounding error, least and most; a sum that is no number is infinite."""
    count, figure = row.figures[1:] if len(row.figures) > 1 else (row.figures[0], None)
    is_sum = series.measure in ("sum", "avg")
    total = (math.inf if figure is None else figure) if is_sum else 0.0
    least = math.inf if series.measure != "min" or figure is None else figure
    most = -math.inf if series.measure != "max" or figure is None else figure
    return int(count or 0), total, 0.0, least, most


def _add(tally: Tally, cell: int, entry: Entry) -> None:
    tally.add(entry.parts, cell)
    if entry.sample is not None:
        count = int(entry.parts[0])
        tally.samples.append((np.full(count, cell), np.full(count, entry.sample)))
