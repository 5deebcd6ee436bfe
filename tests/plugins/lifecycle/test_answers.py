"""Lifecycle and stickiness equal sets of plain Python, and so do the people behind them."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openmetrics.query.calendar import interval_start, iter_intervals, next_start
from openmetrics.query.model import Interval
from openmetrics.query.times import format_time, parse_time
from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock

MIDDLE = datetime(2026, 3, 29, 1, tzinfo=UTC)
NOW = "2026-04-02T10:00:00Z"
ZONE = "Europe/Berlin"


def draw_events() -> list[dict[str, Any]]:
    """Draw events of few users around the change of the clocks."""
    rng = random.Random(1)
    return [
        {
            "name": rng.choice(("open", "open", "buy")),
            "user_id": f"u{rng.randrange(12)}",
            "time": (MIDDLE + timedelta(minutes=rng.randrange(-14 * 1_440, 14 * 1_440))).isoformat(),
        }
        for _ in range(150)
    ]


EVENTS = draw_events()


@pytest.fixture(scope="module", params=["memory", "duckdb"])
def app(request: pytest.FixtureRequest) -> Iterator[Running]:
    """An application with the events."""
    clock = FixedClock(parse_time("2030-01-01T00:00:00Z"))
    with running(clock, store=request.param) as application:
        assert application.client.simulate_post("/v1/collect", json=EVENTS).json["accepted"] == len(EVENTS)
        clock.time_ms = parse_time(NOW)
        yield application


def ask(app: Running, path: str, document: Any, status: int = 200) -> Any:
    response = app.client.simulate_post(f"/v1/analyses/{path}", json=document)
    assert response.status_code == status, response.text
    return response.json


QUESTIONS = [
    {"range": {"from": start, "to": end}, "interval": unit, "timezone": ZONE, **more}
    for unit, start, end in (
        ("day", "2026-03-25", "2026-04-06"),
        ("day", "2026-03-25T13:00", "2026-04-03T07:00"),
        ("week", "2026-03-20", "2026-04-10"),
        ("month", "2026-03-01", "2026-05-01"),
        ("hour", "2026-03-29", "2026-03-30"),
    )
    for more in ({}, {"event": "buy"}, {"filter": {"field": "user_id", "op": "ne", "value": "u3"}})
]


def work_out(question: dict[str, Any], bounds: Any) -> tuple[list[int], dict[tuple[int, str], set[str]]]:
    """Return the starts of the intervals, and who has which status in each."""
    start, end = (parse_time(bounds[name]) for name in ("from", "to"))
    interval = Interval(question["interval"], ZONE)
    starts = list(iter_intervals(start, end, interval))
    times: dict[str, list[int]] = {}
    for event in EVENTS:
        is_wanted = event["name"] in question.get("event", event["name"])
        if is_wanted and not (event["user_id"] == "u3" and "filter" in question):
            times.setdefault(event["user_id"], []).append(parse_time(event["time"]))
    found: dict[tuple[int, str], set[str]] = {}
    edges = [*starts, next_start(starts[-1], interval)]
    spans = [(interval_start(starts[0] - 1, interval), starts[0])]
    spans += [(max(low, start), min(high, end)) for low, high in itertools.pairwise(edges)]
    active = [
        {user for user, own in times.items() if any(low <= time < high for time in own)}
        for low, high in spans
    ]
    for row, (low, _) in enumerate(spans[1:]):
        now, before = active[row + 1], active[row]
        new = {user for user in now if min(times[user]) >= low}
        found[row, "new"] = new
        found[row, "returning"] = now & before - new
        found[row, "resurrected"] = now - before - new
        found[row, "dormant"] = before - now
    return starts, found


@pytest.mark.parametrize("question", QUESTIONS)
def test_lifecycle_equals_sets(app: Running, question: dict[str, Any]) -> None:
    answer = ask(app, "lifecycle", question)
    starts, found = work_out(question, answer["range"])
    assert [point["time"] for point in answer["points"]] == [format_time(start) for start in starts]
    for row, point in enumerate(answer["points"]):
        is_future = starts[row] >= parse_time(NOW)
        for status in ("new", "returning", "resurrected", "dormant"):
            sign = -1 if status == "dormant" else 1
            assert point[status] == (None if is_future else sign * len(found[row, status]))
        assert point.get("partial", False) == (starts[row] < parse_time(answer["range"]["from"]))
    again = ask(app, "lifecycle", answer["definition"])
    assert again["points"] == answer["points"]
    row = min(2, len(starts) - 1)
    for status in ("new", "returning", "resurrected", "dormant"):
        pick = {"time": answer["points"][row]["time"], "status": status}
        people = ask(app, "lifecycle/people", {**question, "pick": pick})["people"]
        assert {person["user_id"] for person in people} == found[row, status]


@pytest.mark.parametrize("question", QUESTIONS)
def test_stickiness_equals_sets(app: Running, question: dict[str, Any]) -> None:
    answer = ask(app, "stickiness", question)
    starts, found = work_out(question, answer["range"])
    days: Counter[str] = Counter()
    for (_, status), users in found.items():
        days.update(users if status != "dormant" else ())
    counts = Counter(days.values())
    assert answer["counts"] == [{"intervals": n, "users": counts[n]} for n in range(1, len(starts) + 1)]
    assert answer["users"] == len(days)
    mean = sum(days.values()) / (len(days) * len(starts)) if days else None
    assert answer["ratio"] == (None if mean is None else pytest.approx(mean))
    people = ask(app, "stickiness/people", {**question, "pick": {"intervals": 1}})["people"]
    assert {person["user_id"] for person in people} == {user for user, n in days.items() if n == 1}


@pytest.mark.parametrize(
    ("path", "change", "pointer"),
    [
        ("lifecycle", {"colour": 1}, "/colour"),
        ("lifecycle", {"timezone": "Mars"}, "/timezone"),
        ("lifecycle", {"filter": {"segment": "gold"}}, "/filter/segment"),
        ("lifecycle/people", {"pick": {"time": "2020-01-01", "status": "new"}}, "/pick/time"),
        ("lifecycle/people", {"pick": {"time": "2026-03-25", "status": "old"}}, "/pick/status"),
        ("lifecycle/people", {"pick": {"row": 1}}, "/pick/row"),
        ("stickiness/people", {"pick": {"intervals": 0}}, "/pick/intervals"),
        ("stickiness/people", {"pick": {"time": 0}}, "/pick/time"),
    ],
)
def test_bad_questions_point_at_what_is_wrong(
    app: Running, path: str, change: dict[str, Any], pointer: str
) -> None:
    refused = ask(app, path, {**QUESTIONS[0], **change}, 422)
    assert (refused["code"], [row["pointer"] for row in refused["errors"]]) == ("invalid-query", [pointer])


def test_too_many_intervals_are_refused(app: Running) -> None:
    question = {"range": {"from": "2020-01-01", "to": "2026-01-01"}, "interval": "minute"}
    assert ask(app, "lifecycle", question, 422)["code"] == "query-too-large"


def test_nobody_gives_zeros(app: Running) -> None:
    nothing = {**QUESTIONS[0], "event": "nothing"}
    assert {point["new"] for point in ask(app, "lifecycle", nothing)["points"]} == {0, None}
    assert ask(app, "stickiness", nothing)["ratio"] is None
