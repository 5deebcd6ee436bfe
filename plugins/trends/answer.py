"""Turn figures into the answer: rows of series and groups, with their points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openmetrics.plugin import Asking, OpenMetricsError, format_time
from openmetrics_plugins.trends.columns import ColumnSource
from openmetrics_plugins.trends.groups import EVERYTHING, Grouping, rank_groups
from openmetrics_plugins.trends.model import PERCENTILES, STORED, Group, Params, Period
from openmetrics_plugins.trends.periods import check_cells
from openmetrics_plugins.trends.stored import StoreSource, can_ask_store, has_nobody
from openmetrics_plugins.trends.tally import Number, Tally

Source = ColumnSource | StoreSource
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a series: by row and interval, and by row."""

    points: Sequence[Number]
    totals: Sequence[Number]


def answer_trends(params: Params, asking: Asking) -> Row:
    """Return the members of the answer."""
    if can_ask_store(params):
        try:
            return answer_from(params, asking, is_stored=True)
        except OpenMetricsError as error:
            if error.code != "query-too-large":
                raise
    return answer_from(params, asking, is_stored=False)


def answer_from(params: Params, asking: Asking, is_stored: bool) -> Row:
    """Return the answer as the store counts, or as the columns do."""
    sources = open_sources(params, params.period, asking, is_stored)
    grouping = find_grouping(params, sources)
    check_cells(grouping.count * params.period.width * (len(params.series) + (params.formula is not None)))
    figures = measure_all(params, sources, grouping, asking)
    rows = list(_iter_rows(params, grouping, (params.period, figures)))
    answer: Row = {"source": "store" if is_stored else "columns", "series": rows}
    if params.compared is not None:
        period = params.compared
        before = measure_all(params, open_sources(params, period, asking, is_stored), grouping, asking)
        for row, previous in zip(rows, _iter_rows(params, grouping, (period, before)), strict=True):
            row["previous"] = {name: previous[name] for name in ("total", "points") if name in previous}
        answer["compared"] = {
            "range": {"from": format_time(period.start_ms), "to": format_time(period.end_ms)}
        }
    return answer


def open_sources(params: Params, period: Period, asking: Asking, is_stored: bool) -> list[Source]:
    """Return where the events of a period are counted, those of sessions after all others."""
    if is_stored:
        return [StoreSource(params, period, asking)]
    measures = {series.measure for series in params.series}
    sources: list[Source] = []
    if params.breakdown or measures != {"sessions"}:
        sources.append(ColumnSource(params, period, asking))
    if measures & {*STORED, *PERCENTILES} and has_nobody(period, asking):
        sources.append(StoreSource(params, period, asking, is_of_nobody=True))
    if "sessions" in measures:
        sources.append(ColumnSource(params, period, asking, "session"))
    return sources


def find_grouping(params: Params, sources: Sequence[Source]) -> Grouping:
    """Return the groups with the largest totals of the first series."""
    if not params.breakdown:
        return EVERYTHING
    first = params.series[0].measure
    places: dict[Group, int] = {}
    ranked = []
    for source in sources:
        groups = source.list_groups()
        for group in groups:
            places.setdefault(group, len(places))
        ranked.append((groups, source.rank(0) if _counts(source, first) else None))
    total = Tally(len(places))
    for groups, found in ranked:
        if found is not None:
            total.absorb(found, [places[group] for group in groups])
    return rank_groups(list(places), total.measure(first), params.limit)


def _counts(source: Source, measure: str) -> bool:
    """Say whether a source counts a measure: sessions are counted by session, all else is not."""
    return isinstance(source, StoreSource) or source.is_by_session == (measure == "sessions")


def measure_all(
    params: Params, sources: Sequence[Source], grouping: Grouping, asking: Asking
) -> list[Figures]:
    """Return the figures of each series, then those of the formula."""
    width = sources[0].period.width
    tallies = [(Tally(grouping.count * width), Tally(grouping.count)) for _ in params.series]
    for source in sources:
        places = [n for n, series in enumerate(params.series) if _counts(source, series.measure)]
        for place, (points, total) in zip(places, source.fill(places, grouping), strict=True):
            tallies[place][0].absorb(points)
            tallies[place][1].absorb(total)
    found = [
        Figures(points.measure(series.measure), total.measure(series.measure))
        for series, (points, total) in zip(params.series, tallies, strict=True)
    ]
    if params.formula is not None:
        rows = (
            [params.formula.evaluate(figures) for figures in zip(*columns, strict=True)]
            for columns in ([one.points for one in found], [one.totals for one in found])
        )
        found.append(Figures(*rows))
    return [_refuse_overflow(figures, n, params, asking) for n, figures in enumerate(found)]


def _refuse_overflow(figures: Figures, place: int, params: Params, asking: Asking) -> Figures:
    """Replace what is beyond any number by null, with a warning."""
    if math.inf not in figures.points and math.inf not in figures.totals:
        return figures
    pointer = f"/series/{place}" if place < len(params.series) else "/formula"
    warning = {
        "code": "overflow",
        "detail": "A figure is beyond what a number can hold; it is null.",
        "pointer": pointer,
    }
    if warning not in asking.warnings:
        asking.warnings.append(warning)
    return Figures(
        *([None if one == math.inf else one for one in many] for many in (figures.points, figures.totals))
    )


def _iter_rows(
    params: Params, grouping: Grouping, measured: tuple[Period, Sequence[Figures]]
) -> Iterator[Row]:
    period, figures = measured
    frame = [frame_point(params, period, n) for n in range(len(period.edges) - 1)]
    groups = [(group, False) for group in grouping.shown]
    if grouping.has_other:
        groups.append(((None,) * len(params.breakdown), True))
    for place, found in enumerate(figures):
        is_formula = place == len(params.series)
        assert params.formula is not None or not is_formula
        label = params.formula.text if is_formula and params.formula else params.series[place].label
        for number, (group, is_other) in enumerate(groups):
            row: Row = {"label": label, "group": list(group), "other": is_other}
            if is_formula:
                row["formula"] = True
            row["total"] = found.totals[number]
            if frame:
                values = found.points[number * period.width : (number + 1) * period.width]
                row["points"] = [
                    {**point, "value": value if has_begun else None}
                    for (point, has_begun), value in zip(frame, values, strict=True)
                ]
            yield row


def frame_point(params: Params, period: Period, place: int) -> tuple[Row, bool]:
    """Return a point without its value, and whether its interval has begun."""
    start_ms, end_ms = period.edges[place : place + 2]
    point: Row = {"time": format_time(start_ms), "value": None}
    point["complete"] = end_ms <= min(period.end_ms, params.now_ms)
    if start_ms < period.start_ms:
        point["partial"] = True
    return point, start_ms < params.now_ms
