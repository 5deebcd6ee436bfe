"""What `/v1/live` shows: what came since, counted, of a name or of a segment's people."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from openmetrics.testing.client import Running

PAID = {"label": "Paid", "filter": {"field": "name", "op": "eq", "value": "buy"}}


def send(app: Running, *rows: tuple[str, dict[str, Any]]) -> None:
    events = [{"name": name, **members} for name, members in rows]
    assert app.client.simulate_post("/v1/collect", json=events).status_code == 202


def look(app: Running, **query: str) -> Any:
    answer = app.client.simulate_get(f"/v1/live?{urlencode(query)}")
    assert answer.status_code == 200, answer.text
    return answer.json


def names(found: Any) -> list[str]:
    return [event["name"] for event in found["events"]]


@pytest.fixture(autouse=True)
def shop(app: Running) -> None:
    assert app.client.simulate_put("/v1/segments/paid", json=PAID).status_code == 201
    send(
        app,
        ("open", {"user_id": "ann", "session_id": "s1"}),
        ("buy", {"user_id": "ann", "session_id": "s1"}),
        ("open", {"user_id": "bob", "session_id": "s2"}),
        ("open", {"session_id": "s3"}),
        ("open", {}),
    )


def test_live_without_cursor_shows_the_last_minutes(app: Running) -> None:
    found = look(app)
    assert sorted(names(found)) == ["buy", "open", "open", "open", "open"]
    assert (found["counts"], found["active_users"]) == ({"buy": 1, "open": 4}, 3)


@pytest.mark.parametrize(
    ("query", "shown", "counts", "active"),
    [
        ({"name": "open"}, ["open"] * 4, {"open": 4}, 3),
        ({"name": "buy"}, ["buy"], {"buy": 1}, 1),
        ({"segment": "paid"}, ["buy", "open"], {"buy": 1, "open": 1}, 1),
        ({"segment": "paid", "name": "open"}, ["open"], {"open": 1}, 1),
        ({"name": "nothing"}, [], {}, 0),
    ],
)
def test_live_of_an_audience_shows_its_events_only(
    app: Running, query: dict[str, str], shown: list[str], counts: dict[str, int], active: int
) -> None:
    found = look(app, **query)
    assert sorted(names(found)) == shown
    assert (found["counts"], found["active_users"]) == (counts, active)


def test_live_with_cursor_shows_what_came_since(app: Running) -> None:
    cursors = {"all": look(app)["next"], "paid": look(app, segment="paid")["next"]}
    send(app, ("open", {"session_id": "s1"}), ("open", {"user_id": "bob"}), ("buy", {"session_id": "s3"}))
    assert look(app, after=cursors["all"])["counts"] == {"open": 2, "buy": 1}
    found = look(app, after=cursors["paid"], segment="paid")
    assert (found["counts"], found["active_users"]) == ({"open": 1, "buy": 1}, 2)
    assert {event["user_id"] for event in found["events"]} == {"ann", None}
    assert look(app, after=found["next"], segment="paid")["events"] == []


def test_live_of_an_unknown_segment_is_refused(app: Running, assert_problem: Any) -> None:
    assert_problem(app.client.simulate_get("/v1/live?segment=none"), "invalid-query", "/segment")
