"""Read a question about retention: presets, rules, and what to ask of the columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any

from openmetrics.plugin import (
    Asking,
    Field,
    InSegment,
    Interval,
    Moment,
    OpenMetricsError,
    Plan,
    check_segment,
    format_time,
    invalid_query,
    iter_intervals,
    next_start,
    parse_field,
    parse_range,
    parse_timezone,
    read_filter,
)
from openmetrics_plugins.retention.choices import join_filters, read_choice, read_unit
from openmetrics_plugins.retention.model import Rules

MAX_PERIODS = 365
MAX_CELLS = 500_000
"""Most cells of an answer, groups included."""
DEFAULTS: Mapping[str, Any] = {
    "interval": "day", "cohort": "recurring", "mode": "calendar", "retained": "on", "zero": "cohort",
    "average": "pooled", "min_count": 1, "unit": "user", "limit": 25, "week_start": "monday",
}  # fmt: skip
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "posthog": {"average": "simple", "week_start": "sunday"},
    "mixpanel": {"mode": "rolling", "retained": "on_or_after", "zero": "returned"},
    "amplitude": {"mode": "rolling", "retained": "on_or_after", "zero": "returned", "week_start": "sunday"},
    "matomo": {"cohort": "first_time"},
}
"""What a question means where it says `like` and nothing else."""
ROLLING_MS: Mapping[str, int] = {
    "minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000, "month": 2_592_000_000,
}  # fmt: skip
WEEK_STARTS: Mapping[str, int] = {"monday": 0, "sunday": 6}


@dataclass(frozen=True, slots=True)
class Value:
    """What is summed up over return events, and how."""

    measure: str
    of: Field


@dataclass(frozen=True, slots=True)
class Params:
    """A resolved question. `breakdown` is a field, or the id of a segment."""

    definition: Mapping[str, Any]
    rules: Rules
    plan: Plan
    now_ms: int
    breakdown: Field | str | None
    limit: int
    value: Value | None
    is_simple: bool

    @property
    def start_ms(self) -> int:
        """Return where the range begins."""
        return self.rules.start_ms

    @property
    def end_ms(self) -> int:
        """Return where the range ends."""
        return self.rules.end_ms


def parse_params(document: Mapping[str, Any], asking: Asking) -> Params:
    """Check and resolve a question that its schema has passed. Raises OpenMetricsError."""
    given = dict(document)
    asked: dict[str, Any] = {**DEFAULTS, **PRESETS.get(given.pop("like", ""), {}), **given}
    asked["timezone"] = parse_timezone(asked.get("timezone", asking.timezone))
    asking = replace(asking, timezone=asked["timezone"])
    start_ms, end_ms = parse_range(asked["range"], Moment(asking.now_ms, asking.timezone))
    asked["range"] = {"from": format_time(start_ms), "to": format_time(end_ms)}
    cells = _parse_cells(asked)
    breakdown = _parse_breakdown(asked.get("breakdown"), asking)
    edges = _find_edges((start_ms, end_ms), asked, len(cells) - 1)
    value = _parse_value(asked.get("value"))
    rules = Rules(
        start_ms,
        end_ms,
        edges,
        cells,
        asked["cohort"],
        ROLLING_MS[asked["interval"]] if asked["mode"] == "rolling" else 0,
        asked["retained"],
        asked["min_count"],
        asked["zero"] == "returned",
    )
    plan = _build_plan(asked, (breakdown, value), asking)
    is_simple = asked["average"] == "simple"
    return Params(asked, rules, plan, asking.now_ms, breakdown, asked["limit"], value, is_simple)


def _parse_cells(asked: dict[str, Any]) -> tuple[int, ...]:
    """Return the first interval of each cell, and the one after the last; note the largest in `asked`."""
    brackets = asked.get("brackets")
    if brackets is None:
        periods = asked.setdefault("periods", 11)
        return tuple(range(periods + 2))
    periods = sum(brackets)
    if periods > MAX_PERIODS:
        raise invalid_query("/brackets", f"Brackets hold at most {MAX_PERIODS} intervals, not {periods}.")
    if asked.setdefault("periods", periods) != periods:
        raise invalid_query("/periods", f"The brackets hold {periods} intervals; leave `periods` out.")
    return (0, *accumulate(brackets, initial=1))


def _find_edges(bounds: tuple[int, int], asked: Mapping[str, Any], cells_a_row: int) -> tuple[int, ...]:
    """Return the starts of all rows and the end of the last one."""
    interval = Interval(asked["interval"], asked["timezone"], WEEK_STARTS[asked["week_start"]])
    most = MAX_CELLS // cells_a_row
    starts = tuple(islice(iter_intervals(*bounds, interval), most + 1))
    check_cells(len(starts) * cells_a_row)
    return (*starts, next_start(starts[-1], interval))


def check_cells(count: int) -> None:
    """Refuse an answer with too many cells. Raises OpenMetricsError `query-too-large`."""
    if count > MAX_CELLS:
        raise OpenMetricsError(
            "query-too-large",
            f"The answer would have more than {MAX_CELLS:,} cells; ask for a coarser interval, a shorter"
            " range, fewer periods or fewer groups.",
        )


def _parse_breakdown(breakdown: Any, asking: Asking) -> Field | str | None:
    if isinstance(breakdown, Mapping):
        id: str = breakdown["segment"]
        check_segment(asking, id, "/breakdown/segment")
        return id
    if breakdown is None:
        return None
    field = parse_field(breakdown, "/breakdown")
    if field.kind in ("fields", "context"):
        raise invalid_query(
            "/breakdown", f"`{field.kind}.X` has too many values to break down by; use a property."
        )
    return field


def _parse_value(value: Mapping[str, Any] | None) -> Value | None:
    if value is None:
        return None
    field = parse_field(value["of"], "/value/of")
    if field.kind not in ("value", "props"):
        raise invalid_query("/value/of", "Name `value`, or a property with numbers such as `props.price`.")
    return Value(value["measure"], field)


def _build_plan(
    asked: Mapping[str, Any], wanted: tuple[Field | str | None, Value | None], asking: Asking
) -> Plan:
    breakdown, value = wanted
    start = read_choice(asked, "start", asking)
    named = start.by_name if asked["cohort"] == "first_ever" else start.whole
    bits = [start.whole, read_choice(asked, "return", asking).whole, named]
    if isinstance(breakdown, str):
        bits.append(join_filters(start.whole, InSegment(breakdown)))
    return Plan(
        tuple(bits),
        where=read_filter(asked, "/filter", asking),
        codes=(breakdown,) if isinstance(breakdown, Field) else (),
        numbers=() if value is None else (value.of,),
        unit=read_unit(asked["unit"]),
    )
