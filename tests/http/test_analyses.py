"""Questions over HTTP: any analysis that a plugin adds is asked, refused and listed in the same way."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.analysis import MIN_UNITS, Proportion, p_value
from openmetrics.query.model import Comparison, Field
from openmetrics.testing.client import Running, running

PLUGIN = '''
"""An analysis that counts who did an event."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from openmetrics.plugin import (
    All, Analysis, Comparison, Field, People, Plan, Proportion, hookimpl, invalid_query,
)


@dataclass(frozen=True)
class Params:
    definition: Any
    start_ms: Any
    end_ms: Any
    plan: Any


def parse(document, asking):
    event = document["event"]
    if event == "unknowable":
        raise invalid_query("/event", "Nobody can know that; ask for another event.")
    if event == "broken":
        raise RuntimeError("secret of the plugin")
    if event == "doubtful":
        asking.warnings.append({"code": "doubt", "detail": "This is doubtful.", "pointer": "/event"})
    where = []
    filter = document.get("filter")
    for part in filter.get("all", [filter]) if filter else ():
        if "segment" in part:
            where.append(asking.segment(part["segment"]))
    unit = Field("props", "plan") if document.get("unit") == "plan" else "user"
    plan = Plan((Comparison(Field("name"), "eq", event),), where=All(tuple(where)), unit=unit)
    return Params({"event": event}, 0, asking.now_ms, plan)


def units(params, asking):
    view = asking.view(params.start_ms, params.end_ms)
    found = view.map(params.plan, lambda slice: slice.units)
    return view, np.concatenate(found) if found else np.empty(0, np.int64)


def run(params, asking):
    if params.definition["event"] == "failing":
        raise KeyError("secret of the plugin")
    return {"count": len(units(params, asking)[1])}


def people(params, pick, asking):
    view, keys = units(params, asking)
    return People(len(keys), keys, view)


@hookimpl
def register_schemas():
    return [Path(__file__).parent / "schemas"]


@hookimpl
def register_analyses(server):
    common = ("A count", "who-params", "who-params", parse, run)
    shares = lambda answer: [Proportion("/count", answer["count"], 60)]
    return [
        Analysis("who", *common, people=people, proportions=shares),
        Analysis("what", *common),
    ]
'''
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["event"],
    "additionalProperties": False,
    "properties": {
        "event": {"type": "string"},
        "unit": {"enum": ["user", "plan"]},
        "filter": {"type": "object"},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a plugin that adds two analyses."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "counter").mkdir()
    (folder / "counter" / "__init__.py").write_text(PLUGIN)
    (folder / "counter" / "schemas").mkdir()
    (folder / "counter" / "schemas" / "who-params.schema.json").write_text(json.dumps(SCHEMA))
    return folder


@pytest.fixture
def app(folder: Path) -> Iterator[Running]:
    """Run an application on which 70 users and a session did something, and two segments are saved."""
    with running(plugins_dir=str(folder)) as app:
        events: list[dict[str, Any]] = [
            {"name": "open", "user_id": f"u{n:02}", "properties": {"plan": "pro" if n < 40 else "free"}}
            for n in range(70)
        ]
        events.append({"name": "open", "session_id": "s"})
        events.append({"name": "open"})
        assert app.client.simulate_post("/v1/collect", json=events).status_code == 202
        identify = {"user_id": "u00", "properties": {"city": "Ülm", "n": 1}}
        assert app.client.simulate_post("/v1/identify", json=identify).status_code in (200, 202)
        segments = {plan: Comparison(Field("props", "plan"), "eq", plan) for plan in ("pro", "free")}
        refuse = app.server.find_segment
        app.server.find_segment = lambda id: segments.get(id) or refuse(id)
        yield app


def ask(app: Running, document: Any, name: str = "who", **more: Any) -> Any:
    return app.client.simulate_post(f"/v1/analyses/{name}", json=document, **more)


def test_register_analyses_lists_them_with_their_schemas(app: Running) -> None:
    rows = {row["name"]: row for row in app.client.simulate_get("/v1/analyses").json["analyses"]}
    assert rows["who"] == {
        "name": "who", "title": "A count", "params_schema": SCHEMA, "result_schema": SCHEMA,
        "has_people": True,
    }  # fmt: skip
    assert rows["what"]["has_people"] is False


def test_answer_says_what_was_asked_and_how_it_was_found(app: Running) -> None:
    answer = ask(app, {"event": "open"}).json
    assert answer.pop("took_ms") >= 0
    assert answer.pop("range")["from"] == "1970-01-01T00:00:00.000Z"
    assert answer == {"definition": {"event": "open"}, "exact": True, "engine": "memory", "count": 71}


def test_question_can_be_a_link(app: Running) -> None:
    found = app.client.simulate_get("/v1/analyses/who", params={"q": '{"event":"open"}'})
    assert found.json["count"] == 71


def test_answer_sees_what_was_acknowledged_before(app: Running) -> None:
    for count in range(72, 75):
        event = {"name": "open", "user_id": f"new {count}"}
        assert app.client.simulate_post("/v1/collect", json=event).status_code == 202
        assert ask(app, {"event": "open"}).json["count"] == count


def test_warnings_are_shown(app: Running) -> None:
    assert ask(app, {"event": "doubtful"}).json["warnings"][0]["code"] == "doubt"


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/event"),
        ({"event": 1}, "/event"),
        ({"event": "open", "colour": 1}, "/colour"),
        ({"event": "unknowable"}, "/event"),
        ([], ""),
        ({"event": "open", "compare_segments": ["pro"]}, "/compare_segments"),
        ({"event": "open", "compare_segments": ["pro", "gold"]}, "/compare_segments/1"),
        ({"event": "open", "compare_segments": ["pro", {}]}, "/compare_segments"),
    ],
)
def test_bad_questions_point_at_what_is_wrong(
    app: Running, assert_problem: Callable[..., Any], document: Any, pointer: str
) -> None:
    assert_problem(ask(app, document), "invalid-query", pointer)


@pytest.mark.parametrize("event", ["broken", "failing"])
def test_a_failing_analysis_is_named(app: Running, assert_problem: Callable[..., Any], event: str) -> None:
    problem = assert_problem(ask(app, {"event": event}), "internal")
    assert "'who'" in problem["detail"]
    assert "secret" not in json.dumps(problem)


def test_unknown_analysis_and_lacking_people(app: Running, assert_problem: Callable[..., Any]) -> None:
    assert "what, who" in assert_problem(ask(app, {}, "funnels"), "not-found")["detail"]
    assert_problem(ask(app, {"event": "open", "pick": {}}, "what/people"), "not-found")
    assert_problem(app.client.simulate_get("/v1/analyses/who"), "invalid-query", "/q")
    assert_problem(app.client.simulate_post("/v1/analyses/who", body="{"), "malformed-json")
    assert_problem(app.client.simulate_get("/v1/analyses/who", params={"q": "{"}), "malformed-json")


def test_segments_are_compared_side_by_side(app: Running) -> None:
    answer = ask(app, {"event": "open", "compare_segments": ["pro", "free"]}).json
    assert [side["count"] for side in answer["sides"]] == [40, 30]
    (row,) = answer["difference"]
    assert row["at"] == "/count"
    assert row["p"] == pytest.approx(p_value(Proportion("", 40, 60), Proportion("", 30, 60)))


def test_p_value_is_that_of_the_two_proportion_test() -> None:
    # 2 * (1 - Phi(|z|)) with z = 1.8257..., worked out by hand from the pooled share 70/120.
    found = p_value(Proportion("", 40, 60), Proportion("", 30, 60))
    assert found == pytest.approx(0.0641, abs=1e-3)
    assert p_value(Proportion("", 1, MIN_UNITS - 1), Proportion("", 9, 99)) is None
    assert p_value(Proportion("", 0, 50), Proportion("", 0, 50)) == 1.0
    assert p_value(Proportion("", 50, 50), Proportion("", 0, 50)) == pytest.approx(0, abs=1e-9)


def test_people_are_paged_through_without_a_cap(app: Running) -> None:
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        document = {"event": "open", "pick": {}, "page_size": 20, "cursor": cursor}
        page = ask(app, document, "who/people").json
        assert page["total"] == 71
        seen += page["people"]
        cursor = page["next"]
        if cursor is None:
            break
    actors = [row["actor"] for row in seen]
    assert actors == sorted(set(actors))
    assert len(actors) == 71
    people = {row["user_id"] or row["session_id"]: row for row in seen}
    assert people["u00"]["properties"] == {"city": "Ülm", "n": 1}
    assert people["s"]["user_id"] is None
    assert people["s"]["properties"] == {}


def test_people_come_whole_as_csv_and_ndjson(app: Running) -> None:
    document = {"event": "open", "pick": {}}
    table = ask(app, document, "who/people", headers={"Accept": "text/csv"})
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert len(rows) == 71
    assert {row["user_id"] for row in rows} == {"", *(f"u{n:02}" for n in range(70))}
    properties = next(row["properties"] for row in rows if row["user_id"] == "u00")
    assert json.loads(properties) == {"city": "Ülm", "n": 1}
    lines = ask(app, document, "who/people", headers={"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["actor"] for line in lines.text.splitlines()] == [row["actor"] for row in rows]


def test_people_of_a_property_are_its_values(app: Running) -> None:
    page = ask(app, {"event": "open", "unit": "plan", "pick": {}}, "who/people").json
    assert {row["value"] for row in page["people"]} == {"pro", "free"}
    assert all(row["user_id"] is None and row["session_id"] is None for row in page["people"])


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({}, "/pick"),
        ({"pick": []}, "/pick"),
        ({"pick": {}, "page_size": 0}, "/page_size"),
        ({"pick": {}, "page_size": 1_001}, "/page_size"),
        ({"pick": {}, "page_size": True}, "/page_size"),
        ({"pick": {}, "cursor": "x"}, "/cursor"),
        ({"pick": {}, "cursor": 1}, "/cursor"),
        ({"pick": {}, "compare_segments": ["pro", "free"]}, "/compare_segments"),
        ({"pick": {}, "colour": 1}, "/colour"),
    ],
)
def test_bad_lists_of_people_point_at_what_is_wrong(
    app: Running, assert_problem: Callable[..., Any], members: Any, pointer: str
) -> None:
    assert_problem(ask(app, {"event": "open", **members}, "who/people"), "invalid-query", pointer)


def test_columns_say_how_far_they_are(app: Running) -> None:
    ask(app, {"event": "open"})
    (month,) = app.client.simulate_get("/v1/columns").json["months"]
    assert month.keys() == {"period", "events", "state", "progress", "columns", "bytes"}
    assert (month["events"], month["state"], month["progress"]) == (71, "ready", 1.0)


def test_a_range_beyond_the_budget_is_refused(folder: Path, assert_problem: Callable[..., Any]) -> None:
    with running(plugins_dir=str(folder), columns_budget=10) as app:
        app.client.simulate_post("/v1/collect", json={"name": "open", "user_id": "u"})
        assert "columns_budget" in assert_problem(ask(app, {"event": "open"}), "query-too-large")["detail"]
