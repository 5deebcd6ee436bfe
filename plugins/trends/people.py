"""Name the people behind a figure: the actors of the events that it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from openmetrics.plugin import Asking, OpenMetricsError, People, format_time, invalid_query, parse_instant
from openmetrics_plugins.trends.answer import find_grouping, open_sources
from openmetrics_plugins.trends.columns import ColumnSource
from openmetrics_plugins.trends.groups import EVERYTHING, Grouping
from openmetrics_plugins.trends.model import Params, Period

MEMBERS = ("series", "time", "group", "other")


def find_people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    """Return who is behind the figure that `pick` names. Raises OpenMetricsError `invalid-query`."""
    for name in pick:
        if name not in MEMBERS:
            raise invalid_query(f"/pick/{name}", f"A pick takes {', '.join(MEMBERS)}.")
    place = _pick_series(params, pick.get("series", 0))
    period = _pick_period(params, pick.get("time"))
    grouping, row = _pick_group(params, pick, asking)
    source = ColumnSource(params, period, asking)
    found = source.find_units(place, grouping, row)
    keys = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    return People(len(keys), keys, source.view)


def _pick_series(params: Params, place: Any) -> int:
    last = len(params.series) - 1
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= last:
        detail = f"Name a series by its place in the question, from 0 to {last}; a formula has no people."
        raise invalid_query("/pick/series", detail)
    return place


def _pick_period(params: Params, time: Any) -> Period:
    """Return the whole range, or the part of it that lies in one interval."""
    period = params.period
    if time is None:
        return replace(period, edges=())
    if not period.edges:
        raise invalid_query("/pick/time", "The question has no interval, so the answer has no points.")
    try:
        at = period.edges[:-1].index(parse_instant(time, params.definition["timezone"], "/pick/time"))
    except (ValueError, OpenMetricsError) as error:
        first, last = format_time(period.edges[0]), format_time(period.edges[-2])
        detail = f"Name a point by its `time` in the answer, from {first} to {last}."
        raise invalid_query("/pick/time", detail) from error
    start_ms, end_ms = period.edges[at : at + 2]
    return Period(max(start_ms, period.start_ms), min(end_ms, period.end_ms))


def _pick_group(params: Params, pick: Mapping[str, Any], asking: Asking) -> tuple[Grouping, int]:
    """Return a grouping and the row in it that is meant."""
    named = next((name for name in ("other", "group") if name in pick), None)
    if not params.breakdown:
        if named is None or pick.get("group") == []:
            return EVERYTHING, 0
        raise invalid_query(f"/pick/{named}", "The question has no breakdown, so the answer has no groups.")
    if pick.get("other", False) is not False:
        grouping = find_grouping(params, open_sources(params, params.period, asking, is_stored=False))
        if pick["other"] is not True or not grouping.has_other:
            raise invalid_query("/pick/other", "The answer has no row `other`; leave this out.")
        return grouping, grouping.other
    if "group" not in pick:
        return Grouping((), has_other=True), 0
    group = pick["group"]
    is_group = isinstance(group, list) and all(value is None or isinstance(value, str) for value in group)
    if not is_group or len(group) != len(params.breakdown):
        detail = 'Name a group as the answer does, by a list of its values, such as ["pro"].'
        raise invalid_query("/pick/group", detail)
    return Grouping((tuple(group),)), 0
