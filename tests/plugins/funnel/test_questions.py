"""Bad questions are refused with a pointer; presets and defaults are resolved and echoed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openmetrics.testing.client import Running

RANGE = {"from": "2026-11-01", "to": "2026-11-08"}
STEPS: list[dict[str, Any]] = [{"event": "visit"}, {"event": "cart"}, {"event": "buy"}]


def step(**members: Any) -> dict[str, Any]:
    """Give the second of three steps these members."""
    return {"steps": [STEPS[0], {**STEPS[1], **members}, STEPS[2]]}


def exclude(first: Any, last: Any, **members: Any) -> dict[str, Any]:
    """Exclude an event between two steps."""
    return {"exclusions": [{"event": "leave", "from_step": first, "to_step": last, **members}]}


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"range": None}, "/range"),
    ({"range": {"last": "0d"}}, "/range/last"),
    ({"range": {"from": "2026-11-31"}}, "/range/from"),
    ({"range": {"from": "2026-11-08", "to": "2026-11-01"}}, "/range/to"),
    ({"range": {"last": "30d", "until": 1}}, "/range/until"),
    ({"colour": "red"}, "/colour"),
    ({"steps": None}, "/steps"),
    ({"steps": []}, "/steps"),
    ({"steps": [{"event": "visit"}]}, "/steps"),
    ({"steps": [{"event": "visit"}] * 51}, "/steps"),
    ({"steps": "visit"}, "/steps"),
    ({"steps": ["visit", "cart"]}, "/steps/0"),
    (step(name="cart"), "/steps/1/name"),
    (step(event=[]), "/steps/1/event"),
    (step(event=""), "/steps/1/event"),
    (step(event=5), "/steps/1/event"),
    (step(label=""), "/steps/1/label"),
    (step(within="soon"), "/steps/1/within"),
    (step(within="101000d"), "/steps/1/within"),
    (step(optional="yes"), "/steps/1/optional"),
    (step(filter={"field": "props.a", "op": "like", "value": "b"}), "/steps/1/filter/op"),
    (step(filter={"segment": "unheard-of"}), "/steps/1/filter/segment"),
    ({"steps": [{"event": "visit", "within": "1h"}, STEPS[1]]}, "/steps/0/within"),
    ({"steps": [{"event": "visit", "optional": True}, STEPS[1]]}, "/steps/0/optional"),
    ({"window": "0s"}, "/window"),
    ({"window": "14"}, "/window"),
    ({"window": "-1d"}, "/window"),
    ({"window": "1e9d"}, "/window"),
    ({"window": "36526d"}, "/window"),
    ({"window": "9" * 40 + "d"}, "/window"),
    ({"window": 600}, "/window"),
    ({"order": "random"}, "/order"),
    ({"unit": "device"}, "/unit"),
    ({"unit": "user.plan"}, "/unit"),
    ({"count": "some"}, "/count"),
    ({"entry": "last"}, "/entry"),
    ({"entry": "every"}, "/entry"),
    ({"count": "total", "entry": "latest"}, "/entry"),
    ({"count": "total", "entry": "first"}, "/entry"),
    ({"grace_ms": -1}, "/grace_ms"),
    ({"grace_ms": 1.5}, "/grace_ms"),
    ({"grace_ms": 86_400_001}, "/grace_ms"),
    ({"order": "strict", "grace_ms": 5}, "/grace_ms"),
    ({"order": "any", "grace_ms": 5}, "/grace_ms"),
    ({"order": "any", "entry": "first"}, "/entry"),
    ({"order": "any", "count": "total"}, "/count"),
    ({"order": "any", **step(within="1h")}, "/steps/1/within"),
    ({"order": "any", **step(optional=True)}, "/steps/1/optional"),
    ({"order": "any", **exclude(1, 2)}, "/exclusions/0/to_step"),
    ({"order": "any", **exclude(2, 3)}, "/exclusions/0/from_step"),
    (exclude(1, 4), "/exclusions/0/to_step"),
    (exclude(0, 2), "/exclusions/0/from_step"),
    (exclude(2, 2), "/exclusions/0/to_step"),
    (exclude(3, 2), "/exclusions/0/to_step"),
    (exclude("1", 2), "/exclusions/0/from_step"),
    (exclude(1, 2, mode="forget"), "/exclusions/0/mode"),
    (exclude(1, 2, when="now"), "/exclusions/0/when"),
    ({"exclusions": [{"event": "leave"}]}, "/exclusions/0/from_step"),
    ({"exclusions": [{"event": "leave", "from_step": 1, "to_step": 2}] * 60}, "/exclusions"),
    ({"hold": ["item"]}, "/hold/0"),
    ({"hold": ["props.a", "fields.b"]}, "/hold/1"),
    ({"hold": ["props.a"] * 6}, "/hold"),
    ({"breakdown": "plan"}, "/breakdown"),
    ({"breakdown": "fields.email"}, "/breakdown"),
    ({"breakdown": {"segment": "unheard-of"}}, "/breakdown/segment"),
    ({"breakdown": {}}, "/breakdown"),
    ({"breakdown": "props.plan", "attribution": "step:4"}, "/attribution"),
    ({"breakdown": "props.plan", "attribution": "step:0"}, "/attribution"),
    ({"breakdown": "props.plan", "attribution": "middle"}, "/attribution"),
    ({"filter": {"any": [{"not": {"segment": "unheard-of"}}]}}, "/filter/any/0/not/segment"),
    ({"filter": {"all": [{"field": "name", "op": "eq"}]}}, "/filter/all/0/value"),
    ({"filter_scope": "some"}, "/filter_scope"),
    ({"completion": "soon"}, "/completion"),
    ({"interval": "year"}, "/interval"),
    ({"timezone": "Mars/Olympus"}, "/timezone"),
    ({"week_start": "friday"}, "/week_start"),
    ({"limit": 0}, "/limit"),
    ({"limit": 1001}, "/limit"),
    ({"like": "excel"}, "/like"),
    ({"compare_segments": ["a"]}, "/compare_segments"),
    ({"compare_segments": ["unheard-of", "b"]}, "/compare_segments/0"),
)
PICKS: tuple[tuple[Any, str], ...] = (
    (None, "/pick"),
    ({}, "/pick/step"),
    ({"step": 0}, "/pick/step"),
    ({"step": 4}, "/pick/step"),
    ({"step": True}, "/pick/step"),
    ({"step": "1"}, "/pick/step"),
    ({"step": 1, "status": "lost"}, "/pick/status"),
    ({"step": 1, "cohort": 1}, "/pick/cohort"),
    ({"step": 1, "group": "pro"}, "/pick/group"),
    ({"step": 1, "other": True}, "/pick/other"),
)


@pytest.fixture(scope="module")
def app(holding: Callable[..., Any]) -> Iterator[Running]:
    """An application at noon of 5 November with one event in it."""
    event = {
        "name": "visit",
        "user_id": "ann",
        "time": "2026-11-01T00:00:00Z",
        "properties": {"plan": "pro"},
    }
    with holding([event], "2026-11-05T12:00:00Z") as application:
        yield application


def refuse(app: Running, question: dict[str, Any], path: str = "") -> dict[str, Any]:
    response = app.client.simulate_post(f"/v1/analyses/funnel{path}", json=question)
    assert (response.status_code, response.json["code"]) == (422, "invalid-query"), response.text
    document: dict[str, Any] = response.json
    return document


@pytest.mark.parametrize(("members", "pointer"), BAD, ids=lambda part: str(part)[:40])
def test_question_bad_member_is_refused_with_pointer(
    app: Running, members: dict[str, Any], pointer: str
) -> None:
    question = {"range": RANGE, "steps": STEPS, **members}
    document = refuse(app, {name: value for name, value in question.items() if value is not None})
    assert pointer in [row["pointer"] for row in document["errors"]], document
    assert len(document["detail"].split()) >= 3


@pytest.mark.parametrize(("pick", "pointer"), PICKS, ids=lambda part: str(part)[:60])
def test_people_bad_pick_is_refused_with_pointer(app: Running, pick: Any, pointer: str) -> None:
    question = {"range": RANGE, "steps": STEPS, **({} if pick is None else {"pick": pick})}
    document = refuse(app, question, "/people")
    assert pointer in [row["pointer"] for row in document["errors"]], document


def test_people_unknown_group_is_refused_with_pointer(app: Running) -> None:
    question = {"range": RANGE, "steps": STEPS, "breakdown": "props.plan"}
    for name, value in (("group", "free"), ("group", 5), ("other", True), ("other", "yes")):
        document = refuse(app, {**question, "pick": {"step": 1, name: value}}, "/people")
        assert [row["pointer"] for row in document["errors"]] == [f"/pick/{name}"]


def test_people_dropped_at_optional_step_is_refused(app: Running) -> None:
    question = {"range": RANGE, **step(optional=True), "pick": {"step": 2, "status": "dropped"}}
    assert refuse(app, question, "/people")["errors"][0]["pointer"] == "/pick/status"


def test_question_too_many_intervals_is_refused(app: Running) -> None:
    question = {"range": {"from": "2000-01-01"}, "steps": STEPS, "interval": "minute"}
    response = app.client.simulate_post("/v1/analyses/funnel", json=question)
    assert (response.status_code, response.json["code"]) == (422, "query-too-large")


def test_unknown_names_are_zeros(app: Running, ask: Callable[..., Any]) -> None:
    answer = ask(
        app,
        {
            "range": RANGE,
            "steps": [{"event": "a"}, {"event": "b"}],
            "interval": "week",
            "breakdown": "props.x",
        },
    )
    assert [row["count"] for row in answer["steps"]] == [0, 0]
    assert [row["share_of_previous"] for row in answer["steps"]] == [0, 0]
    assert (answer["conversion"], answer["histogram"], answer["groups"]) == (0, [], [])
    assert [(row["entered"], row["converted"]) for row in answer["intervals"]] == [(0, 0), (0, 0)]


def test_definition_holds_every_default_and_stays_when_asked_again(
    app: Running, ask: Callable[..., Any]
) -> None:
    definition = ask(app, {"range": {"last": "2d"}, "steps": STEPS[:2]})["definition"]
    assert definition == {
        "range": {"from": "2026-11-03T12:00:00.000Z", "to": "2026-11-05T12:00:00.000Z"},
        "steps": [{"event": "visit", "label": "visit"}, {"event": "cart", "label": "cart"}],
        "window": "14d",
        "order": "ordered",
        "unit": "user",
        "count": "unique",
        "entry": "latest",
        "grace_ms": 0,
        "exclusions": [],
        "filter_scope": "all",
        "completion": "in_range",
        "timezone": "UTC",
        "week_start": "monday",
        "limit": 25,
    }
    assert ask(app, definition)["definition"] == definition


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
@pytest.mark.parametrize("like", ["posthog", "mixpanel", "amplitude", "matomo"])
def test_preset_goes_with_every_order_and_resolves_to_itself(
    app: Running, ask: Callable[..., Any], like: str, order: str
) -> None:
    question = {"range": RANGE, "steps": STEPS, "like": like, "order": order, "breakdown": "props.plan"}
    definition = ask(app, question)["definition"]
    assert ask(app, definition)["definition"] == definition
    assert ask(app, {**question, "window": "3d"})["definition"]["window"] == "3d"
    assert definition.get("grace_ms", 0) == (2000 if (like, order) == ("mixpanel", "ordered") else 0)


def test_label_of_a_step_names_its_events(app: Running, ask: Callable[..., Any]) -> None:
    steps = [{"event": ["a", "b"]}, {"event": None}, {"event": "c", "label": "end"}]
    answer = ask(app, {"range": RANGE, "steps": steps})
    assert [row["label"] for row in answer["steps"]] == ["a or b", "any event", "end"]
