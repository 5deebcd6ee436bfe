"""Whole answers over HTTP equal the naive computation, on every engine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

ENGINES = (
    pytest.param(("memory", 40), id="memory"),
    pytest.param(("duckdb", 15), id="duckdb"),
    pytest.param(("elasticsearch", 15), id="elasticsearch", marks=pytest.mark.elasticsearch),
)
CHANGES = (
    ("Europe/Berlin", "2026-03-29T01:00:00+00:00"),
    ("America/New_York", "2026-11-01T06:00:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00+00:00"),
    ("Asia/Kathmandu", "2026-02-27T00:00:00+00:00"),
)
LENGTHS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_592_000}
HEAD = {"definition", "exact", "engine", "took_ms", "range", "warnings"}
LISTS = ("pro", "free", ["pro", "free"], ["x"], [], None)
SUM = {"measure": "sum", "of": "value"}
NUMBERS = (1, 0.1, 0.2, -2.5, 1e15, -1e15, "none", [1])


def draw_events(rng: random.Random, middle: datetime, seconds: int) -> list[dict[str, Any]]:
    """Draw events of few actors around a moment, many at one instant or at whole intervals."""
    steps = [timedelta(seconds=rng.randrange(-6 * seconds, 6 * seconds)) for _ in range(25)]
    steps += [timedelta(seconds=k * seconds, milliseconds=shift) for k in range(-5, 6) for shift in (-1, 0)]
    events = []
    for number in range(160):
        user = rng.choice(("ann", "bob", "cy", None))
        event = {
            "event_id": f"e{number}",
            "name": rng.choice(("signup", "open", "open", "buy")),
            "time": (middle + rng.choice(steps)).isoformat(timespec="milliseconds"),
            "session_id": f"s-{user or rng.randrange(2)}-{rng.randrange(2)}",
            "properties": {
                "plan": rng.choice(LISTS),
                "price": rng.choice(NUMBERS),
                "x": rng.choice(("1", "2")),
            },
            "value": rng.choice(NUMBERS),
        }
        events.append(event if user is None else {**event, "user_id": user})
    return events


def draw_question(rng: random.Random, where: tuple[str, str, datetime]) -> dict[str, Any]:
    """Draw a question with any parameters."""
    unit, zone, middle = where
    length = timedelta(seconds=LENGTHS[unit])
    bounds = (middle - rng.uniform(1, 5) * length, middle + rng.uniform(0.1, 4) * length)
    choices: dict[str, Any] = {
        "start": [
            {"event": "signup"},
            {"event": ["signup", "buy"], "filter": is_("x", "1")},
            {"event": None},
        ],
        "return": [{"event": "open"}, {"filter": is_("plan", "pro")}, {"event": ["open", "buy"]}],
        "cohort": ["recurring", "first_time", "first_ever"],
        "mode": ["calendar", "rolling"],
        "retained": ["on", "on_or_after", "on_or_before", "streak"],
        "min_count": [1, 2],
        "zero": ["cohort", "returned"],
        "average": ["pooled", "simple"],
        "breakdown": ["props.plan"],
        "limit": [1, 2],
        "filter": [is_("x", "2")],
        "unit": ["user", "session", "props.x"],
        "week_start": ["monday", "sunday"],
        "value": [
            {"measure": measure, "of": of}
            for measure in ("sum", "avg_per_returned", "avg_per_member")
            for of in ("value", "props.price")
        ],
    }
    asked = {name: rng.choice(found) for name, found in choices.items() if rng.random() < 0.5}
    size = rng.choice(
        ({}, {"periods": rng.randrange(5)}, {"brackets": [rng.randrange(1, 4) for _ in range(2)]})
    )
    local = [bound.astimezone(UTC).isoformat(timespec="milliseconds") for bound in bounds]
    return {"range": {"from": local[0], "to": local[1]}, "interval": unit, "timezone": zone, **asked, **size}


def is_(name: str, value: str) -> dict[str, Any]:
    return {"field": f"props.{name}", "op": "eq", "value": value}


def near(found: Any) -> Any:
    """Allow for what floats lose."""
    if isinstance(found, dict):
        return {name: near(inner) for name, inner in found.items()}
    if isinstance(found, list):
        return [near(inner) for inner in found]
    return pytest.approx(found, rel=1e-12, abs=1e-9) if isinstance(found, float) else found


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


@pytest.mark.parametrize("unit", LENGTHS)
def test_answer_random_questions_equal_naive(
    naive: Callable[..., Any],
    holding: Callable[..., Any],
    ask: Callable[..., Any],
    engine: Engine,
    unit: str,
) -> None:
    rng = random.Random(f"{unit} {engine.settings['store']}")
    zone, change = rng.choice([row for row in CHANGES if unit != "hour" or "Lord_Howe" not in row[0]])
    middle = datetime.fromisoformat(change)
    events = draw_events(rng, middle, LENGTHS[unit])
    now = middle + timedelta(seconds=2.5 * LENGTHS[unit])
    with holding(events, now.isoformat(), **engine.settings) as app:
        for _ in range(engine.questions):
            question = draw_question(rng, (unit, zone, middle))
            answer = ask(app, question)
            assert {name: answer[name] for name in answer if name not in HEAD} == near(
                naive(question, events, now)
            ), question
            again = ask(app, answer["definition"])
            assert {**again, "took_ms": 0} == {**answer, "took_ms": 0}
            check_people(rng, lambda body: ask(app, body, "/people"), question, answer)


def check_people(
    rng: random.Random, ask: Callable[[Any], Any], question: dict[str, Any], answer: dict[str, Any]
) -> None:
    """Hold the lists behind one cell equal to its numbers."""
    table = rng.choice([answer, *answer.get("groups", ())])
    group = {"other": True} if table.get("other") else {"group": table["value"]} if "value" in table else {}
    cohort = rng.choice(table["cohorts"])
    cells = [cell for cell in cohort["cells"] if cell["count"] is not None]
    if not cells:
        return
    cell = rng.choice(cells)
    pick = {"cohort": cohort["time"], "period": cell["period"], **group}
    lists = [ask({**question, "pick": {**pick, "status": status}}) for status in ("retained", "lost")]
    assert [found["total"] for found in lists] == [cell["count"], cohort["size"] - cell["count"]], (
        question,
        pick,
    )
    actors = [{person["actor"] for person in found["people"]} for found in lists]
    assert (len(actors[0]), len(actors[1])) == (cell["count"], cohort["size"] - cell["count"])
    assert not actors[0] & actors[1]


def test_breakdown_by_segment_has_in_and_out(holding: Callable[..., Any], ask: Callable[..., Any]) -> None:
    events = [
        {"name": name, "user_id": user, "time": f"2026-11-{day:02d}T10:00:00Z"}
        for user, days in (("ann", (1, 2)), ("bob", (1, 3)), ("cy", (1, 2)))
        for name, day in zip(("signup", "open"), days, strict=True)
    ]
    question = {
        "range": {"from": "2026-11-01", "to": "2026-11-04"},
        "start": {"event": "signup"},
        "return": {"event": "open"},
        "breakdown": {"segment": "early"},
    }
    with holding(events) as app:
        app.server.find_segment = lambda id: ("ann", "cy")
        groups = ask(app, question)["groups"]
        counts = {
            group["value"]: [cell["count"] for cell in group["cohorts"][0]["cells"]] for group in groups
        }
        assert counts == {"in": [2, 2, 0], "out": [1, 0, 1]}
        pick = {"cohort": "2026-11-01", "period": 1, "status": "lost", "group": "out"}
        [person] = ask(app, {**question, "pick": pick}, "/people")["people"]
        assert person["user_id"] == "bob"


def test_value_overflow_is_null_with_a_warning(holding: Callable[..., Any], ask: Callable[..., Any]) -> None:
    events = [
        {"name": "buy", "user_id": "ann", "time": f"2026-11-0{day}T10:00:00Z", "value": value}
        for day, value in ((1, 5), (2, 1e308), (2, 1e308), (3, -7))
    ]
    question = {
        "range": {"from": "2026-11-01", "to": "2026-11-04"},
        "value": {"measure": "sum", "of": "value"},
    }
    with holding(events) as app:
        answer = ask(app, question)
    assert [cell["value"] for cell in answer["cohorts"][0]["cells"]] == [5.0, None, -7.0]
    assert [row["code"] for row in answer["warnings"]] == ["overflow"]


def test_value_sums_do_not_depend_on_the_order(holding: Callable[..., Any], ask: Callable[..., Any]) -> None:
    values = [1e16, 1.0, -1e16, 0.1] * 5
    question = {
        "range": {"from": "2026-11-01", "to": "2026-11-02"},
        "value": {"measure": "sum", "of": "value"},
    }
    found = set()
    for seed in range(4):
        random.Random(seed).shuffle(values)
        events = [
            {"name": "buy", "user_id": f"u{n % 3}", "time": f"2026-11-01T10:00:{n:02d}Z", "value": value}
            for n, value in enumerate(values)
        ]
        with holding(events) as app:
            found.add(ask(app, question)["cohorts"][0]["cells"][0]["value"])
    assert found == {5.5}


def test_compare_segments_gives_both_sides_and_differences(
    holding: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    events = [
        {"name": name, "user_id": f"u{user}", "time": f"2026-11-{day:02d}T10:00:00Z"}
        for user in range(80)
        for name, day in (("signup", 1), ("open", 2 + (user >= 40 or user % 4 == 0)))
    ]
    sides = {"old": tuple(f"u{n}" for n in range(40)), "new": tuple(f"u{n}" for n in range(40, 80))}
    question = {
        "range": {"from": "2026-11-01", "to": "2026-11-04"},
        "start": {"event": "signup"},
        "return": {"event": "open"},
        "compare_segments": ["old", "new"],
    }
    with holding(events) as app:
        app.server.find_segment = sides.__getitem__
        answer = ask(app, question)
    counts = [[cell["count"] for cell in side["cohorts"][0]["cells"]] for side in answer["sides"]]
    assert counts == [[40, 30, 10], [40, 0, 40]]
    found = {row["at"]: row["p"] for row in answer["difference"]}
    assert found.keys() >= {"/cohorts/0/cells/1", "/cohorts/0/cells/2"}
    assert all(p < 1e-9 for at, p in found.items() if at.startswith("/cohorts/0"))


def test_filter_on_behaviour_holds_for_all_events(
    holding: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    events = [
        {"name": name, "user_id": user, "time": f"2026-11-{day:02d}T10:00:00Z"}
        for user, name, day in (
            ("ann", "signup", 1),
            ("ann", "open", 2),
            ("bob", "signup", 1),
            ("ann", "buy", 3),
        )
    ]
    question = {"range": {"from": "2026-11-01", "to": "2026-11-03"}, "filter": {"did": {"event": "buy"}}}
    with holding(events) as app:
        assert [row["size"] for row in ask(app, question)["cohorts"]] == [1, 1]
