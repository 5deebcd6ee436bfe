"""Read a question about trends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openmetrics.plugin import (
    All,
    Asking,
    Comparison,
    Field,
    Filter,
    Interval,
    Moment,
    check_segment,
    format_time,
    invalid_query,
    parse_events,
    parse_field,
    parse_range,
    parse_timezone,
    read_filter,
)
from openmetrics_plugins.trends.formula import parse_formula
from openmetrics_plugins.trends.model import NUMERIC, Params, Period, Series
from openmetrics_plugins.trends.periods import build_period, check_cells, find_last_year, find_previous

DEFAULTS: Mapping[str, Any] = {"limit": 25, "week_start": "monday"}
WEEK_STARTS: Mapping[str, int] = {"monday": 0, "sunday": 6}
FIRST_MS = -62_104_060_800_000
"""The year 2: no range begins before it."""
NAME = Field("name")


def parse_params(document: Mapping[str, Any], asking: Asking) -> Params:
    """Check and resolve a question that its schema has passed. Raises OpenMetricsError."""
    asked: dict[str, Any] = {**DEFAULTS, **document}
    asked["timezone"] = parse_timezone(asked.get("timezone", asking.timezone))
    asking = replace(asking, timezone=asked["timezone"])
    start_ms, end_ms = parse_range(asked["range"], Moment(asking.now_ms, asking.timezone))
    asked["range"] = {"from": format_time(start_ms), "to": format_time(end_ms)}
    series = tuple(_parse_series(row, f"/series/{n}", asking) for n, row in enumerate(asked["series"]))
    asked["series"] = [_define(row, found) for row, found in zip(asked["series"], series, strict=True)]
    breakdown = _parse_breakdown(asked, asking)
    interval = None
    if "interval" in asked:
        interval = Interval(asked["interval"], asking.timezone, WEEK_STARTS[asked["week_start"]])
    period = build_period(start_ms, end_ms, interval)
    check_cells(period.width * len(series))
    formula = None if asked.get("formula") is None else parse_formula(asked["formula"], len(series))
    return Params(
        asked,
        period,
        asking.now_ms,
        series,
        formula,
        breakdown,
        read_filter(asked, "/filter", asking),
        asked["limit"],
        interval,
        _find_compared(period, interval, asked),
    )


def _parse_series(row: Mapping[str, Any], pointer: str, asking: Asking) -> Series:
    measure = row.get("measure", "count")
    names = parse_events(row.get("event"), f"{pointer}/event")
    parts: list[Filter] = [] if names is None else [Comparison(NAME, "in", names)]
    if measure == "active":
        parts.append(Comparison(Field("active"), "eq", "true"))
    filter = read_filter(row, f"{pointer}/filter", asking)
    if filter is not None:
        parts.append(filter)
    if measure != "per_user" and "each" in row:
        raise invalid_query(f"{pointer}/each", "`each` goes with the measure `per_user`; leave it out.")
    counted = row.get("each", "count") if measure == "per_user" else measure
    if counted not in NUMERIC and "of" in row:
        detail = f"`{counted}` takes no number; leave `of` out, or ask for one of {', '.join(NUMERIC)}."
        raise invalid_query(f"{pointer}/of", detail)
    of = _parse_number(row.get("of", "value"), f"{pointer}/of") if counted in NUMERIC else None
    label = row.get("label") or ("any event" if names is None else " or ".join(names))
    whole = None if not parts else parts[0] if len(parts) == 1 else All(tuple(parts))
    return Series(label, measure, whole, of, counted)


def _parse_number(path: str, pointer: str) -> Field:
    field = parse_field(path, pointer)
    if field.kind not in ("value", "props"):
        raise invalid_query(pointer, "Name `value`, or a property with numbers such as `props.price`.")
    return field


def _define(row: Mapping[str, Any], series: Series) -> dict[str, Any]:
    """Return a series with everything that was left out."""
    found = {**row, "label": series.label, "measure": series.measure}
    if series.measure == "per_user":
        found["each"] = series.each
    return found if series.of is None else {**found, "of": str(series.of)}


def _parse_breakdown(asked: dict[str, Any], asking: Asking) -> tuple[Field | str, ...]:
    given = asked.get("breakdown", [])
    if not isinstance(given, list):
        raise invalid_query("/breakdown", 'A breakdown is a list of fields, such as ["props.plan"].')
    found: list[Field | str] = []
    for number, part in enumerate(given):
        pointer = f"/breakdown/{number}"
        if isinstance(part, Mapping):
            check_segment(asking, part["segment"], f"{pointer}/segment")
            found.append(part["segment"])
            continue
        field = parse_field(part, pointer)
        if field.kind in ("fields", "context"):
            detail = f"`{field.kind}.X` has too many values to break down by; use a property."
            raise invalid_query(pointer, detail)
        found.append(field)
    for number, part in enumerate(found):
        if part in found[:number]:
            raise invalid_query(f"/breakdown/{number}", "This stands in the breakdown already; leave it out.")
    return tuple(found)


def _find_compared(period: Period, interval: Interval | None, asked: Mapping[str, Any]) -> Period | None:
    compare = asked.get("compare")
    if compare is None:
        return None
    try:
        if compare == "previous_year":
            found = find_last_year(period, interval, asked["timezone"])
        else:
            found = find_previous(period, interval)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.start_ms < FIRST_MS:
        raise invalid_query(
            "/compare", "There is no period before; ask for a later range, or leave this out."
        )
    return found
