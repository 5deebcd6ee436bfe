"""Bad questions are refused with a pointer; presets and defaults are resolved and echoed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openmetrics.testing.client import Running

RANGE = {"from": "2026-11-01", "to": "2026-11-08"}
BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"range": None}, "/range"),
    ({"range": {}}, "/range/from"),
    ({"range": {"to": "2026-11-01"}}, "/range/from"),
    ({"range": {"last": "30"}}, "/range/last"),
    ({"range": {"last": "0d"}}, "/range/last"),
    ({"range": {"last": "30d", "to": "2026-11-01"}}, "/range/to"),
    ({"range": {"from": "2026-11-31"}}, "/range/from"),
    ({"range": {"from": "2026-11-08", "to": "2026-11-08"}}, "/range/to"),
    ({"range": {"from": "0001-01-01", "to": "2026-11-08"}}, "/range/from"),
    ({"range": {"from": "2026-11-08", "to": "9999-12-31"}}, "/range/to"),
    ({"range": {"from": "0001-01-01"}, "timezone": "Asia/Kathmandu"}, "/range/from"),
    ({"range": {"from": "2026-11-01", "until": "2026-11-08"}}, "/range/until"),
    ({"colour": "red"}, "/colour"),
    ({"interval": "year"}, "/interval"),
    ({"periods": 366}, "/periods"),
    ({"periods": -1}, "/periods"),
    ({"periods": "7"}, "/periods"),
    ({"brackets": []}, "/brackets"),
    ({"brackets": [0]}, "/brackets/0"),
    ({"brackets": [200, 200]}, "/brackets"),
    ({"brackets": [3, 4], "periods": 11}, "/periods"),
    ({"cohort": "second"}, "/cohort"),
    ({"mode": "fixed"}, "/mode"),
    ({"retained": "never"}, "/retained"),
    ({"zero": 0}, "/zero"),
    ({"average": "median"}, "/average"),
    ({"min_count": 0}, "/min_count"),
    ({"week_start": "friday"}, "/week_start"),
    ({"timezone": "Mars/Olympus"}, "/timezone"),
    ({"timezone": "../etc/passwd"}, "/timezone"),
    ({"limit": 0}, "/limit"),
    ({"like": "excel"}, "/like"),
    ({"unit": "device"}, "/unit"),
    ({"unit": "user.plan"}, "/unit"),
    ({"breakdown": "plan"}, "/breakdown"),
    ({"breakdown": "fields.email"}, "/breakdown"),
    ({"breakdown": "context.page"}, "/breakdown"),
    ({"breakdown": {"segment": "unheard-of"}}, "/breakdown/segment"),
    ({"breakdown": {}}, "/breakdown"),
    ({"value": {"measure": "sum"}}, "/value/of"),
    ({"value": {"measure": "median", "of": "value"}}, "/value/measure"),
    ({"value": {"measure": "sum", "of": "name"}}, "/value/of"),
    ({"value": {"measure": "sum", "of": "price"}}, "/value/of"),
    ({"start": {"event": []}}, "/start/event"),
    ({"start": {"event": 5}}, "/start/event"),
    ({"start": {"name": "signup"}}, "/start/name"),
    ({"start": "signup"}, "/start"),
    ({"start": {"filter": {"field": "props.a", "op": "like", "value": "b"}}}, "/start/filter/op"),
    ({"return": {"filter": {"field": "plan", "op": "eq", "value": "b"}}}, "/return/filter/field"),
    ({"filter": {"any": [{"not": {"segment": "unheard-of"}}]}}, "/filter/any/0/not/segment"),
    ({"return": {"filter": {"did": {"filter": {"segment": "gone"}}}}}, "/return/filter/did/filter/segment"),
    ({"filter": {"all": [{"field": "name", "op": "eq"}]}}, "/filter/all/0/value"),
)
PICKS: tuple[tuple[Any, str], ...] = (
    (None, "/pick"),
    ({}, "/pick/cohort"),
    ({"cohort": "soon", "period": 1}, "/pick/cohort"),
    ({"cohort": "2026-12-02", "period": 1}, "/pick/cohort"),
    ({"cohort": "2026-11-01T00:00:00Z"}, "/pick/period"),
    ({"cohort": "2026-11-01T00:00:00Z", "period": 7}, "/pick/period"),
    ({"cohort": "2026-11-01T00:00:00Z", "period": True}, "/pick/period"),
    ({"cohort": "2026-11-01T00:00:00Z", "period": 6}, "/pick/period"),
    ({"cohort": "2026-11-01T00:00:00Z", "period": 1, "status": "kept"}, "/pick/status"),
    ({"cohort": "2026-11-01T00:00:00Z", "period": 1, "step": 1}, "/pick/step"),
    ({"cohort": "2026-11-01T00:00:00Z", "period": 1, "group": "pro"}, "/pick/group"),
    ({"cohort": "2026-11-01T00:00:00Z", "period": 1, "other": True}, "/pick/other"),
)


@pytest.fixture(scope="module")
def app(holding: Callable[..., Any]) -> Iterator[Running]:
    """An application at noon of 5 November with one event in it."""
    event = {
        "name": "signup",
        "user_id": "ann",
        "time": "2026-11-01T00:00:00Z",
        "properties": {"plan": "pro"},
    }
    with holding([event], "2026-11-05T12:00:00Z") as application:
        yield application


def refuse(app: Running, question: dict[str, Any], path: str = "") -> dict[str, Any]:
    response = app.client.simulate_post(f"/v1/analyses/retention{path}", json=question)
    assert (response.status_code, response.json["code"]) == (422, "invalid-query"), response.text
    document: dict[str, Any] = response.json
    return document


@pytest.mark.parametrize(("members", "pointer"), BAD, ids=lambda part: str(part)[:40])
def test_question_bad_member_is_refused_with_pointer(
    app: Running, members: dict[str, Any], pointer: str
) -> None:
    question = {name: value for name, value in {"range": RANGE, **members}.items() if value is not None}
    document = refuse(app, question)
    assert pointer in [row["pointer"] for row in document["errors"]], document
    assert len(document["detail"].split()) >= 3


@pytest.mark.parametrize(("pick", "pointer"), PICKS, ids=lambda part: str(part)[:60])
def test_people_bad_pick_is_refused_with_pointer(app: Running, pick: Any, pointer: str) -> None:
    document = refuse(app, {"range": RANGE, **({} if pick is None else {"pick": pick})}, "/people")
    assert pointer in [row["pointer"] for row in document["errors"]], document


def test_people_unknown_group_is_refused_with_pointer(app: Running) -> None:
    pick = {"cohort": "2026-11-01T00:00:00Z", "period": 1}
    question = {"range": RANGE, "breakdown": "props.plan"}
    for name, value in (("group", "free"), ("group", 5), ("other", True), ("other", "yes")):
        document = refuse(app, {**question, "pick": {**pick, name: value}}, "/people")
        assert [row["pointer"] for row in document["errors"]] == [f"/pick/{name}"]


@pytest.mark.parametrize(
    "question",
    [
        {"range": {"from": "2000-01-01"}, "interval": "minute"},
        {"range": {"from": "0002-01-01"}, "interval": "day", "periods": 365},
    ],
)
def test_question_too_many_cells_is_refused(app: Running, question: dict[str, Any]) -> None:
    response = app.client.simulate_post("/v1/analyses/retention", json=question)
    assert (response.status_code, response.json["code"]) == (422, "query-too-large")


def test_question_too_many_groups_is_refused(holding: Callable[..., Any]) -> None:
    events = [
        {
            "name": "signup",
            "user_id": f"u{n}",
            "time": "2026-11-01T00:00:00Z",
            "properties": {"plan": f"p{n}"},
        }
        for n in range(9)
    ]
    question = {"range": {"last": "6mo"}, "breakdown": "props.plan", "periods": 365}
    with holding(events) as app:
        for limit, status in ((2, 200), (9, 422)):
            response = app.client.simulate_post("/v1/analyses/retention", json={**question, "limit": limit})
            assert response.status_code == status
        assert response.json["code"] == "query-too-large"


def test_definition_holds_every_default(app: Running, ask: Callable[..., Any]) -> None:
    assert ask(app, {"range": {"last": "2d"}})["definition"] == {
        "range": {"from": "2026-11-03T12:00:00.000Z", "to": "2026-11-05T12:00:00.000Z"},
        "interval": "day",
        "timezone": "UTC",
        "week_start": "monday",
        "periods": 11,
        "cohort": "recurring",
        "mode": "calendar",
        "retained": "on",
        "zero": "cohort",
        "min_count": 1,
        "average": "pooled",
        "unit": "user",
        "limit": 25,
    }


@pytest.mark.parametrize(
    ("like", "resolved"),
    [
        ("posthog", {"average": "simple", "week_start": "sunday", "cohort": "recurring", "mode": "calendar"}),
        ("mixpanel", {"mode": "rolling", "retained": "on_or_after", "zero": "returned"}),
        ("amplitude", {"mode": "rolling", "retained": "on_or_after", "zero": "returned"}),
        ("matomo", {"cohort": "first_time", "mode": "calendar", "retained": "on", "zero": "cohort"}),
    ],
)
def test_like_sets_what_is_not_given(
    app: Running, ask: Callable[..., Any], like: str, resolved: dict[str, Any]
) -> None:
    definition = ask(app, {"range": RANGE, "like": like})["definition"]
    assert {name: definition[name] for name in resolved} == resolved
    definition = ask(app, {"range": RANGE, "like": like, "retained": "streak", "average": "pooled"})[
        "definition"
    ]
    assert (definition["retained"], definition["average"]) == ("streak", "pooled")


def test_range_without_zone_is_in_the_questions_zone(app: Running, ask: Callable[..., Any]) -> None:
    found = ask(
        app, {"range": {"from": "2026-11-01", "to": "2026-11-02T06:30"}, "timezone": "America/New_York"}
    )
    assert found["range"] == {"from": "2026-11-01T04:00:00.000Z", "to": "2026-11-02T11:30:00.000Z"}
    found = ask(app, {"range": {"from": "2026-11-01T00:00:00Z"}, "timezone": "America/New_York"})
    assert found["range"] == {"from": "2026-11-01T00:00:00.000Z", "to": "2026-11-05T12:00:00.000Z"}
