"""Work an answer out the long way: from what was sent, event by event, as plain Python defines it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from openmetrics.query.match import matches, number_of, texts_of
from openmetrics.query.model import All, AnyOf, Comparison, Did, Field, Filter, InSegment, Not
from openmetrics.query.times import format_time
from openmetrics.testing.journeys import make_event, to_lines
from openmetrics_plugins.trends.model import Params, Period
from openmetrics_plugins.trends.reference import Event, compute_rows, find_grouping

Line = dict[str, Any]
SEGMENT = ("ann", "cy")
PROFILES = {"ann": "pro", "bob": "free"}


def to_line(event: dict[str, Any]) -> Line:
    """Return an event as it is stored."""
    time_ms = round(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    members = {name: event[name] for name in event if name not in ("name", "time")}
    line: Line = orjson.loads(to_lines(make_event(event["name"], time_ms, **members)))
    return line


class History:
    """All that was sent; every session belongs to one user at most."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.lines = [to_line(event) for event in events]
        pairs = [(line.get("session_id"), line.get("user_id")) for line in self.lines]
        self._owners = {session: user for session, user in pairs if session and user}

    def actor(self, line: Line) -> str | None:
        session = line.get("session_id")
        return line.get("user_id") or self._owners.get(session) or (f"session {session}" if session else None)

    def holds(self, line: Line, node: Filter | None) -> bool:
        match node:
            case None:
                return True
            case All(parts):
                return all(self.holds(line, part) for part in parts)
            case AnyOf(parts):
                return any(self.holds(line, part) for part in parts)
            case Not(part):
                return not self.holds(line, part)
            case InSegment():
                return self.actor(line) in SEGMENT
            case Comparison(Field("user"), "eq", operand):
                return PROFILES.get(self.actor(line) or "") == operand
            case Comparison(Field("user_id"), "eq", operand):
                return self.actor(line) == operand
            case Did(event, filter, at_least, start, end):
                done = [
                    other
                    for other in self.lines
                    if self.actor(other) == self.actor(line) is not None
                    and (event is None or other["name"] in event)
                    and (start is None or other["time"] >= start)
                    and (end is None or other["time"] < end)
                    and self.holds(other, filter)
                ]
                return len(done) >= at_least
            case _:
                return matches(line, node)

    def values(self, line: Line, part: Field | str) -> frozenset[str]:
        if isinstance(part, str):
            return frozenset({"in" if self.actor(line) in SEGMENT else "out"})
        if part.kind == "user":
            profile = PROFILES.get(self.actor(line) or "")
            return frozenset() if profile is None else frozenset({profile})
        return frozenset(texts_of(line, part))

    def events(self, params: Params) -> list[Event]:
        return [
            Event(
                line["time"],
                self.actor(line),
                line.get("session_id"),
                frozenset(n for n, series in enumerate(params.series) if self.holds(line, series.filter)),
                tuple(self.values(line, part) for part in params.breakdown),
                tuple(None if row.of is None else number_of(line, row.of) for row in params.series),
            )
            for line in self.lines
            if self.holds(line, params.filter)
        ]


def answer(params: Params, history: History) -> dict[str, Any]:
    """Return the answer's own members but `source`."""
    events = history.events(params)
    grouping = find_grouping(params, events)
    tables = compute_rows(params, events, params.period, grouping)
    found: dict[str, Any] = {"series": _to_rows(params, tables, params.period)}
    if params.compared is not None:
        period = params.compared
        before = _to_rows(params, compute_rows(params, events, period, grouping), period)
        for row, previous in zip(found["series"], before, strict=True):
            row["previous"] = {name: previous[name] for name in ("total", "points") if name in previous}
        found["compared"] = {
            "range": {"from": format_time(period.start_ms), "to": format_time(period.end_ms)}
        }
    return found


def _to_rows(params: Params, tables: Any, period: Period) -> list[dict[str, Any]]:
    found = []
    for place, rows in enumerate(tables):
        is_formula = place == len(params.series)
        for group, is_other, total, points in rows:
            row: dict[str, Any] = {"group": list(group), "other": is_other, "total": total}
            if is_formula:
                row |= {"label": params.formula and params.formula.text, "formula": True}
            else:
                row["label"] = params.series[place].label
            if period.edges:
                row["points"] = [_to_point(params, period, n, value) for n, value in enumerate(points)]
            found.append(row)
    return found


def _to_point(params: Params, period: Period, place: int, value: Any) -> dict[str, Any]:
    start, end = period.edges[place : place + 2]
    point = {"time": format_time(start), "value": value}
    point["complete"] = end <= period.end_ms and end <= params.now_ms
    return {**point, "partial": True} if start < period.start_ms else point
