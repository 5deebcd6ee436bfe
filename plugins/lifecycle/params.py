"""Read a question about lifecycle or stickiness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from openmetrics.plugin import (
    Asking,
    Comparison,
    Field,
    Interval,
    Moment,
    OpenMetricsError,
    Plan,
    format_time,
    interval_start,
    iter_intervals,
    next_start,
    parse_events,
    parse_range,
    parse_timezone,
    read_filter,
)

MAX_ROWS = 10_000
DEFAULTS: Mapping[str, Any] = {"interval": "day", "week_start": "monday"}
WEEK_STARTS: Mapping[str, int] = {"monday": 0, "sunday": 6}


@dataclass(frozen=True, slots=True)
class Params:
    """A resolved question. `edges` are the starts of the rows and the end of the last one.

    `before_ms` is the start of the interval before the first row.
    """

    definition: Mapping[str, Any]
    start_ms: int
    end_ms: int
    now_ms: int
    edges: tuple[int, ...]
    before_ms: int
    plan: Plan

    @property
    def rows(self) -> int:
        """Return the number of intervals."""
        return len(self.edges) - 1


def parse_params(document: Mapping[str, Any], asking: Asking) -> Params:
    """Resolve a question that its schema has passed. Raises OpenMetricsError."""
    asked: dict[str, Any] = {**DEFAULTS, **document}
    asked["timezone"] = parse_timezone(asked.get("timezone", asking.timezone))
    asking = replace(asking, timezone=asked["timezone"])
    start_ms, end_ms = parse_range(asked["range"], Moment(asking.now_ms, asking.timezone))
    asked["range"] = {"from": format_time(start_ms), "to": format_time(end_ms)}
    interval = Interval(asked["interval"], asking.timezone, WEEK_STARTS[asked["week_start"]])
    starts = tuple(islice(iter_intervals(start_ms, end_ms, interval), MAX_ROWS + 1))
    if len(starts) > MAX_ROWS:
        detail = f"The answer has at most {MAX_ROWS:,} intervals; ask for a coarser one or a shorter range."
        raise OpenMetricsError("query-too-large", detail)
    names = parse_events(asked.get("event"), "/event")
    event = None if names is None else Comparison(Field("name"), "in", names)
    return Params(
        asked,
        start_ms,
        end_ms,
        asking.now_ms,
        (*starts, next_start(starts[-1], interval)),
        interval_start(starts[0] - 1, interval),
        Plan((event,), where=read_filter(asked, "/filter", asking)),
    )
