"""Packs are installed by route and command, answered, and refused with a pointer where they are wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from openmetrics import cli
from openmetrics.errors import OpenMetricsError
from openmetrics.query.times import parse_time
from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock
from openmetrics.testing.process import server
from openmetrics_plugins.metrics.packs import list_packs

DAYS = {"from": "2026-11-02", "to": "2026-11-04"}
EVENTS = [
    {"name": name, "user_id": user, "time": f"2026-11-{day:02}T10:00:00Z", "value": value}
    for user, name, day, value in (
        ("ann", "visit", 1, 1),
        ("ann", "visit", 2, 1),
        ("ann", "purchase", 2, 30),
        ("bob", "visit", 2, 1),
        ("bob", "purchase", 3, 5),
        ("bob", "purchase", 3, 7),
        ("cy", "visit", 3, 1),
    )
]


@pytest.fixture
def app() -> Iterator[Running]:
    """An application with a few events."""
    clock = FixedClock(parse_time("2026-11-25T00:00:00Z"))
    with running(clock) as application:
        assert application.client.simulate_post("/v1/collect", json=EVENTS).status_code == 202
        yield application


def install(app: Running, pack: Any, **members: Any) -> Any:
    return app.client.simulate_post("/v1/packs", json={"pack": pack, **members})


def answer(app: Running, metric: str) -> Any:
    response = app.client.simulate_get(f"/v1/metrics/{metric}/answer", params=DAYS)
    assert response.status_code == 200, response.text
    return response.json


def test_packs_are_listed_with_their_variables(app: Running) -> None:
    packs = {row["id"]: row for row in app.client.simulate_get("/v1/packs").json["packs"]}
    assert packs.keys() == list_packs().keys() == {"activity", "goal", "revenue"}
    assert packs["revenue"]["variables"]["purchase"]["default"] == "purchase"
    assert [row["id"] for row in packs["goal"]["metrics"]] == ["goal-conversion"]


def test_packs_that_come_with_the_server_answer(app: Running) -> None:
    for pack, values in (("activity", {}), ("revenue", {}), ("goal", {"goal": "purchase", "start": "visit"})):
        response = install(app, pack, values=values)
        assert (response.status_code, response.json["kept"]) == (200, []), response.text
    totals = {
        id: [row["total"] for row in answer(app, id)["series"]]
        for id in (
            "active-users-day", "active-users-week", "active-users-month", "events-per-user",
            "revenue", "paying-users", "revenue-per-paying-user", "goal-conversion",
        )
    }  # fmt: skip
    assert totals == {
        "active-users-day": [3],
        "active-users-week": [3],
        "active-users-month": [3],
        "events-per-user": [2.0],
        "revenue": [42.0],
        "paying-users": [2],
        "revenue-per-paying-user": [21.0],
        "goal-conversion": [2, 3, pytest.approx(200 / 3)],
    }
    assert answer(app, "stickiness")["ratio"] == pytest.approx(4 / (3 * 2))
    assert [point["new"] for point in answer(app, "new-users")["points"]] == [1, 1]
    goal = app.client.simulate_get("/v1/metrics/goal-conversion").json
    assert (goal["label"], goal["params"]["series"][0]["event"]) == ("Conversion to purchase", "purchase")
    for dashboard in ("activity", "revenue", "goal"):
        tiles = app.client.simulate_get(f"/v1/dashboards/{dashboard}").json["tiles"]
        assert all(
            app.client.simulate_get(f"/v1/metrics/{tile['metric']}").status_code == 200 for tile in tiles
        )


def test_pack_keeps_what_is_there_unless_told(app: Running) -> None:
    install(app, "goal", values={"goal": "purchase"})
    again = install(app, "goal", values={"goal": "signup"}).json
    assert again == {"saved": [], "kept": ["metric goal-conversion", "dashboard goal"]}
    assert answer(app, "goal-conversion")["label"] == "Conversion to purchase"
    replaced = install(app, "goal", values={"goal": "signup"}, replace=True).json
    assert replaced["saved"] == ["metric goal-conversion", "dashboard goal"]
    assert answer(app, "goal-conversion")["label"] == "Conversion to signup"


def test_pack_of_the_docs_is_installed(app: Running) -> None:
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    [text] = re.findall(r"<!-- pack -->\n```toml\n(.*?)```", page, re.DOTALL)
    assert install(app, tomllib.loads(text)).json["saved"] == ["metric readers", "dashboard reading"]
    assert answer(app, "readers")["series"][0]["total"] == 0
    [(pack, goal)] = re.findall(r'`\{"pack": "(\w+)", "values": \{"goal": "(\w+)"\}\}`', page)
    assert install(app, pack, values={"goal": goal}).status_code == 200


METRIC = {"id": "m", "label": "M", "analysis": "trends", "params": {"series": [{"event": "$event"}]}}
PACK = {"label": "Own", "variables": {"event": {"label": "An event."}}, "metrics": [METRIC]}


@pytest.mark.parametrize(
    ("pack", "members", "pointer"),
    [
        ("none", {}, "/pack"),
        (1, {}, "/pack"),
        ({**PACK, "colour": 1}, {}, "/pack/colour"),
        ({"label": "x"}, {}, "/pack/metrics"),
        ({**PACK, "variables": {"Event": {"label": "x"}}}, {}, "/pack/variables"),
        ({**PACK, "variables": {}}, {}, "/pack/metrics/0/params/series/0/event"),
        ({**PACK, "metrics": [METRIC, METRIC]}, {}, "/pack/metrics/1/id"),
        ({**PACK, "metrics": [{**METRIC, "id": "M!"}]}, {}, "/pack/metrics/0/id"),
        (PACK, {}, "/values/event"),
        (PACK, {"values": {"event": "open", "goal": "x"}}, "/values/goal"),
        (PACK, {"values": {"event": 1}}, "/values/event"),
        (
            {**PACK, "metrics": [{**METRIC, "analysis": "x"}]},
            {"values": {"event": "a"}},
            "/pack/metrics/0/analysis",
        ),
        (
            {**PACK, "metrics": [{**METRIC, "params": {"series": []}}]},
            {"values": {"event": "a"}},
            "/pack/metrics/0/params/series",
        ),
        (
            {**PACK, "dashboards": [{"id": "d", "label": "D", "tiles": [{"metric": "none"}]}]},
            {"values": {"event": "a"}},
            "/pack/dashboards/0/tiles/0/metric",
        ),
    ],
)
def test_pack_that_is_wrong_is_refused(app: Running, pack: Any, members: Any, pointer: str) -> None:
    response = install(app, pack, **members)
    assert (response.status_code, response.json["code"]) == (422, "invalid-query"), response.text
    assert pointer in [row["pointer"] for row in response.json["errors"]]


def run(*arguments: str) -> None:
    cli.commands(("metrics", *arguments), standalone_mode=False)


def test_command_installs_beside_no_server_and_through_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'label = "Own"\n[[metrics]]\nid = "opens"\nlabel = "Opens"\nanalysis = "trends"\n'
        'params = { series = [{ event = "open" }] }\n'
    )
    run("packs")
    assert "--set goal=..." in capsys.readouterr().out
    for word in ("saved ", "kept  "):
        run("install", str(own), "--data-dir", str(tmp_path / "data"))
        assert capsys.readouterr().out == f"{word} metric opens\n"
    with server() as process:
        url = f"http://127.0.0.1:{process.port}"
        run("install", "goal", "--set", "goal=signup", "--url", url)
        assert capsys.readouterr().out == "saved  metric goal-conversion\nsaved  dashboard goal\n"
        with pytest.raises(OpenMetricsError, match="Say what goal is"):
            run("install", "goal", "--url", url)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("install", "none"), "there are activity, goal, revenue"),
        (("install", "goal", "--set", "goal"), "no name=value"),
        (("install", "missing.toml"), "missing.toml cannot be read"),
        (("install", "broken.toml"), "broken.toml cannot be read"),
    ],
)
def test_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.toml").write_text("label =\n")
    with pytest.raises((OpenMetricsError, click.ClickException)) as caught:
        run(*arguments, "--data-dir", str(tmp_path / "data"), "--store", "memory")
    assert words in str(caught.value)
