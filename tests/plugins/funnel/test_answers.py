"""Whole answers over HTTP equal those worked out the long way, on every engine; so do the lists of people."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.client import Running

ENGINES = (
    pytest.param(("memory", 40), id="memory"),
    pytest.param(("duckdb", 15), id="duckdb"),
    pytest.param(("elasticsearch", 15), id="elasticsearch", marks=pytest.mark.elasticsearch),
)
HEAD = {"definition", "exact", "engine", "took_ms", "range", "warnings"}
BEGIN = datetime.fromisoformat("2026-10-31T22:00:00+00:00")
NOW = "2026-11-01T06:30:00Z"
LISTS = ("pro", "free", ["pro", "free"], "x", [], None)
NAMES = ("visit", "cart", "buy", "leave")


def draw_events(rng: random.Random) -> list[dict[str, Any]]:
    """Draw journeys over eight hours, across a month's end: few names, and many at one instant."""
    events = []
    for number in range(40):
        user = f"u{number}" if number % 5 else None
        steps = rng.choice((3, 8, 48))
        for turn in range(rng.randrange(1, 7)):
            event = {
                "event_id": f"e{number}-{turn}",
                "name": rng.choice(NAMES),
                "time": (BEGIN + timedelta(minutes=480 // steps * rng.randrange(steps))).isoformat(),
                "session_id": f"s{number}-{rng.randrange(2) if user else 0}",
                "properties": {
                    "plan": rng.choice(LISTS),
                    "item": rng.choice(("1", "2", 3, ["1", "2"])),
                    "account": [rng.randrange(30) for _ in range(rng.choice((1, 1, 1, 2)))],
                    "x": rng.choice(("1", "2")),
                },
            }
            events.append({**event, "user_id": user} if user else event)
    rng.shuffle(events)
    return events


def is_(name: str, value: str) -> dict[str, Any]:
    return {"field": f"props.{name}", "op": "eq", "value": value}


def draw_steps(rng: random.Random, count: int, in_order: bool) -> list[dict[str, Any]]:
    choices = ({"event": "visit"}, {"event": "cart"}, {"event": "buy"}, {"event": ["cart", "buy"]}, {})
    steps = [dict(rng.choice(choices)) for _ in range(count)]
    for number, step in enumerate(steps):
        if rng.random() < 0.2:
            step["filter"] = is_("x", "1")
        if number and in_order and rng.random() < 0.2:
            step["within"] = rng.choice(("1h", "30m"))
        if number and in_order and rng.random() < 0.1:
            step["optional"] = True
    return steps


def draw_question(rng: random.Random) -> dict[str, Any]:
    """Draw a question with any parameters."""
    count = rng.choice((2, 3, 3, 4))
    order = rng.choice(("ordered", "ordered", "strict", "any"))
    steps = draw_steps(rng, count, order != "any")
    hours = rng.choice(((-1, 10), (0, 8), (1, 6), (2, 5)))
    bounds = [(BEGIN + timedelta(hours=hour)).isoformat().replace("+00:00", "Z") for hour in hours]
    members: dict[str, Any] = {
        "window": ["1h", "150m", "1d"],
        "unit": ["session", "props.account"],
        "hold": [["props.item"], ["props.item", "props.x"]],
        "breakdown": ["props.plan"],
        "filter": [is_("x", "2")],
        "filter_scope": ["first_step"],
        "completion": ["anywhere"],
        "interval": ["hour", "day"],
        "limit": [1, 2],
    }
    if order != "any":
        members |= {"entry": ["first"], "count": ["total"]}
    if order == "ordered":
        members |= {"grace_ms": [600_000, 3_600_000]}
    asked = {name: rng.choice(found) for name, found in members.items() if rng.random() < 0.3}
    if "count" in asked:
        asked.pop("entry", None)
    if {"count", "hold", "limit"} <= set(asked):
        # NOTE: attempts of two splits that begin with one event are one in the row `other`.
        asked.pop("limit")
    if "breakdown" in asked:
        asked["attribution"] = rng.choice(("first", "last", "all", f"step:{rng.randrange(count) + 1}"))
    if rng.random() < 0.4:
        asked["exclusions"] = [draw_exclusion(rng, count, order)]
    return {"range": {"from": bounds[0], "to": bounds[1]}, "steps": steps, "order": order, **asked}


def draw_exclusion(rng: random.Random, count: int, order: str) -> dict[str, Any]:
    if order == "any":
        return {"event": "leave", "from_step": 1, "to_step": count}
    first = rng.randrange(1, count)
    return {
        "event": rng.choice(("leave", "visit")),
        "from_step": first,
        "to_step": rng.randrange(first + 1, count + 1),
        "mode": rng.choice(("remove", "drop")),
    }


@dataclass(frozen=True)
class Engine:
    """An engine to ask, and how many questions it is asked."""

    settings: dict[str, Any]
    questions: int


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Name an engine; a real one is started where it is needed."""
    settings = {"store": request.param[0]}
    if request.param[0] == "elasticsearch":
        settings["elasticsearch_url"] = request.getfixturevalue("elasticsearch_url")
        settings["elasticsearch_index_prefix"] = request.getfixturevalue("index_prefix")
    return Engine(settings, request.param[1])


def edges_of(answer: dict[str, Any]) -> list[int]:
    times = [datetime.fromisoformat(row["time"]) for row in answer.get("intervals", ())]
    return [round(time.timestamp() * 1000) for time in (*times, *times[-1:])]


def shorten(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what the long way works out too."""
    found = {name: answer[name] for name in answer if name not in HEAD}
    tables = [found, *found.get("groups", ())]
    for table in tables:
        table["steps"] = [
            {name: row[name] for name in row if name not in ("step", "label")} for row in table["steps"]
        ]
    if "intervals" in found:
        found["intervals"] = [[row["entered"], row["converted"]] for row in found["intervals"]]
    return found


def near(found: Any) -> Any:
    """Allow for what floats lose."""
    if isinstance(found, dict):
        return {name: near(inner) for name, inner in found.items()}
    if isinstance(found, list):
        return [near(inner) for inner in found]
    return pytest.approx(found, rel=1e-12, abs=1e-9) if isinstance(found, float) else found


def test_answer_random_questions_equal_the_long_way(
    holding: Callable[..., Any], ask: Callable[..., Any], engine: Engine
) -> None:
    work_out = runpy.run_path(str(Path(__file__).with_name("whole.py")))["answer"]
    rng = random.Random(engine.settings["store"])
    events = draw_events(rng)
    with holding(events, NOW, **engine.settings) as app:
        for _ in range(engine.questions):
            question = draw_question(rng)
            answer = ask(app, question)
            again = ask(app, answer["definition"])
            assert {**again, "took_ms": 0} == {**answer, "took_ms": 0}
            check_people(rng, lambda body: ask(app, body, "/people"), question, answer)
            assert shorten(answer) == near(work_out(question, events, edges_of(answer))), question


def check_people(
    rng: random.Random, ask: Callable[[Any], Any], question: dict[str, Any], answer: dict[str, Any]
) -> None:
    """Hold the lists behind one step equal to its numbers, where units count once."""
    table = rng.choice([answer, *answer.get("groups", ())])
    group = {"other": True} if table.get("other") else {"group": table["value"]} if "value" in table else {}
    row = rng.choice(table["steps"])
    pick = {"step": row["step"], **group}
    reached = ask({**question, "pick": {**pick, "status": "reached"}})
    if question.get("count") == "total":
        assert reached["total"] <= row["count"]
        return
    assert reached["total"] == row["count"] == len({person["actor"] for person in reached["people"]})
    if row["dropped"] is not None:
        dropped = ask({**question, "pick": {**pick, "status": "dropped"}})
        assert dropped["total"] == row["dropped"], (question, pick)


# People in pages, files and segments


@pytest.fixture(scope="module")
def shop(holding: Callable[..., Any]) -> Any:
    """An application with 230 who visit, of whom 130 buy; half of them on each plan."""
    events = [
        {"name": name, "user_id": f"u{n:03d}", "time": f"2026-11-0{day}T10:00:00Z", "properties": {"n": n}}
        for n in range(230)
        for day, name in enumerate(("visit", "buy"), 1)
        if name == "visit" or n < 130
    ]
    with holding(events) as app:
        for name, first in (("early", 0), ("late", 100)):
            body = {"label": name, "users": [f"u{n:03d}" for n in range(first, first + 100)]}
            assert app.client.simulate_put(f"/v1/segments/{name}", json=body).status_code == 201
        yield app


QUESTION = {
    "range": {"from": "2026-11-01", "to": "2026-11-08"},
    "steps": [{"event": "visit"}, {"event": "buy"}],
}


def test_people_of_a_step_are_paged_without_a_cap(shop: Running, ask: Callable[..., Any]) -> None:
    found: dict[str, list[str]] = {}
    for status, total in (("reached", 130), ("dropped", 100)):
        body = {**QUESTION, "pick": {"step": 2, "status": status}, "page_size": 40}
        page = ask(shop, body, "/people")
        users = [person["user_id"] for person in page["people"]]
        while page["next"]:
            assert page["total"] == total
            page = ask(shop, {**body, "cursor": page["next"]}, "/people")
            users += [person["user_id"] for person in page["people"]]
        found[status] = sorted(users)
    assert found["reached"] == [f"u{n:03d}" for n in range(130)]
    assert found["dropped"] == [f"u{n:03d}" for n in range(130, 230)]


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
def test_people_of_a_step_are_streamed_as_a_file(shop: Running, kind: str) -> None:
    response = shop.client.simulate_post(
        "/v1/analyses/funnel/people",
        json={**QUESTION, "pick": {"step": 2, "status": "dropped"}},
        headers={"Accept": kind},
    )
    lines = response.text.splitlines()
    assert response.headers["content-type"].startswith(kind)
    assert len(lines) == 100 + (kind == "text/csv")
    assert all(f"u{n:03d}" in response.text for n in range(130, 230))


def test_segments_side_by_side_have_a_p_value(shop: Running, ask: Callable[..., Any]) -> None:
    answer = ask(shop, {**QUESTION, "compare_segments": ["early", "late"]})
    assert [[row["count"] for row in side["steps"]] for side in answer["sides"]] == [[100, 100], [100, 30]]
    [difference] = answer["difference"]
    assert difference["at"] == "/steps/1"
    # NOTE: z = 0.7 / sqrt(0.65 * 0.35 * 2 / 100)
    assert difference["p"] == pytest.approx(3.1e-25, rel=0.1)
    same = ask(shop, {**QUESTION, "compare_segments": ["early", "early"]})
    assert same["difference"] == [{"at": "/steps/1", "p": 1.0}]


def test_breakdown_by_segment_has_in_and_out(shop: Running, ask: Callable[..., Any]) -> None:
    for attribution in ("first", "all", "step:2"):
        question = {**QUESTION, "breakdown": {"segment": "early"}, "attribution": attribution}
        groups = {
            row["value"]: [step["count"] for step in row["steps"]] for row in ask(shop, question)["groups"]
        }
        whole = {"in": [100, 100], "out": [130, 30]}
        assert groups == (whole if attribution != "step:2" else {"in": [100, 100], "out": [30, 30]})
        pick = {"step": 2, "group": "out"}
        assert ask(shop, {**question, "pick": pick}, "/people")["total"] == 30
