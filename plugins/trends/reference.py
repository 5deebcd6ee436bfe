"""What trends mean, in plain Python on lists of events: columns and store must agree with it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openmetrics_plugins.trends.groups import EVERYTHING, Grouping, rank_groups
from openmetrics_plugins.trends.model import HEADS, PERCENTILES, WHOLE, Group, Params, Period, Series
from openmetrics_plugins.trends.tally import Number

Row = tuple[Group, bool, Number, list[Number]]
"""A group, whether it is that of the rest, the total, and the figures of all intervals."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event that passes the question's filter; `series` are the places of those that it belongs to.

    `values` are its values of each part of the breakdown, none if missing; `numbers` those of each series.
    """

    time: int
    actor: str | None
    session: str | None
    series: frozenset[int]
    values: tuple[frozenset[str], ...] = ()
    numbers: tuple[float | None, ...] = ()


def compute_rows(
    params: Params, events: Iterable[Event], period: Period, grouping: Grouping
) -> list[list[Row]]:
    """Return the rows of each series in a period, then those of the formula."""
    found = [event for event in events if period.start_ms <= event.time < period.end_ms]
    tables = [
        _compute_series(params, found, period, (place, grouping)) for place in range(len(params.series))
    ]
    if params.formula is not None:
        tables.append([_compute_formula(params, rows) for rows in zip(*tables, strict=True)])
    return tables


def find_grouping(params: Params, events: Iterable[Event]) -> Grouping:
    """Return the groups that are shown: those with the largest totals of the first series."""
    if not params.breakdown:
        return EVERYTHING
    found = [
        event
        for event in events
        if params.start_ms <= event.time < params.end_ms
        and any(belongs(event, place, series) for place, series in enumerate(params.series))
    ]
    groups = list(dict.fromkeys(group for event in found for group in groups_of(event)))
    totals = [
        measure([event for event in found if group in groups_of(event)], 0, params.series[0])
        for group in groups
    ]
    return rank_groups(groups, totals, params.limit)


def groups_of(event: Event) -> set[Group]:
    """Return the groups that an event is in: every combination of its values, None where it has none."""
    return set(itertools.product(*(values or (None,) for values in event.values)))


def belongs(event: Event, place: int, series: Series) -> bool:
    """Say whether an event is of a series; where heads count, an event of nobody is not."""
    counts_heads = series.measure in (*HEADS, "per_user")
    return place in event.series and (event.actor is not None or not counts_heads)


def _compute_series(
    params: Params, events: Sequence[Event], period: Period, wanted: tuple[int, Grouping]
) -> list[Row]:
    place, grouping = wanted
    series = params.series[place]
    rows = []
    for group in grouping.shown:
        own = [event for event in events if group in groups_of(event)]
        rows.append(_compute_row(params, own, period, ((group, False), place, series)))
    if grouping.has_other:
        rest = [event for event in events if groups_of(event) - set(grouping.shown)]
        nothing = (None,) * len(params.breakdown)
        rows.append(_compute_row(params, rest, period, ((nothing, True), place, series)))
    return rows


def _compute_row(
    params: Params, events: Sequence[Event], period: Period, wanted: tuple[tuple[Group, bool], int, Series]
) -> Row:
    (group, is_other), place, series = wanted
    points = [
        measure([event for event in events if start <= event.time < end], place, series)
        if start < params.now_ms
        else None
        for start, end in itertools.pairwise(period.edges)
    ]
    return group, is_other, measure(events, place, series), points


def _compute_formula(params: Params, rows: Sequence[Row]) -> Row:
    assert params.formula is not None
    (group, is_other, _, _), *_ = rows
    columns = zip(*(points for *_, points in rows), strict=True)
    total = params.formula.evaluate([total for _, _, total, _ in rows])
    return group, is_other, total, [params.formula.evaluate(figures) for figures in columns]


def measure(events: Sequence[Event], place: int, series: Series) -> Number:
    """Work out the figure of a series over events."""
    own = [event for event in events if belongs(event, place, series)]
    if series.measure != "per_user":
        return measure_all(own, place, series.measure)
    actors = {event.actor for event in own}
    figures = [
        measure_all([event for event in own if event.actor == actor], place, series.each) for actor in actors
    ]
    numbers = [figure for figure in figures if figure is not None]
    return math.fsum(numbers) / len(numbers) if numbers else None


def measure_all(events: Sequence[Event], place: int, measure: str) -> Number:
    """Work out a measure over all of some events."""
    if measure == "count":
        return len(events)
    if measure in WHOLE:
        heads = [event.session if measure == "sessions" else event.actor for event in events]
        return len(set(heads) - {None})
    numbers = sorted(number for event in events if (number := event.numbers[place]) is not None)
    if measure == "sum":
        return math.fsum(numbers)
    if not numbers:
        return None
    if measure == "avg":
        return math.fsum(numbers) / len(numbers)
    if measure in PERCENTILES:
        low, part = divmod((len(numbers) - 1) * PERCENTILES[measure], 1)
        high = min(int(low) + 1, len(numbers) - 1)
        return numbers[int(low)] * (1 - part) + numbers[high] * part
    return numbers[0] if measure == "min" else numbers[-1]
