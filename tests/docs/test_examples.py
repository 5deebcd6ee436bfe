"""The plugins that docs/plugins.md shows do what it says; each hook has a test that is named after it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.app import open_store, read_settings
from openmetrics.plugins import PluginError
from openmetrics.testing.client import Running, running

ROOT = Path(__file__).parents[2]
SATURDAY, MONDAY = "2026-01-03T12:00:00Z", "2026-01-05T12:00:00Z"


@pytest.fixture(scope="module")
def app() -> Iterator[Running]:
    with running(plugins_dir=str(ROOT / "docs" / "examples")) as application:
        yield application


def test_register_settings_adds_a_setting(app: Running) -> None:
    assert app.server.settings.weekend_property == "weekend"


def test_register_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = str(ROOT / "docs" / "examples")
    settings, _ = read_settings({"plugins_dir": examples}, {"OPENMETRICS_WEEKEND_PROPERTY": "free"})
    assert settings.weekend_property == "free"


def test_register_processors_changes_events_and_register_routes_answers(app: Running) -> None:
    events = [{"name": "visit", "user_id": "ada", "time": time} for time in (SATURDAY, MONDAY)]
    assert app.client.simulate_post("/v1/collect", json=events).json["accepted"] == 2
    assert app.client.simulate_get("/x/weekend/count").json == {"events": 1}
    found = app.client.simulate_get("/v1/users/ada/timeline").json["events"]
    assert [event["properties"]["weekend"] for event in found] == [False, True]


def test_register_routes_stand_in_openapi(app: Running) -> None:
    paths = app.client.simulate_get("/openapi.json").json["paths"]
    assert paths["/x/weekend/count"]["get"]["summary"] == "Count the events of weekends."


def test_register_protocols_takes_events_in_a_form_of_its_own(app: Running) -> None:
    response = app.client.simulate_post("/x/guestbook/note", json={"who": "bob", "says": "hello"})
    assert (response.status_code, response.text) == (200, "thank you")
    [event] = app.client.simulate_get("/v1/users/bob/timeline").json["events"]
    assert (event["name"], event["properties"]["says"], event["source"]) == ("note", "hello", "guestbook")
    refused = app.client.simulate_post("/x/guestbook/note", body="hello")
    assert (refused.status_code, refused.json["code"]) == (400, "malformed-json")
    empty = app.client.simulate_post("/x/guestbook/note", json={"who": "", "says": "hello"})
    assert (empty.status_code, empty.json["code"]) == (422, "schema-violation")


def test_register_schemas_stand_in_openapi(app: Running) -> None:
    document = app.client.simulate_get("/openapi.json").json
    assert document["components"]["schemas"]["GuestbookNote"]["required"] == ["who", "says"]
    body = document["paths"]["/x/guestbook/note"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/GuestbookNote"}


def test_register_analyses_answers_a_question(app: Running) -> None:
    times = ("2026-01-05T10:00:00Z", "2026-01-12T10:00:00Z", "2026-01-07T10:00:00Z")
    app.client.simulate_post("/v1/collect", json=[{"name": "tea", "time": time} for time in times])
    answer = app.client.simulate_post("/v1/analyses/weekdays", json={"event": "tea"}).json
    assert [row["count"] for row in answer["days"]] == [2, 0, 1, 0, 0, 0, 0]
    assert answer["definition"] == {"event": "tea"}
    refused = app.client.simulate_post("/v1/analyses/weekdays", json={"event": "tea", "colour": 1})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/colour")
    listed = app.client.simulate_get("/v1/analyses").json["analyses"]
    assert "weekdays" in [row["name"] for row in listed]


def test_metric_of_ones_own_is_asked_saved_and_answered_as_the_docs_say(app: Running) -> None:
    text = (ROOT / "docs" / "plugins.md").read_text().split("## A metric of your own")[1]
    [question] = re.findall(r"/v1/analyses/active-days -d '([^']+)'", text)
    assert app.client.simulate_post("/v1/analyses/active-days", body=question).json["days"] is None
    [(path, body)] = re.findall(r"curl -X PUT http://127.0.0.1:8080(\S+) -d '([^']+)'", text)
    assert app.client.simulate_put(path, body=body).status_code == 201
    [(path, query)] = re.findall(r"curl 'http://127.0.0.1:8080([^?]+)\?([^']+)'", text)
    app.client.simulate_post("/v1/collect", json={"name": "open", "user_id": "ann"})
    answer = app.client.simulate_get(path, query_string=query).json
    assert (answer["metric"], answer["users"], answer["days"]) == ("days-of-opening", 1, 1.0)


def test_register_engines_adds_a_store(tmp_path: Path) -> None:
    (tmp_path / "scratch.py").write_text(
        "from openmetrics.plugin import Engine, hookimpl\n"
        "from openmetrics.store import memory\n"
        "@hookimpl\n"
        "def register_engines(settings):\n"
        "    return [Engine('scratch', memory.ENGINE.capabilities, memory.ENGINE.open)]\n"
    )
    with running(store="scratch", plugins_dir=str(tmp_path)) as application:
        application.client.simulate_post("/v1/collect", json={"name": "a"})
        assert application.client.simulate_get("/v1/catalog/events").json["events"][0]["name"] == "a"
    settings, manager = read_settings({"store": "none", "plugins_dir": str(tmp_path)}, {})
    with pytest.raises(PluginError, match=r"no engine 'none'.*scratch"):
        open_store(settings, manager)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_this_name", "nothing_of_this_name"),
        (
            "from openmetrics.plugin import hookimpl\n@hookimpl\ndef register_rutes(server): return []",
            "register_rutes",
        ),
        ("from openmetrics.plugin import hookimpl\n@hookimpl\ndef register_routes(app): return []", "app"),
        (
            "from openmetrics.plugin import hookimpl\n@hookimpl\ndef register_settings(): return 1 / 0",
            "ZeroDivision",
        ),
    ],
    ids=["import", "misspelt", "argument", "fails"],
)
def test_plugins_that_are_wrong_stop_the_start_by_name(tmp_path: Path, code: str, words: str) -> None:
    (tmp_path / "broken_one.py").write_text(code + "\n")
    with pytest.raises(PluginError, match="broken_one") as caught:
        read_settings({"plugins_dir": str(tmp_path)}, {})
    assert words in str(caught.value)


def test_plugins_at_one_path_stop_the_start_and_are_both_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        text = (ROOT / "docs" / "examples" / "weekend.py").read_text()
        text = text.replace("weekend_property", f"{name}_property").replace(
            'Processor("weekend"', f'Processor("{name}"'
        )
        (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(PluginError) as caught, running(plugins_dir=str(tmp_path)):
        pass
    assert "/x/weekend/count" in str(caught.value)
    assert "one" in str(caught.value)
    assert "two" in str(caught.value)


def test_plugins_can_be_left_out_by_name(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs" / "examples" / "weekend.py", tmp_path)
    with running(
        plugins_dir=str(tmp_path), plugins_disabled="weekend,micro_metrics,pixel,open_metrics"
    ) as found:
        for path in ("/x/weekend/count", "/api/types", "/t.gif", "/v1/ping"):
            assert found.client.simulate_get(path).status_code == 404
        assert found.client.simulate_post("/v1/collect", json={"name": "a"}).status_code == 202


def test_the_test_that_the_docs_show_passes() -> None:
    text = (ROOT / "docs" / "plugins.md").read_text()
    [block] = [
        found
        for found in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        if "def test_" in found and "simulate" in found
    ]
    names: dict[str, Any] = {}
    exec(block.replace('plugins_dir="plugins"', f'plugins_dir="{ROOT / "docs" / "examples"}"'), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    test()
