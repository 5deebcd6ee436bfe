"""Name the people behind a step: those who reached it, or those who were lost before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from openmetrics.plugin import Asking, People, invalid_query
from openmetrics_plugins.funnel.book import FILLED, UNIT
from openmetrics_plugins.funnel.counting import Counted, count_view, list_groups
from openmetrics_plugins.funnel.law import Ints
from openmetrics_plugins.funnel.params import Params

MEMBERS = ("step", "status", "group", "other")
STATUSES = ("reached", "dropped")


def find_people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    """Return who is behind the number that `pick` names. Raises OpenMetricsError `invalid-query`."""
    for name in pick:
        if name not in MEMBERS:
            raise invalid_query(f"/pick/{name}", f"A pick takes {', '.join(MEMBERS)}.")
    step = pick_step(params, pick)
    is_reached = pick.get("status", "reached") == "reached"
    counted = count_view(params, asking)
    journeys = pick_journeys(params, counted, pick)
    has_step = journeys[:, FILLED] >> step & 1 == 1
    if not is_reached:
        before = max((other for other in params.rules.required if other < step), default=0)
        has_step = (journeys[:, FILLED] >> before & 1 == 1) & ~has_step
    keys = np.unique(journeys[has_step, UNIT])
    return People(len(keys), keys, counted.view)


def pick_step(params: Params, pick: Mapping[str, Any]) -> int:
    """Return the step that a pick names."""
    step, steps = pick.get("step"), params.rules.steps
    if not isinstance(step, int) or isinstance(step, bool) or not 1 <= step <= steps:
        raise invalid_query("/pick/step", f"Name a step by its number, from 1 to {steps}.")
    if pick.get("status", "reached") not in STATUSES:
        raise invalid_query("/pick/status", "A status is `reached` or `dropped`.")
    if pick.get("status") == "dropped" and params.rules.optional[step - 1]:
        raise invalid_query("/pick/status", "Nobody is lost at an optional step; ask who reached it.")
    return step - 1


def pick_journeys(params: Params, counted: Counted, pick: Mapping[str, Any]) -> Ints:
    """Return the journeys of the group that a pick names, or all."""
    named = next((name for name in ("other", "group") if name in pick), None)
    if named is None:
        return counted.journeys
    if params.breakdown is None:
        raise invalid_query(f"/pick/{named}", "The question has no breakdown, so the answer has no groups.")
    if not isinstance(pick.get("other", False), bool):
        raise invalid_query("/pick/other", "`other` is true for the row of all that is not shown.")
    groups = list_groups(counted, params)
    if pick.get("other"):
        if not groups or not groups[-1].is_other:
            raise invalid_query("/pick/other", "The answer has no row `other`; leave this out.")
        return groups[-1].journeys
    value = pick.get("group")
    found = [group.journeys for group in groups if not group.is_other and group.value == value]
    if not found:
        raise invalid_query("/pick/group", "Name a group by its `value` in the answer.")
    return found[0]
