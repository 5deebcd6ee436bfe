"""Name the people behind a cell: those who are retained, or those who are lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from openmetrics.plugin import (
    Asking,
    ColumnView,
    OpenMetricsError,
    People,
    format_time,
    invalid_query,
    parse_instant,
)
from openmetrics_plugins.retention.counting import (
    EVERYBODY,
    Grouping,
    build_grouping,
    count_view,
    find_value,
    open_view,
)
from openmetrics_plugins.retention.params import Params

MEMBERS = ("cohort", "period", "status", "group", "other")
STATUSES = ("retained", "lost")


def find_people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    """Return who is behind the cell that `pick` names. Raises OpenMetricsError `invalid-query`."""
    for name in pick:
        if name not in MEMBERS:
            raise invalid_query(f"/pick/{name}", f"A pick takes {', '.join(MEMBERS)}.")
    row = _pick_row(params, pick.get("cohort"))
    cell = _pick_cell(params, pick.get("period"), row)
    status = pick.get("status", "retained")
    if status not in STATUSES:
        raise invalid_query("/pick/status", "A status is `retained` or `lost`.")
    view = open_view(params, asking)
    grouping, group = _pick_group(view, params, pick)
    counted = count_view(view, params, grouping, (group, row, cell))
    mark = 1 + (status == "retained")
    found = [units[marks == mark] for units, marks in counted.picked]
    keys = np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    return People(len(keys), keys, view)


def _pick_row(params: Params, cohort: Any) -> int:
    starts = params.rules.edges[:-1]
    try:
        return starts.index(parse_instant(cohort, params.definition["timezone"], "/pick/cohort"))
    except (ValueError, OpenMetricsError) as error:
        first, last = format_time(starts[0]), format_time(starts[-1])
        detail = f"Name a cohort by its `time` in the answer, from {first} to {last}."
        raise invalid_query("/pick/cohort", detail) from error


def _pick_cell(params: Params, period: Any, row: int) -> int:
    width = params.rules.widths[row]
    if not isinstance(period, int) or isinstance(period, bool) or not 0 <= period < width:
        detail = f"The cohort has the periods 0 to {width - 1}; name one by its `period` in the answer."
        raise invalid_query("/pick/period", detail)
    if params.rules.span(row, period)[0] >= params.now_ms:
        raise invalid_query("/pick/period", "This period has not begun; pick an earlier one.")
    return period


def _pick_group(view: ColumnView, params: Params, pick: Mapping[str, Any]) -> tuple[Grouping, int]:
    """Return a grouping and the group in it that is meant."""
    named = next((name for name in ("other", "group") if name in pick), None)
    if named is None:
        return EVERYBODY, 0
    if params.breakdown is None:
        raise invalid_query(f"/pick/{named}", "The question has no breakdown, so the answer has no groups.")
    if pick.get("other", False) is not False:
        grouping = build_grouping(view, params)
        if pick["other"] is not True or not grouping.has_other:
            raise invalid_query("/pick/other", "The answer has no row `other`; leave this out.")
        return grouping, grouping.count - 1
    if "group" not in pick:
        return EVERYBODY, 0
    value = pick["group"]
    found = find_value(view, params, value) if value is None or isinstance(value, str) else None
    if found is None:
        raise invalid_query("/pick/group", "Name a group by its `value` in the answer.")
    return found, 1
