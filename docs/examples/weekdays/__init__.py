"""Answer on which days of the week something happens: `POST /v1/analyses/weekdays {"event": "visit"}`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openmetrics.plugin import (
    AggregateQuery,
    Analysis,
    Asking,
    Comparison,
    Field,
    Interval,
    Measure,
    Server,
    hookimpl,
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Params:
    """A checked question."""

    definition: Mapping[str, Any]
    start_ms: int | None = None
    end_ms: int | None = None


@hookimpl
def register_schemas() -> list[Path]:
    """Describe the question and its answer."""
    return [Path(__file__).parent]


@hookimpl
def register_analyses(server: Server) -> list[Analysis]:
    """Add the question."""
    return [Analysis("weekdays", "Days of the week", "weekdays_params", "weekdays_result", parse, run)]


def parse(document: Mapping[str, Any], asking: Asking) -> Params:
    """Resolve a question that its schema has passed."""
    return Params({"event": document["event"]})


def run(params: Params, asking: Asking) -> Mapping[str, Any]:
    """Count by day in the store, then fold the days to a week."""
    query = AggregateQuery(
        (Measure("count"),),
        filter=Comparison(Field("name"), "eq", params.definition["event"]),
        interval=Interval("day"),
        deadline=asking.deadline,
    )
    counts: Counter[str] = Counter()
    for row in asking.store().aggregate(query):
        assert row.time_ms is not None
        day = datetime.fromtimestamp(row.time_ms / 1000, UTC).weekday()
        counts[DAYS[day]] += int(row.figures[0] or 0)
    return {"days": [{"day": day, "count": counts[day]} for day in DAYS]}
