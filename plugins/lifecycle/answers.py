"""Answer questions about lifecycle and stickiness, and name the people behind a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from openmetrics.plugin import Asking, OpenMetricsError, People, format_time, invalid_query, parse_instant
from openmetrics_plugins.lifecycle.counting import STATUSES, count_intervals, count_rows, find_presence
from openmetrics_plugins.lifecycle.params import Params


def answer_lifecycle(params: Params, asking: Asking) -> Mapping[str, Any]:
    """Return how many are new, returning, resurrected and dormant in each interval."""
    view = asking.view(None, params.end_ms)
    found = view.map(params.plan, lambda slice: count_rows(find_presence(slice, params), params.rows))
    totals = sum(found) if found else np.zeros((len(STATUSES), params.rows), dtype=np.int64)
    points = []
    for row, (start_ms, end_ms) in enumerate(zip(params.edges, params.edges[1:], strict=False)):
        point: dict[str, Any] = {"time": format_time(start_ms)}
        for status, figures in zip(STATUSES, totals, strict=True):
            figure = int(figures[row]) * (-1 if status == "dormant" else 1)
            point[status] = figure if start_ms < params.now_ms else None
        point["complete"] = end_ms <= min(params.end_ms, params.now_ms)
        if start_ms < params.start_ms:
            point["partial"] = True
        points.append(point)
    return {"points": points}


def find_living(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    """Return who has a status in an interval. Raises OpenMetricsError `invalid-query`."""
    _check_members(pick, ("time", "status"))
    starts = params.edges[:-1]
    try:
        row = starts.index(parse_instant(pick.get("time"), params.definition["timezone"], "/pick/time"))
    except (ValueError, OpenMetricsError) as error:
        first, last = format_time(starts[0]), format_time(starts[-1])
        detail = f"Name a point by its `time` in the answer, from {first} to {last}."
        raise invalid_query("/pick/time", detail) from error
    status = pick.get("status")
    if status not in STATUSES:
        raise invalid_query("/pick/status", f"A status is one of {', '.join(STATUSES)}.")
    view = asking.view(None, params.end_ms)
    return _to_people(
        view, view.map(params.plan, lambda slice: find_presence(slice, params).find(row, status))
    )


def answer_stickiness(params: Params, asking: Asking) -> Mapping[str, Any]:
    """Return how many are active in exactly 1, 2, ... intervals, and the mean share of intervals."""
    view = asking.view(params.start_ms, params.end_ms)
    found = view.map(params.plan, lambda slice: count_intervals(find_presence(slice, params))[1])
    counts = np.bincount(np.concatenate(found) if found else [], minlength=params.rows + 1).astype(int)
    users = int(counts[1:].sum())
    active = int((counts * np.arange(params.rows + 1)).sum())
    return {
        "users": users,
        "ratio": active / (users * params.rows) if users else None,
        "counts": [{"intervals": n, "users": int(counts[n])} for n in range(1, params.rows + 1)],
    }


def find_sticky(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    """Return who is active in exactly so many intervals. Raises OpenMetricsError `invalid-query`."""
    _check_members(pick, ("intervals",))
    wanted = pick.get("intervals")
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= params.rows:
        raise invalid_query("/pick/intervals", f"`intervals` is a whole number from 1 to {params.rows}.")
    view = asking.view(params.start_ms, params.end_ms)

    def choose(slice: Any) -> Any:
        keys, counts = count_intervals(find_presence(slice, params))
        return keys[counts == wanted]

    return _to_people(view, view.map(params.plan, choose))


def _to_people(view: Any, found: list[Any]) -> People:
    keys = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    return People(len(keys), np.sort(keys), view)


def _check_members(pick: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in pick:
        if name not in known:
            raise invalid_query(f"/pick/{name}", f"A pick takes {', '.join(known)}.")
