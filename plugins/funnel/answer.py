"""Turn journeys into the answer: steps, conversion, histogram, intervals, groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from openmetrics.plugin import Asking, format_time, next_start
from openmetrics_plugins.funnel.book import FILLED, TIMES
from openmetrics_plugins.funnel.counting import Counted, count_view, is_done, list_groups
from openmetrics_plugins.funnel.law import Ints
from openmetrics_plugins.funnel.params import Params

Row = Mapping[str, Any]


def answer_funnel(params: Params, asking: Asking) -> Row:
    """Return the members of the answer."""
    counted = count_view(params, asking)
    steps = build_steps(params, counted.journeys)
    goal = params.rules.required[-1]
    answer: dict[str, Any] = {
        "steps": steps,
        "conversion": steps[goal]["share_of_first"],
        "histogram": build_histogram(params, counted.journeys),
    }
    if params.interval is not None:
        answer["intervals"] = build_intervals(params, counted)
    if params.breakdown is not None:
        answer["groups"] = [
            {"value": group.value, "other": group.is_other, "steps": build_steps(params, group.journeys)}
            for group in list_groups(counted, params)
        ]
    return answer


def build_steps(params: Params, journeys: Ints) -> list[Row]:
    """Return a row for each step; shares and losses refer to the last required step before it."""
    rules = params.rules
    rows: list[dict[str, Any]] = []
    before = 0
    for step in range(rules.steps):
        count = int(np.count_nonzero(journeys[:, FILLED] >> step & 1))
        first, previous = (rows[0]["count"], rows[before]["count"]) if rows else (count, count)
        is_optional = rules.optional[step]
        rows.append(
            {
                "step": step + 1,
                "label": name_row(params, step),
                "count": count,
                "share_of_first": count / first if first else 0.0,
                "share_of_previous": count / previous if previous else 0.0,
                "dropped": None if is_optional else previous - count,
                "from_previous_s": describe_times(find_hops(journeys, step)),
                "from_first_s": describe_times(find_spans(journeys, step)),
            }
        )
        before = before if is_optional else step
    return rows


def name_row(params: Params, step: int) -> str:
    """Return the label of a row; in any order it counts how many steps were done."""
    if params.rules.order == "any":
        return f"{step + 1} of {params.rules.steps}"
    return str(params.definition["steps"][step]["label"])


def find_spans(journeys: Ints, step: int) -> Ints:
    """Return how long after the first step a step was done; nothing for the first itself."""
    done = journeys[is_done(journeys[:, TIMES + step])][:, TIMES:] if step else journeys[:0, TIMES:]
    return np.maximum(done[:, step] - done[:, 0], 0)


def find_hops(journeys: Ints, step: int) -> Ints:
    """Return how long after the last step done before it a step was done."""
    done = journeys[is_done(journeys[:, TIMES + step])][:, TIMES:] if step else journeys[:0, TIMES:]
    previous = done[:, 0].copy() if step else done[:, 0]
    for other in range(1, step):
        previous = np.where(is_done(done[:, other]), done[:, other], previous)
    return np.maximum(done[:, step] - previous, 0)


def describe_times(spans_ms: Ints) -> Row | None:
    """Return the median and mean in seconds."""
    if not len(spans_ms):
        return None
    return {"median": float(np.median(spans_ms)) / 1000, "mean": float(np.mean(spans_ms)) / 1000}


def build_histogram(params: Params, journeys: Ints) -> list[Row]:
    """Return how long conversions took, in as many equal bins as the cube root of their number (rule 13)."""
    goal = params.rules.required[-1]
    converted = journeys[journeys[:, FILLED] >> goal & 1 == 1]
    spans = np.maximum(converted[:, TIMES + goal] - converted[:, TIMES], 0)
    if not len(spans):
        return []
    low, high = int(spans.min()), int(spans.max())
    bins = 1 if low == high else root_of(len(spans))
    width = high - low
    # NOTE: whole numbers, so that what lies on an edge is always counted above it.
    number = (
        np.minimum((spans - low) * bins // width, bins - 1) if width else np.zeros(len(spans), dtype=np.int64)
    )
    counts = np.bincount(number, minlength=bins)
    edges = [(low + width * edge / bins) / 1000 for edge in range(bins + 1)]
    return [
        {"from_s": edges[bin], "to_s": edges[bin + 1], "count": int(count)}
        for bin, count in enumerate(counts)
    ]


def root_of(count: int) -> int:
    """Return the cube root of a number, rounded up."""
    root = round(math.cbrt(count))
    return root + (root**3 < count)


def build_intervals(params: Params, counted: Counted) -> list[Row]:
    """Return for each interval how many started in it, and how many of these converted (rule 25)."""
    assert params.interval is not None
    rows = []
    for number, start_ms in enumerate(params.rules.intervals):
        end_ms = next_start(start_ms, params.interval) + params.rules.window_ms
        entered, converted = (int(count) for count in counted.entries[:, number])
        rows.append(
            {
                "time": format_time(start_ms),
                "entered": entered,
                "converted": converted,
                "complete": end_ms <= params.now_ms,
            }
        )
    return rows
