"""What a server that stands in for OpenMetrics must do, one test for each row of the comparison."""

from __future__ import annotations

import json
from typing import Any

import pytest

NOW = "2026-11-25T14:33:54.567Z"
DAY_MS = 86_400_000


def test_row_01_ping_answers_pong_with_or_without_q(api: Any) -> None:
    for query in ("", "q={}", "q=", "q=nonsense"):
        result = api.send_raw("ping", query)
        assert (result.status_code, result.text) == (200, "pong")


@pytest.mark.parametrize(
    "ids", [{"userId": "u1"}, {"uid": "u1"}, {"userId": "u1", "uid": "u2"}, {"userId": None, "uid": "u1"}]
)
def test_row_02_user_id_is_taken_under_both_names(api: Any, ids: Any) -> None:
    api.send_ok("setUserId", sessionId="s1", **ids)
    assert api.session("s1")["user_id"] == "u1"
    assert [session["session_id"] for session in api.user("u1")["sessions"]] == ["s1"]


def test_row_02_user_id_missing_is_refused_and_changes_nothing(api: Any) -> None:
    api.send_ok("setUserId", sessionId="s1", userId="u1")
    for ids in ({}, {"userId": ""}, {"userId": None}, {"uid": False}):
        assert "userId" in api.send_refused("setUserId", sessionId="s1", **ids)
    for ids in ({"userId": {}}, {"userId": ["u"]}, {"uid": True}):
        assert "takes a text or a number" in api.send_refused("setUserId", sessionId="s1", **ids)
    assert api.session("s1")["user_id"] == "u1"


def test_row_03_event_name_is_stored(api: Any) -> None:
    api.log("s1", {"name": "signed up"})
    assert [event["name"] for event in api.timeline("s1")] == ["signed up"]


@pytest.mark.parametrize("name", [None, "", 7, {}, "x" * 201])
def test_row_03_event_name_that_is_no_text_is_refused(api: Any, name: Any) -> None:
    assert "name" in api.send_refused("events", sessionId="s1", events=[{"name": name}])


@pytest.mark.parametrize(
    ("ts", "time"),
    [
        pytest.param(1795294510467, "2026-11-21T20:55:10.467Z", id="milliseconds"),
        pytest.param(1795294510, "2026-11-21T20:55:10.000Z", id="seconds"),
        pytest.param(1795294510.467, "2026-11-21T20:55:10.467Z", id="seconds with a fraction"),
        pytest.param("1795294510467", "2026-11-21T20:55:10.467Z", id="milliseconds as text"),
        pytest.param("2026-11-21T20:55:10.467Z", "2026-11-21T20:55:10.467Z", id="ISO 8601"),
        pytest.param(99_999_999_999, NOW, id="the largest seconds, far in the future"),
        pytest.param(100_000_000_000, "1973-03-03T09:46:40.000Z", id="the smallest milliseconds"),
        pytest.param(None, NOW, id="null"),
        pytest.param(179529451046700, NOW, id="milliseconds far in the future"),
    ],
)
def test_row_04_ts(api: Any, ts: Any, time: str) -> None:
    api.log("s1", {"name": "e", "ts": ts})
    assert [event["time"] for event in api.timeline("s1")] == [time]


def test_row_04_ts_missing_is_the_time_of_receipt(api: Any) -> None:
    api.log("s1", {"name": "e"})
    assert [event["time"] for event in api.timeline("s1")] == [NOW]


@pytest.mark.parametrize("ts", [True, {}, [1], "yesterday", 10**20])
def test_row_04_ts_that_is_no_time_is_refused(api: Any, ts: Any) -> None:
    text = api.send_refused("events", sessionId="s1", events=[{"name": "e", "ts": ts}])
    assert text.startswith("events/0/ts: ")


@pytest.mark.parametrize("props", [{"a": 1, "b": [True, None], "c.d": {"e": "f"}}, {}, None])
def test_row_05_props_are_kept_as_sent(api: Any, props: Any) -> None:
    api.log("s1", {"name": "e", "props": props}, {"name": "e"})
    assert [event["properties"] for event in api.timeline("s1")] == [props or {}, {}]


@pytest.mark.parametrize("props", ["a", 1, [1], True, False, ""])
def test_row_05_props_that_are_no_object_are_refused(api: Any, props: Any) -> None:
    assert "props" in api.send_refused("events", sessionId="s1", events=[{"name": "e", "props": props}])
    for action in ("setUserProps", "setSessionProps"):
        assert "props" in api.send_refused(action, sessionId="s1", props=props)


@pytest.mark.parametrize("action", ["createUser", "events", "setUserId", "setUserProps", "setSessionProps"])
def test_row_06_success_is_ok_as_plain_text(api: Any, action: str) -> None:
    result = api.send(action, sessionId="s1", events=[{"name": "e"}], userId="u1", props={"a": 1})
    assert (result.status_code, result.text) == (200, "ok")
    assert result.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("action", ["createUser", "events", "setUserId", "setUserProps", "setSessionProps"])
@pytest.mark.parametrize("q", [{}, *({"sessionId": value} for value in ("", 0, 0.0, None, False))])
def test_row_07_no_session_id_is_401(api: Any, action: str, q: Any) -> None:
    assert api.send_refused(action, 401, events=[], **q) == "no session ID"


@pytest.mark.parametrize("action", ["createUser", "events", "setUserId", "setUserProps", "setSessionProps"])
@pytest.mark.parametrize(
    "query", ["", "q=", "q=%7B", "q={'sessionId':'s1'}", "q=[1]", "q=7", "q=" + "[" * 5_000, "p={}"]
)
def test_row_08_bad_or_missing_q_is_a_short_400(api: Any, action: str, query: str) -> None:
    result = api.send_raw(action, query)
    assert result.status_code == 400
    assert result.headers["content-type"] == "text/plain; charset=utf-8"
    assert 5 < len(result.text) < 300


@pytest.mark.parametrize("events", [None, {}, "e", 7])
def test_row_08_events_that_are_no_list_are_refused(api: Any, events: Any) -> None:
    assert "events takes a list" in api.send_refused("events", sessionId="s1", events=events)
    assert "events takes a list" in api.send_refused("events", sessionId="s1")


def test_row_09_cors_is_open_on_every_answer(api: Any) -> None:
    for method, path in (
        ("GET", "/v1/ping"), ("GET", "/v1/events"), ("POST", "/v1/events"), ("PUT", "/v1/events"),
        ("HEAD", "/v1/ping"), ("OPTIONS", "/v1/events"),
    ):  # fmt: skip
        result = api.client.simulate_request(method, path, headers={"Origin": "https://shop.example"})
        assert result.headers["access-control-allow-origin"] == "*", method


def test_row_10_post_takes_the_same_json_as_body_or_as_q(api: Any) -> None:
    document = json.dumps({"sessionId": "s1", "events": [{"name": "e"}]})
    for sent in (
        {"body": document},
        {"body": document, "content_type": "application/json"},
        {"body": document, "content_type": "text/plain"},
        {"query_string": f"q={document}"},
        {"body": f"q={document}", "content_type": "application/x-www-form-urlencoded"},
    ):
        result = api.client.simulate_post("/v1/events", **sent)
        assert (result.status_code, result.text) == (200, "ok")
    assert len(api.timeline("s1")) == 5


def test_row_10_other_methods_are_405(api: Any) -> None:
    result = api.client.simulate_delete("/v1/events")
    assert result.status_code == 405
    assert result.headers["content-type"] == "text/plain; charset=utf-8"


def test_row_10_long_batch_by_post(api: Any) -> None:
    events = [{"name": f"e{n}", "props": {"text": "x" * 1_000}} for n in range(500)]
    result = api.client.simulate_post("/v1/events", body=json.dumps({"sessionId": "s1", "events": events}))
    assert result.text == "ok"
    assert api.session("s1")["events"] == 500


def test_row_11_create_user_that_is_not_active_is_a_session_all_the_same(api: Any) -> None:
    for _ in range(2):
        api.send_ok("createUser", sessionId="s1", options={"active": False})
    session = api.session("s1")
    assert (session["session_id"], session["user_id"], session["events"]) == ("s1", None, 0)


def test_row_11_create_user_twice_is_one_session(api: Any) -> None:
    for _ in range(2):
        api.send_ok("createUser", sessionId="s1")
    session = api.session("s1")
    assert (session["session_id"], session["user_id"], session["events"]) == ("s1", None, 2)
    assert [event["name"] for event in api.timeline("s1")] == ["$active", "$active"]
    assert {event["source"] for event in api.timeline("s1")} == {"open_metrics"}


def test_row_12_anonymous_to_identified_everything_follows(api: Any) -> None:
    api.log("s1", {"name": "before"})
    api.send_ok("setUserProps", sessionId="s1", props={"plan": "free"})
    api.clock.advance(1_000)
    api.send_ok("setUserId", sessionId="s1", userId="u1")
    api.clock.advance(1_000)
    api.log("s1", {"name": "after"})
    user = api.user("u1")
    assert (user["events"], user["properties"]) == (2, {"plan": "free"})


def test_row_12_identified_to_another_moves_this_session_only_and_from_then_on(api: Any) -> None:
    for session_id in ("s1", "s2"):
        api.send_ok("setUserId", sessionId=session_id, userId="a")
        api.log(session_id, {"name": "of a"})
    api.clock.advance(1_000)
    api.send_ok("setUserId", sessionId="s1", userId="b")
    api.log("s1", {"name": "of b"})
    api.log("s2", {"name": "of a"})
    assert [event["name"] for event in api.look("/v1/users/a/timeline")["events"]] == ["of a"] * 3
    assert [event["name"] for event in api.look("/v1/users/b/timeline")["events"]] == ["of b"]
    moved = {"session_id": "s1", "linked": NOW, "until": "2026-11-25T14:33:55.567Z"}
    assert moved in api.user("a")["sessions"]
    assert api.user("b")["sessions"] == [{"session_id": "s1", "linked": moved["until"]}]
    assert {event["user_id"] for event in api.timeline("s2")} == {"a"}


def test_row_13_user_props_merge_by_key_and_show_from_every_session(api: Any) -> None:
    api.send_ok("setUserId", sessionId="s1", userId="u1")
    api.send_ok("setUserProps", sessionId="s1", props={"plan": "free", "kept": [1, {"a": None}]})
    api.clock.advance(1_000)
    api.send_ok("setUserId", sessionId="s2", userId="u1")
    api.send_ok("setUserProps", sessionId="s2", props={"plan": "pro"})
    expected = {"plan": "pro", "kept": [1, {"a": None}]}
    assert api.user("u1")["properties"] == expected
    assert api.session("s1")["profile"] == api.session("s2")["profile"] == expected


def test_row_13_props_missing_or_empty_are_ok(api: Any) -> None:
    for action in ("setUserProps", "setSessionProps"):
        api.send_ok(action, sessionId="s1")
        api.send_ok(action, sessionId="s1", props={})
        api.send_ok(action, sessionId="s1", props=None)
    assert api.session("s1")["profile"] == {}


def test_row_14_session_props_belong_to_the_session_alone(api: Any) -> None:
    api.send_ok("setSessionProps", sessionId="s1", props={"referrer": "ad", "n": 1})
    api.clock.advance(1)
    api.send_ok("setSessionProps", sessionId="s1", props={"n": 2})
    api.send_ok("setUserId", sessionId="s1", userId="u1")
    api.send_ok("setUserId", sessionId="s2", userId="u1")
    assert api.session("s1")["properties"] == {"referrer": "ad", "n": 2}
    assert api.session("s2")["properties"] == {}
    assert api.user("u1")["properties"] == {}


def test_row_15_active_false_on_create_user_and_events(api: Any) -> None:
    api.send_ok("createUser", sessionId="s1", options={"active": False})
    assert api.session("s1")["events"] == 0
    for options in ({"active": False}, {"active": True}, {"active": 0}, {}, None):
        api.log("s1", {"name": "mail", "options": options})
    assert [event["active"] for event in api.timeline("s1")] == [False, True, True, True, True]


def test_row_15_options_are_ignored_elsewhere(api: Any) -> None:
    for action in ("setUserId", "setUserProps", "setSessionProps", "events"):
        api.send_ok(action, sessionId="s1", userId="u1", props={}, events=[], options={"active": False})


def test_row_16_activity_counts_by_event_time_and_users_once_after_merges(api: Any) -> None:
    api.log("s1", {"name": "e", "ts": 1795294510467})
    for session_id in ("s1", "s2"):
        api.send_ok("setUserId", sessionId=session_id, userId="u1")
    api.log("s2", {"name": "e", "ts": 1795294510467 + 60_000})
    owners = {(event["user_id"], event["time"][:10]) for s in ("s1", "s2") for event in api.timeline(s)}
    assert owners == {("u1", "2026-11-21")}


def test_row_21_empty_events_are_ok_and_no_activity(api: Any) -> None:
    api.send_ok("events", sessionId="s1", events=[])
    result = api.client.simulate_get("/v1/sessions/s1")
    assert result.status_code == 404


def test_row_22_session_id_number_becomes_text(api: Any) -> None:
    api.log(42, {"name": "e"})
    api.log("42", {"name": "e"})
    api.log(2**60, {"name": "big"})
    assert api.session("42")["events"] == 2
    assert api.session(str(2**60))["events"] == 1


@pytest.mark.parametrize("session_id", [{"$ne": 1}, ["s1"], True, "x" * 257, "a\u0000b"])
def test_row_22_session_id_that_is_no_id_is_refused(api: Any, session_id: Any) -> None:
    for action in ("createUser", "setUserProps", "events"):
        assert api.send_refused(action, sessionId=session_id, events=[{"name": "e"}])


def test_partly_bad_batch_keeps_the_good_and_tells_of_the_bad(api: Any) -> None:
    events = [{"name": "good"}, {"name": ""}, "junk", {"name": "bad é", "ts": "soon"}, {"name": "good"}]
    result = api.send_ok("events", sessionId="s1", events=events)
    assert result.headers["openmetrics-rejected"].startswith("3 of 5 refused; events/1/name: ")
    assert result.headers["access-control-expose-headers"] == "OpenMetrics-Rejected"
    assert [event["name"] for event in api.timeline("s1")] == ["good", "good"]
    [dead] = (api.server.settings.data_path / "dead").glob("door-*.ndjson")
    kept = [json.loads(row["line"]) for row in map(json.loads, dead.read_text().splitlines())]
    assert kept == [
        {"name": "", "session_id": "s1"}, "junk", {"name": "bad é", "time": "soon", "session_id": "s1"},
    ]  # fmt: skip


def test_wholly_bad_batch_is_refused(api: Any) -> None:
    text = api.send_refused("events", sessionId="s1", events=[{"name": ""}, {}])
    assert text.startswith("2 of 2 refused; events/0/name: ")
    assert api.client.simulate_get("/v1/sessions/s1").status_code == 404


def test_batch_of_nothing_bad_has_no_header(api: Any) -> None:
    result = api.send_ok("events", sessionId="s1", events=[{"name": "e"}])
    assert "openmetrics-rejected" not in result.headers


def test_trailing_slash_is_taken(api: Any) -> None:
    assert api.client.simulate_get("/v1/ping/").text == "pong"


def test_head_records_nothing(api: Any) -> None:
    query = 'q={"sessionId":"s1"}'
    assert api.client.simulate_head("/v1/createUser", query_string=query).status_code == 200
    assert api.client.simulate_get("/v1/sessions/s1").status_code == 404
