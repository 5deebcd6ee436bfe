"""Turn counts into the answer: cohorts with their cells, averages, groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from openmetrics.plugin import Asking, format_time
from openmetrics_plugins.retention.arrays import Totals
from openmetrics_plugins.retention.counting import Counted, build_grouping, count_view, open_view
from openmetrics_plugins.retention.params import Params

Row = Mapping[str, Any]


def answer_retention(params: Params, asking: Asking) -> Row:
    """Return the members of the answer."""
    view = open_view(params, asking)
    grouping = build_grouping(view, params)
    counted = count_view(view, params, grouping)
    if counted.totals is not None and not all_finite(counted.totals):
        detail = "A sum is beyond what a number can hold; it is null."
        asking.warnings.append({"code": "overflow", "detail": detail, "pointer": "/value"})
    answer = {"labels": list(params.rules.labels), **build_table(params, counted, 0)}
    if params.breakdown is None:
        return answer
    values = [(value, False) for value in grouping.values] + [(None, True)] * grouping.has_other
    groups = [
        {"value": value, "other": is_other, **build_table(params, counted, group)}
        for group, (value, is_other) in enumerate(values, 1)
    ]
    return {**answer, "groups": groups}


def build_table(params: Params, counted: Counted, group: int) -> Row:
    """Return the cohorts of a group and their average."""
    cohorts = [build_cohort(params, counted, (group, row)) for row in range(params.rules.rows)]
    return {"cohorts": cohorts, "average": build_average(params, cohorts)}


def build_cohort(params: Params, counted: Counted, at: tuple[int, int]) -> Row:
    """Return one cohort: when it began, how large it is, and its cells."""
    group, row = at
    rules = params.rules
    cohort: dict[str, Any] = {"time": format_time(rules.edges[row]), "size": int(counted.sizes[group, row])}
    if rules.edges[row] < rules.start_ms:
        cohort["partial"] = True
    cohort["cells"] = [build_cell(params, counted, (group, row, cell)) for cell in range(rules.widths[row])]
    return cohort


def build_cell(params: Params, counted: Counted, at: tuple[int, int, int]) -> Row:
    """Return one cell; in the future it holds null."""
    group, row, period = at
    begins_ms, ends_ms = params.rules.span(row, period)
    cell: dict[str, Any] = {"period": period, "count": None, "share": None}
    if params.value is not None:
        cell["value"] = None
    if begins_ms < params.now_ms:
        size = int(counted.sizes[group, row])
        cell["count"] = int(counted.kept[at])
        cell["share"] = cell["count"] / size if size else None
        if params.value is not None:
            cell["value"] = measure_value(params, counted, at)
    cell["complete"] = ends_ms is not None and ends_ms <= min(params.end_ms, params.now_ms)
    return cell


def measure_value(params: Params, counted: Counted, at: tuple[int, int, int]) -> float | None:
    """Return what the returns of a cell are worth, in the measure that is asked for."""
    assert params.value is not None
    assert counted.totals is not None
    total = float(counted.totals.sums[at]) + float(counted.totals.rests[at])
    if not math.isfinite(total):
        return None
    if params.value.measure == "sum":
        return total
    by_member = params.value.measure == "avg_per_member"
    count = int(counted.sizes[at[:2]] if by_member else counted.totals.returned[at])
    return total / count if count else None


def all_finite(totals: Totals) -> bool:
    """Say whether no sum overflowed."""
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(totals.sums + totals.rests).all())


def build_average(params: Params, cohorts: Sequence[Row]) -> list[Row]:
    """Return the average share of each period over the cohorts whose cells are complete."""
    averages: list[Row] = []
    for period in range(len(params.rules.labels)):
        done = [
            (row["cells"][period]["count"], row["size"])
            for row in cohorts
            if period < len(row["cells"]) and row["cells"][period]["complete"] and row["size"]
        ]
        averages.append({"period": period, "share": average_shares(done, params.is_simple)})
    return averages


def average_shares(done: Sequence[tuple[int, int]], is_simple: bool) -> float | None:
    """Return the mean of shares, each cohort (`simple`) or each member counting alike; None without any."""
    if not done:
        return None
    if is_simple:
        return math.fsum(count / size for count, size in done) / len(done)
    return sum(count for count, _ in done) / sum(size for _, size in done)
