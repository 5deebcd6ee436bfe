"""The words of a question about trends: series, periods, the resolved question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openmetrics.plugin import Field, Filter, Interval
from openmetrics_plugins.trends.formula import Formula

PERCENTILES: Mapping[str, float] = {"median": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}
NUMERIC = ("sum", "avg", "min", "max", *PERCENTILES)
"""Measures of numbers; all others count."""
HEADS = ("users", "sessions", "active")
"""Measures that count heads: each once, however many events it has."""
MEASURES = ("count", *HEADS, *NUMERIC, "per_user")
STORED = ("count", "sum", "avg", "min", "max")
"""What an engine works out by itself."""
WHOLE = ("count", *HEADS)
"""Measures whose figures are whole numbers, 0 where there is nothing."""

Group = tuple[str | None, ...]
"""The values of a breakdown that a row stands for; None is missing."""


@dataclass(frozen=True, slots=True)
class Series:
    """What is measured: of which events (None: all), how, and of which number.

    `each` is what `per_user` averages over actors.
    """

    label: str
    measure: str
    filter: Filter | None = None
    of: Field | None = None
    each: str = "count"


@dataclass(frozen=True, slots=True)
class Period:
    """A range, and the edges of its intervals: their starts and the end of the last, or nothing."""

    start_ms: int
    end_ms: int
    edges: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Return the number of intervals, 1 where there is none."""
        return max(len(self.edges) - 1, 1)


@dataclass(frozen=True, slots=True)
class Params:
    """A resolved question. A breakdown is by fields, or by the ids of segments."""

    definition: Mapping[str, Any]
    period: Period
    now_ms: int
    series: tuple[Series, ...]
    formula: Formula | None = None
    breakdown: tuple[Field | str, ...] = ()
    filter: Filter | None = None
    limit: int = 25
    interval: Interval | None = None
    compared: Period | None = None

    @property
    def start_ms(self) -> int:
        """Return where the range begins."""
        return self.period.start_ms

    @property
    def end_ms(self) -> int:
        """Return where the range ends."""
        return self.period.end_ms
