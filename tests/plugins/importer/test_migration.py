"""Everything goes from DuckDB to Elasticsearch and back, and all answers stay as they were.

OPENMETRICS_MIGRATION_SEEDS=5 tries further random stores.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import pytest

from openmetrics import cli
from openmetrics.query.times import parse_time
from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock
from openmetrics.testing.journeys import ODD_NAMES, ODD_NUMBERS, ODD_TEXTS

SEEDS = range(int(os.environ.get("OPENMETRICS_MIGRATION_SEEDS", "1")))
NOW = "2024-11-25T12:00:00Z"
USERS = ("u1", "u2", "u3", "Ü/1")
SESSIONS = ("s1", "s2", "s3", "s4", "s5", "s6")
NAMES = ("open", "buy", "100%", "vi\new", 'q"\\')
RANGE = {"from": "2024-08-01", "to": "2024-11-25"}


def draw_value(rng: random.Random, depth: int = 2) -> Any:
    """Draw any JSON value."""
    kind = rng.randrange(8 if depth else 5)
    if kind < 2:
        return rng.choice(ODD_TEXTS)
    if kind < 4:
        return rng.choice(ODD_NUMBERS)
    if kind == 4:
        return rng.choice((None, True, False))
    if kind == 5:
        return [draw_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return draw_map(rng, depth - 1)


def draw_map(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    """Draw an object with odd names."""
    return {rng.choice(ODD_NAMES): draw_value(rng, depth) for _ in range(rng.randrange(5))}


def draw_time(rng: random.Random) -> str:
    """Draw one of few instants, so that ties are common."""
    return f"2024-{rng.choice((8, 9, 11)):02}-{rng.randrange(1, 6):02}T{rng.choice((0, 12)):02}:00:00Z"


def draw_event(rng: random.Random, number: int) -> dict[str, Any]:
    """Draw an event with everything that one may hold."""
    event = {
        "event_id": f"e{number}", "name": rng.choice(NAMES), "time": draw_time(rng),
        "user_id": rng.choice((None, None, *USERS)), "session_id": rng.choice((None, *SESSIONS)),
        "properties": {**draw_map(rng), "plan": rng.choice(("free", "pro", None))}, "fields": draw_map(rng),
        "context": draw_map(rng), "value": draw_value(rng), "data": draw_value(rng),
        "source": rng.choice((None, "web")), "active": rng.random() < 0.9,
    }  # fmt: skip
    return {name: value for name, value in event.items() if rng.random() < 0.8 or name in ("name", "time")}


def draw_identify(rng: random.Random, number: int) -> dict[str, Any]:
    """Draw a link or changes of a profile."""
    body: dict[str, Any] = {"time": draw_time(rng), "id": f"i{number}", "user_id": rng.choice(USERS)}
    if rng.random() < 0.6:
        body["session_id"] = rng.choice(SESSIONS)
    if rng.random() < 0.3:
        body.pop("user_id")
        body.setdefault("session_id", rng.choice(SESSIONS))
    changes = {
        "properties": draw_map(rng), "set_once": draw_map(rng), "add": {"n": rng.choice((1, 2.5))},
        "append": {"l": draw_value(rng)}, "union": {"l": [1, "1"]}, "unset": [rng.choice(ODD_NAMES)],
    }  # fmt: skip
    return body | {name: content for name, content in changes.items() if rng.random() < 0.4}


def fill(app: Running, rng: random.Random) -> None:
    """Send random facts, and save documents."""
    post = app.client.simulate_post
    for first in range(0, 240, 60):
        events = [draw_event(rng, number) for number in range(first, first + 60)]
        assert post("/v1/collect", json=events).json["accepted"] == 60
    for number in range(50):
        answer = post("/v1/identify", json=draw_identify(rng, number))
        assert answer.status_code == 202, answer.text
    for keep, other in (("u1", "u2"), ("u3", "u1")):
        assert post(f"/v1/users/{keep}/merge", json={"from": other}).status_code == 200
    assert app.client.simulate_delete("/v1/users/u1/merge/u2").status_code in (200, 204)
    pro = {"label": "Pro", "filter": {"field": "props.plan", "op": "eq", "value": "pro"}}
    params = {"series": [{"event": "buy", "measure": "users"}], "filter": {"segment": "pro"}}
    saved = {
        "segments/pro": pro, "metrics/buyers": {"label": "Buyers", "analysis": "trends", "params": params},
        "dashboards/main": {"label": "Main", "tiles": [{"metric": "buyers"}]},
    }  # fmt: skip
    for path, document in saved.items():
        answer = app.client.simulate_put(f"/v1/{path}", json=document)
        assert answer.status_code == 201, answer.text


QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "trends": [
        {"series": [{"event": None}], "interval": "day"},
        {"series": [{"event": "buy", "measure": "users"}, {"event": "open"}], "breakdown": ["props.plan"]},
        {"series": [{"event": None, "measure": "users"}], "filter": {"segment": "pro"}},
    ],
    "funnel": [
        {"steps": [{"event": "open"}, {"event": "buy"}], "window": "60d"},
        {"steps": [{"event": "open"}, {"event": None}, {"event": "buy"}], "breakdown": "props.plan"},
    ],
    "retention": [
        {"interval": "month", "periods": 3},
        {
            "interval": "day",
            "start": {"event": "open"},
            "return": {"event": "buy"},
            "breakdown": "props.plan",
        },
    ],
}


def ask_all(app: Running) -> dict[str, Any]:
    """Ask everything that the facts decide."""
    get = app.client.simulate_get
    paths = [
        "/v1/catalog/events",
        "/v1/catalog/properties",
        "/v1/users",
        "/v1/metrics/buyers/answer?last=200d",
    ]
    paths += [f"/v1/catalog/values?property=props.{quote(name)}" for name in ("plan", "a", "a.b", "$k")]
    for kind, ids in (("users", USERS), ("sessions", SESSIONS)):
        for id in map(quote, ids):
            paths += [f"/v1/{kind}/-?id={id}", f"/v1/{kind}/-/timeline?limit=1000&order=oldest&id={id}"]
    paths += [f"/v1/{kind}" for kind in ("segments", "metrics", "dashboards")]
    answers: dict[str, Any] = {}
    for path in paths:
        answer = get(path)
        assert answer.status_code == 200, (path, answer.text)
        answers[path] = answer.json
    for name, questions in QUESTIONS.items():
        for number, question in enumerate(questions):
            asked = {"range": RANGE, **question}
            answer = app.client.simulate_post(f"/v1/analyses/{name}", json=asked)
            assert answer.status_code == 200, answer.text
            answers[f"{name} {number}"] = answer.json
    return {place: _without_versions(answer) for place, answer in answers.items()}


def _without_versions(answer: Any) -> Any:
    """Leave out what says when and by what it was answered."""
    if isinstance(answer, dict):
        moving = ("engine", "took_ms", "version", "request_id")
        return {name: _without_versions(part) for name, part in answer.items() if name not in moving}
    return [_without_versions(part) for part in answer] if isinstance(answer, list) else answer


@pytest.mark.elasticsearch
@pytest.mark.parametrize("seed", SEEDS)
def test_answers_stay_as_they_were(
    seed: int, tmp_path: Path, elasticsearch_url: str, index_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FixedClock(parse_time(NOW))
    elastic = {"elasticsearch_url": elasticsearch_url, "elasticsearch_index_prefix": index_prefix}
    for name, value in elastic.items():
        monkeypatch.setenv(f"OPENMETRICS_{name.upper()}", value)
    one, two, three = (str(tmp_path / name) for name in ("one", "two", "three"))

    def migrate(*arguments: str) -> None:
        assert cli.commands(("migrate", *arguments), standalone_mode=False) in (0, None)

    with running(clock, store="duckdb", data_dir=one) as app:
        fill(app, random.Random(seed))
        first = ask_all(app)
    assert first["/v1/users"]["users"]
    migrate("--data-dir", one, "--to", "elasticsearch", "--to-data-dir", two)
    with running(clock, store="elasticsearch", data_dir=two, **elastic) as app:
        second = ask_all(app)
    migrate("--store", "elasticsearch", "--data-dir", two, "--to", "duckdb", "--to-data-dir", three)
    with running(clock, store="duckdb", data_dir=three) as app:
        third = ask_all(app)
    for place, answer in first.items():
        assert second[place] == answer, place
        assert third[place] == answer, place


def test_migration_says_what_it_needs(tmp_path: Path) -> None:
    for arguments in (
        ["--to", "duckdb"],
        ["--to-data-dir", "x"],
        ["--to", "duckdb", "--to-data-dir", "./data"],
    ):
        with pytest.raises(click.UsageError, match="--to"):
            cli.commands(["migrate", *arguments, "--store", "memory"], standalone_mode=False)
