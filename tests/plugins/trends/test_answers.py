"""Whole answers over HTTP equal plain Python, on every engine, by the store and by the columns."""

from __future__ import annotations

import os
import random
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.client import Running
from openmetrics_plugins.trends.answer import answer_from, can_ask_store
from openmetrics_plugins.trends.params import parse_params

NAIVE = runpy.run_path(str(Path(__file__).with_name("naive.py")))
TIMES = int(os.environ.get("OPENMETRICS_TEST_TRENDS_TIMES", "1"))
"""How many times as many questions as usual are asked."""
CHANGES = (
    ("Europe/Berlin", "2026-03-29T01:00:00+00:00"),
    ("America/New_York", "2026-11-01T06:00:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00+00:00"),
    ("Asia/Kathmandu", "2024-02-29T00:00:00+00:00"),
)
LENGTHS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_592_000}
ENGINES = (
    *(pytest.param(("memory", unit, 25), id=f"memory-{unit}") for unit in LENGTHS),
    *(pytest.param(("duckdb", unit, 10), id=f"duckdb-{unit}") for unit in LENGTHS),
    *(
        pytest.param(("elasticsearch", unit, 5), id=f"elasticsearch-{unit}", marks=pytest.mark.elasticsearch)
        for unit in LENGTHS
        if TIMES > 1 or unit in ("hour", "day")
    ),
)
HEAD = {"definition", "exact", "engine", "took_ms", "range", "warnings", "source"}
PLANS = ("pro", "free", "Ünï 🙂", "", ["pro", "free"], ["x", "pro", "x"], [], None, {"a": 1}, "y" * 1_025)
NUMBERS = (1, 0.5, 2, -2.5, 1e6, "12", "none", [1], None, True)
MEASURES = ("count", "users", "sessions", "active")
NUMERIC = ("sum", "avg", "min", "max", "median", "p75", "p90", "p95", "p99")
STORED = ("count", "sum", "avg", "min", "max")


def draw_events(rng: random.Random, middle: datetime, seconds: int) -> list[dict[str, Any]]:
    """Draw events of few actors around a moment, many at one instant or at the edges of intervals."""
    steps = [timedelta(seconds=rng.randrange(-6 * seconds, 6 * seconds)) for _ in range(25)]
    steps += [timedelta(seconds=k * seconds, milliseconds=shift) for k in range(-5, 6) for shift in (-1, 0)]
    events = []
    for number in range(120):
        user = rng.choice(("ann", "bob", "cy", None))
        event: dict[str, Any] = {
            "event_id": f"e{number}",
            "name": rng.choice(("open", "open", "buy", "見る")),
            "time": (middle + rng.choice(steps)).isoformat(timespec="milliseconds"),
            "properties": {"plan": rng.choice(PLANS), "price": rng.choice(NUMBERS), "x": rng.choice("12")},
            "value": rng.choice(NUMBERS),
            "active": rng.random() < 0.7,
        }
        if rng.random() < 0.3:
            del event["properties"]["plan"]
        if rng.random() < 0.7:
            event["session_id"] = f"s-{user or rng.randrange(2)}-{rng.randrange(2)}"
        events.append(event if user is None else {**event, "user_id": user})
    return events


def is_(path: str, value: str) -> dict[str, Any]:
    return {"field": path, "op": "eq", "value": value}


FILTERS = (
    is_("props.x", "1"),
    {"not": is_("props.plan", "pro")},
    {"field": "value", "op": "gt", "value": 0},
)
ACTOR_FILTERS = (
    {"segment": "some"},
    {"not": {"segment": "some"}},
    is_("user.plan", "pro"),
    {"any": [{"not": is_("user.plan", "pro")}, is_("name", "buy")]},
    {"did": {"event": "buy", "at_least": 3}},
    {"not": {"did": {"filter": is_("props.plan", "free"), "at_least": 6}}},
    is_("user_id", "ann"),
)


def draw_series(rng: random.Random, is_stored: bool) -> dict[str, Any]:
    """Draw a series; `is_stored`: one that an engine answers by itself."""
    measure = rng.choice(STORED if is_stored else (*MEASURES, *NUMERIC, *["per_user"] * 4))
    series: dict[str, Any] = {"measure": measure}
    counted = measure
    if measure == "per_user" and rng.random() < 0.9:
        counted = series["each"] = rng.choice(("count", "users", "sessions", *NUMERIC))
    if counted in NUMERIC and rng.random() < 0.7:
        series["of"] = rng.choice(("value", "props.price"))
    if rng.random() < 0.6:
        series["event"] = rng.choice(("open", "buy", ["buy", "見る"], None, "nothing"))
    if rng.random() < 0.3:
        series["filter"] = rng.choice(FILTERS if is_stored else FILTERS + ACTOR_FILTERS)
    return series


def draw_question(rng: random.Random, where: tuple[str, str, datetime]) -> dict[str, Any]:
    """Draw a question with any parameters."""
    unit, zone, middle = where
    is_stored = rng.random() < 0.4
    length = timedelta(seconds=LENGTHS[unit])
    bounds = [middle - rng.randrange(1, 6) * length, middle + rng.randrange(1, 5) * length]
    if rng.random() < 0.6:
        bounds = [middle - rng.uniform(1, 5) * length, middle + rng.uniform(0.1, 4) * length]
    fields: list[Any] = ["props.plan", "name", "props.x", "session_id", "value", "props.price"]
    if not is_stored:
        fields += ["user.plan", {"segment": "some"}]
    choices: dict[str, Any] = {
        "interval": [unit, unit, unit],
        "breakdown": [rng.sample(fields, rng.randrange(1, 4)), ["props.plan"]],
        "limit": [1, 2, 5],
        "filter": list(FILTERS if is_stored else FILTERS + ACTOR_FILTERS),
        "compare": ["previous_period", "previous_year"],
        "formula": ["A / A", "(A + 1) * 2 - A / 4"],
        "week_start": ["monday", "sunday"],
    }
    asked = {name: rng.choice(found) for name, found in choices.items() if rng.random() < 0.55}
    series = [draw_series(rng, is_stored) for _ in range(rng.choice((1, 1, 2, 3)))]
    local = [bound.astimezone(UTC).isoformat(timespec="milliseconds") for bound in bounds]
    return {"range": {"from": local[0], "to": local[1]}, "timezone": zone, "series": series, **asked}


def near(found: Any) -> Any:
    """Allow for what floats lose."""
    if isinstance(found, dict):
        return {name: near(inner) for name, inner in found.items()}
    if isinstance(found, list):
        return [near(inner) for inner in found]
    return pytest.approx(found, rel=1e-9, abs=1e-9) if isinstance(found, float) else found


@dataclass(frozen=True)
class Engine:
    """An engine to ask, the interval, and how many questions it is asked."""

    settings: dict[str, Any]
    unit: str
    questions: int


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Name an engine; a real one is started where it is needed."""
    settings = {"store": request.param[0]}
    if request.param[0] == "elasticsearch":
        settings["elasticsearch_url"] = request.getfixturevalue("elasticsearch_url")
        settings["elasticsearch_index_prefix"] = request.getfixturevalue("index_prefix")
    return Engine(settings, request.param[1], request.param[2] * TIMES)


def test_answer_random_questions_equal_reference(
    holding: Callable[..., Any], ask: Callable[..., Any], engine: Engine
) -> None:
    unit = engine.unit
    rng = random.Random(f"{unit} {engine.settings['store']}")
    zone, change = rng.choice(CHANGES)
    middle = datetime.fromisoformat(change)
    events = draw_events(rng, middle, LENGTHS[unit])
    now = middle + timedelta(seconds=2.5 * LENGTHS[unit])
    history = NAIVE["History"](events)
    taken = set()
    with holding(events, now.isoformat(), **engine.settings) as app:
        prepare(app)
        for _ in range(engine.questions):
            question = draw_question(rng, (unit, zone, middle))
            answer = ask(app, question)
            params = parse_params(question, app.server.asking())
            expected = near(NAIVE["answer"](params, history))
            for row, wanted in zip(answer["series"], expected["series"], strict=False):
                assert row == wanted, question
            assert {name: answer[name] for name in answer if name not in HEAD} == expected, question
            taken.add(answer["source"])
            assert answer["source"] == ("store" if can_ask_store(params) else "columns")
            if can_ask_store(params):
                by_columns = answer_from(params, app.server.asking(), is_stored=False)
                assert by_columns.pop("source") == "columns"
                assert by_columns == expected, question
            again = ask(app, answer["definition"])
            assert {**again, "took_ms": 0} == {**answer, "took_ms": 0}
            check_people(rng, lambda body: ask(app, body, "/people"), question, answer)
    assert taken == {"store", "columns"}


def prepare(app: Running) -> None:
    """Save the segment and the profiles that the naive computation knows."""
    users = list(NAIVE["SEGMENT"])
    assert (
        app.client.simulate_put("/v1/segments/some", json={"label": "x", "users": users}).status_code == 201
    )
    for user, plan in NAIVE["PROFILES"].items():
        app.client.simulate_post("/v1/identify", json={"user_id": user, "properties": {"plan": plan}})


def check_people(
    rng: random.Random, ask: Callable[[Any], Any], question: dict[str, Any], answer: dict[str, Any]
) -> None:
    """Hold the list behind a figure equal to it, where it counts heads."""
    rows = len(answer["series"]) // (len(question["series"]) + ("formula" in question))
    if not rows:
        return
    place = rng.randrange(len(question["series"]))
    row = answer["series"][place * rows + rng.randrange(rows)]
    pick: dict[str, Any] = {"series": place}
    if row["other"]:
        pick["other"] = True
    elif row["group"] or rng.random() < 0.5:
        pick["group"] = row["group"]
    figure = row["total"]
    points = [point for point in row.get("points", ()) if point["value"] is not None]
    if points and rng.random() < 0.6:
        point = rng.choice(points)
        pick["time"], figure = point["time"], point["value"]
    found = ask({**question, "pick": pick})
    actors = {person["actor"] for person in found["people"]}
    assert len(actors) == found["total"] == len(found["people"])
    if question["series"][place]["measure"] in ("users", "active"):
        assert found["total"] == figure, (question, pick)
    if question["series"][place] == {"measure": "count"}:
        assert found["total"] <= figure
