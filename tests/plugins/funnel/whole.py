"""Whole answers the long way: events as sent, judged one unit at a time by the reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import mean, median
from typing import Any

from openmetrics_plugins.funnel.model import Event, Exclusion, Journey, Rules
from openmetrics_plugins.funnel.reference import evaluate

Sent = Mapping[str, Any]
Found = Sequence[Journey]
LENGTHS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def to_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def length_of(text: str) -> int:
    return int(text[:-1]) * LENGTHS[text[-1]]


def values_of(event: Sent, path: str) -> tuple[str, ...]:
    value = event["properties"].get(path.removeprefix("props."))
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(dict.fromkeys(str(one) for one in values))


def passes(event: Sent, filter: Sent | None) -> bool:
    return filter is None or filter["value"] in values_of(event, filter["field"])


def matches(event: Sent, choice: Sent) -> bool:
    names = choice.get("event")
    is_named = names is None or event["name"] in ([names] if isinstance(names, str) else names)
    return is_named and passes(event, choice.get("filter"))


def units_of(event: Sent, unit: str) -> tuple[str, ...]:
    if unit == "user":
        return (event.get("user_id") or event["session_id"],)
    return (event["session_id"],) if unit == "session" else values_of(event, unit)


def read_rules(question: Sent, starts: Sequence[int]) -> Rules:
    attribution = question.get("attribution", "first") if "breakdown" in question else "none"
    steps = question["steps"]
    return Rules(
        steps=len(steps),
        window_ms=length_of(question.get("window", "14d")),
        order=question.get("order", "ordered"),
        within=tuple(length_of(step["within"]) if "within" in step else None for step in steps),
        optional=tuple(step.get("optional", False) for step in steps),
        is_first_entry=question.get("entry") == "first",
        is_total=question.get("count") == "total",
        grace_ms=question.get("grace_ms", 0),
        exclusions=tuple(
            Exclusion(row["from_step"] - 1, row["to_step"] - 1, row.get("mode") == "drop")
            for row in question.get("exclusions", ())
        ),
        attribution="step" if attribution.startswith("step") else attribution,
        attributed=int(attribution[5:]) - 1 if attribution.startswith("step") else 0,
        start_ms=to_ms(question["range"]["from"]),
        end_ms=to_ms(question["range"]["to"]),
        intervals=tuple(starts),
    )


def to_event(sent: Sent, question: Sent) -> Event | None:
    """Return an event as the rules see it, or None if it is not looked at."""
    is_narrow, filter = question.get("filter_scope") == "first_step", question.get("filter")
    if not is_narrow and not passes(sent, filter):
        return None
    steps = sum(1 << k for k, step in enumerate(question["steps"]) if matches(sent, step))
    if is_narrow and not passes(sent, filter):
        steps &= ~1
    exclusions = sum(1 << k for k, row in enumerate(question.get("exclusions", ())) if matches(sent, row))
    if not steps and not exclusions and question.get("order") != "strict":
        return None
    values = values_of(sent, question["breakdown"]) if "breakdown" in question else ()
    held = tuple(values_of(sent, path) for path in question.get("hold", ()))
    return Event(to_ms(sent["time"]), steps, exclusions, values, held)


def answer(question: Sent, events: Iterable[Sent], edges: Sequence[int] = ()) -> dict[str, Any]:
    """Return the members of the answer; `edges` are the starts of the intervals and the end of the last."""
    rules = read_rules(question, edges[:-1])
    is_anywhere = question.get("completion") == "anywhere"
    units: dict[str, list[Event]] = {}
    for sent in sorted(events, key=lambda event: to_ms(event["time"])):
        if is_anywhere or rules.start_ms <= to_ms(sent["time"]) < rules.end_ms:
            event = to_event(sent, question)
            for unit in units_of(sent, question.get("unit", "user")) if event else ():
                units.setdefault(unit, []).append(event)
    outcomes = [evaluate(unit, rules) for unit in units.values()]
    journeys = [journey for outcome in outcomes for journey in outcome.journeys]
    goal = rules.required[-1]
    found: dict[str, Any] = {"steps": list_steps(journeys, question, rules)}
    found["conversion"] = found["steps"][goal]["share_of_first"]
    done = [j.times for j in journeys if j.filled >> goal & 1]
    found["histogram"] = list_bins([max(times[goal] - times[0], 0) for times in done])  # type: ignore[operator]
    if edges:
        counts = [[outcome.entries.get(k, (0, 0)) for outcome in outcomes] for k in range(len(edges) - 1)]
        found["intervals"] = [[sum(e for e, _ in row), sum(c for _, c in row)] for row in counts]
    if "breakdown" in question:
        found["groups"] = list_groups([outcome.groups for outcome in outcomes], question, rules)
    return found


def list_steps(journeys: Found, question: Sent, rules: Rules) -> list[Sent]:
    rows: list[dict[str, Any]] = []
    for k in range(rules.steps):
        count = sum(1 for journey in journeys if journey.filled >> k & 1)
        before = max((j for j in rules.required if j < k), default=0)
        first = rows[0]["count"] if k else count
        previous = rows[before]["count"] if k else count
        hops, spans = [], []
        for times in (journey.times for journey in journeys if k and journey.times[k] is not None):
            done = [time for time in times[: k + 1] if time is not None]
            hops.append(max(done[-1] - done[-2], 0))
            spans.append(max(done[-1] - done[0], 0))
        rows.append(
            {
                "count": count,
                "share_of_first": count / first if first else 0,
                "share_of_previous": count / previous if previous else 0,
                "dropped": None if rules.optional[k] else previous - count,
                "from_previous_s": describe(hops),
                "from_first_s": describe(spans),
            }
        )
    return rows


def describe(spans: Sequence[int]) -> Sent | None:
    return {"median": median(spans) / 1000, "mean": mean(spans) / 1000} if spans else None


def list_bins(spans: Sequence[int]) -> list[Sent]:
    if not spans:
        return []
    low, high = min(spans), max(spans)
    size = next(root for root in range(1, 99) if root**3 >= len(spans)) if high > low else 1
    edges = [low + (high - low) * k / size for k in range(size + 1)]
    counts = [0] * size
    for span in spans:
        counts[min(math.floor((span - low) * size / (high - low)), size - 1) if high > low else 0] += 1
    return [
        {"from_s": a / 1000, "to_s": b / 1000, "count": count}
        for (a, b), count in zip(pairwise(edges), counts, strict=True)
    ]


def list_groups(found: Sequence[Mapping[str | None, Found]], question: Sent, rules: Rules) -> list[Sent]:
    groups: dict[str | None, list[Journey]] = {}
    for of_unit in found:
        for value, journeys in of_unit.items():
            groups.setdefault(value, []).extend(journeys)
    order = sorted(groups, key=lambda value: (-len(groups[value]), value is None, value or ""))
    limit = question.get("limit", 25)
    shown, hidden = order[:limit], set(order[limit:])
    rows = [{"value": v, "other": False, "steps": list_steps(groups[v], question, rules)} for v in shown]
    if hidden:
        rest = []
        for of_unit in found:
            own = [journey for value, found in of_unit.items() if value in hidden for journey in found]
            key: Callable[[Journey], Any] = (lambda j: j.times[0]) if rules.is_total else lambda j: None
            rest += [join([j for j in own if key(j) == one]) for one in {key(j) for j in own}]
        rows.append({"value": None, "other": True, "steps": list_steps(rest, question, rules)})
    return rows


def join(journeys: Found) -> Journey:
    """Return the best of a unit's journeys, counted wherever one as deep is."""
    depth = max(journey.depth for journey in journeys)
    deep = [journey for journey in journeys if journey.depth == depth]
    filled = 0
    for journey in deep:
        filled |= journey.filled
    times = min(
        (j.times for j in deep), key=lambda row: (-row[0], [math.inf if t is None else t for t in row])
    )  # type: ignore[operator]
    return Journey(depth, filled, times)
