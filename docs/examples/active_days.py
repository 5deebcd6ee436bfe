"""Active days: on how many days, in the mean, each user did something.

Ask `POST /v1/analyses/active-days` with `{"range": {"last": "30d"}, "event": "open"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from openmetrics.plugin import (
    Analysis,
    Asking,
    Comparison,
    Field,
    Moment,
    People,
    Plan,
    Server,
    Slice,
    format_time,
    hookimpl,
    parse_events,
    parse_range,
    read_filter,
)

DAY_MS = 86_400_000
QUESTION = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "active-days.schema.json",
    "title": "Active days",
    "description": "On how many days, in the mean, each user did something.",
    "type": "object",
    "required": ["range"],
    "additionalProperties": False,
    "properties": {
        "range": {"description": "`last`, or `from` and `to`.", "type": "object"},
        "event": {
            "description": "A name, a list of names, or null for any event.",
            "type": ["string", "array", "null"],
        },
        "filter": {"description": "A condition on these events.", "type": "object"},
    },
    "examples": [{"range": {"last": "30d"}, "event": "open"}],
}
ANSWER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "active-days-answer.schema.json",
    "title": "Active days: answer",
    "description": "How many users there are, and their days.",
    "type": "object",
    "required": ["users", "days"],
    "properties": {
        "users": {"description": "Who did it at all.", "type": "integer"},
        "days": {
            "description": "The mean number of their days; null where nobody did it.",
            "type": ["number", "null"],
        },
    },
    "examples": [{"users": 2, "days": 1.5}],
}


@dataclass(frozen=True)
class Params:
    """A resolved question: `definition` is echoed, `plan` says which events are looked at."""

    definition: Mapping[str, Any]
    start_ms: int
    end_ms: int
    plan: Plan


@hookimpl
def register_schemas() -> list[Mapping[str, Any]]:
    """Describe question and answer; what the question does not take is refused with a pointer."""
    return [QUESTION, ANSWER]


@hookimpl
def register_analyses(server: Server) -> list[Analysis]:
    """Add the analysis."""
    names = ("active-days", "Active days", "active-days", "active-days-answer")
    return [Analysis(*names, parse, run, people)]


def parse(document: Mapping[str, Any], asking: Asking) -> Params:
    """Resolve a question that its schema has passed."""
    start_ms, end_ms = parse_range(document["range"], Moment(asking.now_ms, asking.timezone))
    names = parse_events(document.get("event"), "/event")
    event = None if names is None else Comparison(Field("name"), "in", names)
    plan = Plan((event,), where=read_filter(document, "/filter", asking))
    bounds = {"from": format_time(start_ms), "to": format_time(end_ms)}
    return Params({**document, "range": bounds}, start_ms, end_ms, plan)


def run(params: Params, asking: Asking) -> Mapping[str, Any]:
    """Return the members of the answer."""
    found = asking.view(params.start_ms, params.end_ms).map(params.plan, count_days)
    days = np.concatenate(found) if found else np.empty(0)
    return {"users": len(days), "days": float(days.mean()) if len(days) else None}


def count_days(events: Slice) -> Any:
    """Return the number of days of each user; its events stand together, in order of time."""
    days = events.time // DAY_MS
    is_new = np.diff(days, prepend=-1) != 0
    is_new[events.offsets[:-1]] = True
    return np.add.reduceat(is_new.astype(np.int64), events.offsets[:-1])


def people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    """Return who did it at all."""
    view = asking.view(params.start_ms, params.end_ms)
    found = view.map(params.plan, lambda events: events.units)
    keys = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    return People(len(keys), keys, view)
