"""Users, sessions, timelines, lists and merges, as their clients see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock

NOW_MS = 1_795_617_234_567
NOW = "2026-11-25T14:33:54.567Z"


class Api:
    """Speak to a server in this process whose clock stands still."""

    def __init__(self, server: Running, clock: FixedClock) -> None:
        self.client = server.client
        self.clock = clock

    def collect(self, *events: Any) -> None:
        """Send events."""
        result = self.client.simulate_post("/v1/collect", body=json.dumps(events))
        assert result.status_code == 202, result.text
        assert not result.json["rejected"], result.text

    def event(self, name: str, **members: Any) -> None:
        """Send one event."""
        self.collect({"name": name, **members})

    def identify(self, **body: Any) -> None:
        """Link a session or change a profile."""
        result = self.client.simulate_post("/v1/identify", body=json.dumps(body))
        assert result.status_code == 202, result.text

    def get(self, path: str, **query: Any) -> Any:
        """Get an answer."""
        result = self.client.simulate_get(path, query_string=urlencode(query))
        assert result.status_code == 200, result.text
        return result.json

    def merge(self, keep: str, other: Any) -> Any:
        """Merge two users; return Falcon's result."""
        return self.client.simulate_post(f"/v1/users/{keep}/merge", body=json.dumps({"from": other}))

    def refused(self, path: str, method: str = "GET", body: Any = None, **query: Any) -> Any:
        """Expect a problem; return its code, its first pointer (None if there is none) and its detail."""
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        result = self.client.simulate_request(method, path, query_string=urlencode(query), body=data)
        assert result.headers["content-type"] == "application/problem+json", result.text
        problem = result.json
        assert result.status_code == problem["status"]
        pointer = problem["errors"][0]["pointer"] if problem["errors"] else None
        return problem["code"], pointer, problem["detail"]


@pytest.fixture(params=("memory", "duckdb"))
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """Run a server on each engine that needs no other server."""
    clock = FixedClock(NOW_MS)
    with running(clock, store=str(request.param)) as server:
        yield Api(server, clock)


def at(day: int) -> str:
    return f"2026-11-{day:02}T12:00:00.000Z"


def test_user_with_profile_sessions_and_extent(api: Api) -> None:
    api.event("visit", session_id="s1", time=at(1))
    api.event("signup", session_id="s1", user_id="u1", time=at(2))
    api.event("order", user_id="u1", time=at(5))
    api.identify(session_id="s1", user_id="u2", time=at(4))
    api.identify(user_id="u1", properties={"plan": "pro"}, add={"orders": 2})
    assert api.get("/v1/users/u1") == {
        "user_id": "u1",
        "properties": {"plan": "pro", "orders": 2},
        "sessions": [{"session_id": "s1", "linked": at(2), "until": at(4)}],
        "first_seen": at(1),
        "last_seen": at(5),
        "events": 3,
    }
    assert api.get("/v1/users/u2") == {
        "user_id": "u2",
        "properties": {},
        "sessions": [{"session_id": "s1", "linked": at(4)}],
        "first_seen": None,
        "last_seen": None,
        "events": 0,
    }


@pytest.mark.parametrize(
    "fact",
    [
        pytest.param({"event": {"name": "e", "user_id": "u1"}}, id="an event"),
        pytest.param({"identify": {"session_id": "s1", "user_id": "u1"}}, id="a link"),
        pytest.param({"identify": {"user_id": "u1", "properties": {"a": 1}}}, id="a property"),
        pytest.param({"identify": {"user_id": "u1"}}, id="nothing but its id"),
    ],
)
def test_user_exists_once_something_named_it(api: Api, fact: Any) -> None:
    assert api.refused("/v1/users/u1")[0] == "not-found"
    assert api.refused("/v1/users/u1/timeline")[0] == "not-found"
    for action, body in fact.items():
        getattr(api, action)(**body)
    assert api.get("/v1/users/u1")["user_id"] == "u1"
    assert api.get("/v1/users/u1/timeline")["user_id"] == "u1"
    assert [user["user_id"] for user in api.get("/v1/users")["users"]] == ["u1"]


def test_event_as_stored(api: Api) -> None:
    sent = {
        "event_id": "e1",
        "time": at(1),
        "name": "order",
        "user_id": "u1",
        "session_id": "s1",
        "properties": {"n": 10**30, "x": 1.5, "deep": {"a": [None]}},
        "fields": {"mail": "a@b.c"},
        "value": None,
        "data": [1],
        "context": {"page": {"url": "x"}},
        "source": "shop",
        "active": False,
    }
    api.collect(sent)
    assert api.get("/v1/users/u1/timeline")["events"] == [{**sent, "received": NOW}]


def test_event_shows_its_owner_and_what_was_sent(api: Api) -> None:
    api.event("visit", session_id="s1", time=at(1))
    [event] = api.get("/v1/sessions/s1/timeline")["events"]
    assert (event["user_id"], event["value"], "sent_user_id" in event) == (None, 1, False)
    api.identify(session_id="s1", user_id="u1")
    [event] = api.get("/v1/sessions/s1/timeline")["events"]
    assert (event["user_id"], event["sent_user_id"]) == ("u1", None)


def test_timeline_pages_across_sessions_both_ways(api: Api) -> None:
    api.identify(session_id="s1", user_id="u1", time=at(1))
    api.identify(session_id="s2", user_id="u1", time=at(2))
    names = [f"e{n}" for n in range(10)]
    api.collect(
        *({"name": name, "session_id": f"s{n % 2 + 1}", "time": at(n + 3)} for n, name in enumerate(names))
    )
    api.event("other", session_id="s3")
    for order, expected in (("oldest", names), ("newest", names[::-1])):
        found: list[str] = []
        query: dict[str, Any] = {"order": order, "limit": 3}
        while True:
            page = api.get("/v1/users/u1/timeline", **query)
            found += [event["name"] for event in page["events"]]
            assert ("links" in page) == ("cursor" not in query)
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert found == expected
    page = api.get("/v1/users/u1/timeline", name="e4")
    assert [event["name"] for event in page["events"]] == ["e4"]
    assert page["links"] == [{"session_id": "s1", "time": at(1)}, {"session_id": "s2", "time": at(2)}]


def test_timeline_default_is_newest_first_a_hundred_a_page(api: Api) -> None:
    api.collect(*({"name": f"e{n}", "user_id": "u1", "time": 1_795_000_000 + n} for n in range(101)))
    page = api.get("/v1/users/u1/timeline")
    assert [event["name"] for event in page["events"]] == [f"e{n}" for n in range(100, 0, -1)]
    assert page["next"]


def test_session_with_owners_over_time(api: Api) -> None:
    api.event("visit", session_id="s1", time=at(1))
    anonymous = {"user_id": None, "users": [], "properties": {}, "profile": {}, "events": 1}
    assert api.get("/v1/sessions/s1") == {
        "session_id": "s1", **anonymous, "first_seen": at(1), "last_seen": at(1),
    }  # fmt: skip
    api.identify(session_id="s1", user_id="u1", time=at(2), properties={"plan": "pro"})
    api.identify(session_id="s1", user_id="u2", time=at(4))
    api.collect(
        {"name": "a", "session_id": "s1", "time": at(3)}, {"name": "b", "session_id": "s1", "time": at(5)}
    )
    session = api.get("/v1/sessions/s1")
    assert (session["user_id"], session["events"]) == ("u2", 3)
    assert session["users"] == [
        {"user_id": "u1", "linked": at(2), "until": at(4)},
        {"user_id": "u2", "linked": at(4)},
    ]
    timeline = api.get("/v1/sessions/s1/timeline", order="oldest")
    assert [event["user_id"] for event in timeline["events"]] == ["u1", "u1", "u2"]
    assert timeline["links"] == [{"user_id": "u1", "time": at(2)}, {"user_id": "u2", "time": at(4)}]
    assert [event["name"] for event in api.get("/v1/users/u2/timeline")["events"]] == ["b"]


def test_unknown_session_is_not_found(api: Api) -> None:
    for path in ("/v1/sessions/s9", "/v1/sessions/s9/timeline"):
        code, _, detail = api.refused(path)
        assert code == "not-found"
        assert "'s9'" in detail


@pytest.mark.parametrize("id", ["a/b", "-", "ä ö", "a?b#c", "%2F", ".."])
def test_ids_that_do_not_fit_in_a_path(api: Api, id: str) -> None:
    api.event("e", user_id=id, session_id=id)
    for kind in ("user", "session"):
        assert api.get(f"/v1/{kind}s/-", id=id)[f"{kind}_id"] == id
        assert len(api.get(f"/v1/{kind}s/-/timeline", id=id)["events"]) == 1


def test_id_in_both_or_in_no_place_is_refused(api: Api) -> None:
    for path in ("/v1/users/-", "/v1/users/-/timeline", "/v1/sessions/-", "/v1/sessions/-/timeline"):
        assert api.refused(path)[:2] == ("invalid-query", "/id")
        assert api.refused(path, id="")[:2] == ("invalid-query", "/id")
        assert api.refused(path.replace("-", "u1"), id="u2")[:2] == ("invalid-query", "/id")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 0}, "/limit"), ({"limit": 1001}, "/limit"), ({"limit": "x"}, "/limit"),
        ({"order": "random"}, "/order"), ({"cursor": "junk"}, "/cursor"), ({"cursor": "WzFd"}, "/cursor"),
        ({"offset": 1}, "/offset"),
    ],
)  # fmt: skip
def test_timeline_bad_parameters_are_refused(api: Api, query: Any, pointer: str) -> None:
    api.event("e", user_id="u1", session_id="s1")
    for path in ("/v1/users/u1/timeline", "/v1/sessions/s1/timeline"):
        assert api.refused(path, **query)[:2] == ("invalid-query", pointer)


def test_users_are_listed_by_id_in_pages(api: Api) -> None:
    ids = [f"u{n:02}" for n in range(7)]
    for n, id in enumerate(ids):
        if n % 2:
            api.identify(user_id=id, properties={"n": n})
        else:
            api.event("e", user_id=id)
    api.event("e", session_id="anonymous")
    api.event("e", user_id="v1")
    found: list[Any] = []
    query: dict[str, Any] = {"prefix": "u", "page_size": 3}
    while True:
        page = api.get("/v1/users", **query)
        found += page["users"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert [user["user_id"] for user in found] == ids
    assert found[3]["properties"] == {"n": 3}


def test_users_are_filtered_by_profile(api: Api) -> None:
    api.identify(user_id="a", properties={"plan": "pro", "seats": 5})
    api.identify(user_id="b", properties={"plan": "free", "tags": ["x", 1]})
    api.event("e", user_id="c")
    for filter, expected in (
        ({"field": "user.plan", "op": "eq", "value": "pro"}, ["a"]),
        ({"field": "user.plan", "op": "ne", "value": "pro"}, ["b", "c"]),
        ({"field": "user.seats", "op": "between", "value": [5, 9]}, ["a"]),
        ({"field": "user.tags", "op": "eq", "value": 1}, ["b"]),
        ({"field": "user.plan", "op": "missing"}, ["c"]),
        ({"not": {"any": [{"field": "user.plan", "op": "in", "value": ["pro", "x"]}]}}, ["b", "c"]),
        ({"all": []}, ["a", "b", "c"]),
        ({"any": []}, []),
    ):
        page = api.get("/v1/users", filter=json.dumps(filter))
        assert [user["user_id"] for user in page["users"]] == expected, filter
    page = api.get("/v1/users", filter=json.dumps({"not": {"any": []}}), page_size=2)
    assert page["next"]
    rest = api.get("/v1/users", filter=json.dumps({"not": {"any": []}}), page_size=2, cursor=page["next"])
    assert [user["user_id"] for user in rest["users"]] == ["c"]


@pytest.mark.parametrize(
    ("filter", "pointer"),
    [
        ("{", "/filter"), ("[]", "/filter"), ('{"field":"user.a"}', "/filter/op"), ('{"op":"eq"}', "/filter"),
        ('{"field":"props.a","op":"exists"}', "/filter/field"),
        ('{"all":[{"field":"name","op":"exists"}]}', "/filter/all/0/field"),
        ('{"any":[{"not":{"field":"user.a","op":"is"}}]}', "/filter/any/0/not/op"),
        ('{"field":"user.a","op":"eq","value":null}', "/filter/value"),
    ],
)  # fmt: skip
def test_users_bad_filters_are_refused(api: Api, filter: str, pointer: str) -> None:
    assert api.refused("/v1/users", filter=filter)[:2] == ("invalid-query", pointer)


def test_users_bad_parameters_are_refused(api: Api) -> None:
    assert api.refused("/v1/users", page_size=1001)[:2] == ("invalid-query", "/page_size")
    assert api.refused("/v1/users", cursor="x")[:2] == ("invalid-query", "/cursor")
    assert api.refused("/v1/users", q="x")[:2] == ("invalid-query", "/q")


def test_merge_and_its_undoing(api: Api) -> None:
    api.event("a", user_id="keep", time=at(1))
    api.event("b", user_id="other", session_id="s1", time=at(2))
    api.event("c", session_id="s1", time=at(3))
    api.identify(user_id="keep", properties={"plan": "pro"})
    api.identify(user_id="other", properties={"plan": "free", "city": "Graz"})
    for _ in range(2):
        result = api.merge("keep", "other")
        assert (result.status_code, result.json) == (200, {"user_id": "keep", "merged": "other"})
    api.event("d", user_id="other", time=at(4))
    keep = api.get("/v1/users/keep")
    assert (keep["events"], keep["properties"]) == (4, {"plan": "pro", "city": "Graz"})
    assert keep["merged"] == ["other"]
    assert api.get("/v1/users/other") == {**keep, "merged_into": "keep"}
    events = api.get("/v1/users/other/timeline", order="oldest")
    assert (events["user_id"], events["merged_into"]) == ("keep", "keep")
    assert [event["name"] for event in events["events"]] == ["a", "b", "c", "d"]
    assert {event["user_id"] for event in events["events"]} == {"keep"}
    assert [event.get("sent_user_id", "same") for event in events["events"]] == [
        "same",
        "other",
        None,
        "other",
    ]
    assert [user["user_id"] for user in api.get("/v1/users")["users"]] == ["keep"]
    api.clock.advance(1)
    assert api.client.simulate_delete("/v1/users/keep/merge/other").status_code == 204
    assert api.get("/v1/users/keep")["events"] == 1
    assert api.get("/v1/users/other")["properties"] == {"plan": "free", "city": "Graz"}
    assert api.refused("/v1/users/keep/merge/other", "DELETE")[0] == "not-found"
    api.clock.advance(1)
    assert api.merge("keep", "other").status_code == 200
    assert api.get("/v1/users/keep")["events"] == 4


def test_merge_that_cannot_be_is_refused(api: Api) -> None:
    for id in ("a", "b", "c"):
        api.event("e", user_id=id)
    assert api.merge("a", "b").status_code == 200
    assert api.refused("/v1/users/b/merge", "POST", {"from": "a"})[0] == "conflict"
    assert api.refused("/v1/users/c/merge", "POST", {"from": "b"})[0] == "conflict"
    assert api.refused("/v1/users/x/merge", "POST", {"from": "a"})[0] == "not-found"
    assert api.refused("/v1/users/a/merge", "POST", {"from": "x"})[0] == "not-found"
    assert api.merge("c", "a").status_code == 200
    assert api.get("/v1/users/b")["merged_into"] == "c"
    assert api.refused("/v1/users/b/merge", "POST", {"from": "c"})[0] == "conflict"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "schema-violation", "/from"), ({"from": None}, "schema-violation", "/from"),
        ({"from": True}, "schema-violation", "/from"), ({"from": ""}, "schema-violation", "/from"),
        ({"from": ["b"]}, "schema-violation", "/from"), ({"from": "a"}, "schema-violation", "/from"),
        ({"from": "b", "to": "c"}, "schema-violation", "/to"), ([], "schema-violation", ""),
        ("{", "malformed-json", None), ("", "malformed-json", None),
    ],
)  # fmt: skip
def test_merge_bad_bodies_are_refused(api: Api, body: Any, code: str, pointer: str) -> None:
    api.event("e", user_id="a")
    assert api.refused("/v1/users/a/merge", "POST", body)[:2] == (code, pointer)


def test_merge_of_numeric_ids_and_of_ids_that_do_not_fit_in_a_path(api: Api) -> None:
    for id in (1, 2, "a/b", "-"):
        api.event("e", user_id=id)
    assert api.merge("1", 2).json == {"user_id": "1", "merged": "2"}
    merged = api.client.simulate_post("/v1/users/-/merge", query_string="id=a/b", body='{"from": "-"}')
    assert merged.json == {"user_id": "a/b", "merged": "-"}
    api.clock.advance(1)
    query = f"id={quote('a/b')}&from=-"
    assert api.client.simulate_delete("/v1/users/-/merge/-", query_string=query).status_code == 204
    assert api.get("/v1/users/-", id="-")["user_id"] == "-"


def test_head_of_a_lookup(api: Api) -> None:
    api.event("e", user_id="u1")
    assert api.client.simulate_head("/v1/users/u1").status_code == 200
    assert api.client.simulate_head("/v1/users/u2").status_code == 404


REFUSED = ("null", " Undefined", "0", 0, "anonymous", "GUEST", "[object Object]", "  ", "NaN", "our-own")


@pytest.fixture
def guarded() -> Iterator[Api]:
    """Run a server that refuses a user id of its own."""
    clock = FixedClock(NOW_MS)
    with running(clock, refused_user_ids="our-own") as server:
        yield Api(server, clock)


@pytest.mark.parametrize("user_id", REFUSED)
def test_refused_user_id_leaves_an_event_without_a_user(guarded: Api, user_id: Any) -> None:
    body = json.dumps([{"name": "a", "user_id": user_id, "session_id": "s1"}, {"name": "b", "user_id": "0x"}])
    result = guarded.client.simulate_post("/v1/collect", body=body)
    assert (result.status_code, result.json["accepted"]) == (202, 2)
    [warning] = result.json["warnings"]
    assert (warning["code"], warning["pointer"]) == ("user-id-refused", "/0/user_id")
    [event] = guarded.get("/v1/sessions/s1/timeline")["events"]
    assert (event["name"], event["user_id"]) == ("a", None)
    assert [user["user_id"] for user in guarded.get("/v1/users")["users"]] == ["0x"]
    assert 'events_refused_total{reason="user-id"} 1.0' in guarded.client.simulate_get("/metrics").text


@pytest.mark.parametrize("user_id", REFUSED)
def test_refused_user_id_cannot_be_identified(guarded: Api, user_id: Any) -> None:
    body = {"session_id": "s1", "user_id": user_id, "properties": {"a": 1}}
    assert guarded.refused("/v1/identify", "POST", body)[:2] == ("schema-violation", "/user_id")
    assert guarded.get("/v1/users")["users"] == []
    guarded.refused("/v1/sessions/s1")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({}, "", id="no ids"),
        pytest.param({"properties": {"a": 1}}, "", id="no ids but properties"),
        pytest.param({"session_id": None, "user_id": None}, "", id="null ids"),
        pytest.param({"session_id": "x", "user_id": "x"}, "/user_id", id="to itself"),
        pytest.param({"user_id": "u", "add": {"n": "1"}}, "/add/n", id="add of text"),
        pytest.param({"user_id": "u", "unset": "n"}, "/unset", id="unset of no list"),
        pytest.param({"user_id": "u", "set_once": []}, "/set_once", id="set_once of no object"),
        pytest.param({"user_id": "u", "multiply": {"n": 2}}, "/multiply", id="unknown operation"),
        pytest.param({"user_id": "u", "time": "tomorrow"}, "/time", id="bad time"),
    ],
)
def test_bad_identify_is_refused_and_changes_nothing(api: Api, body: Any, pointer: str) -> None:
    code, found, detail = api.refused("/v1/identify", "POST", body)
    assert (code, found) == ("schema-violation", pointer)
    assert len(detail) > 20
    assert api.get("/v1/users")["users"] == []


def test_add_to_text_leaves_the_text(api: Api) -> None:
    api.identify(user_id="u", properties={"n": "many"}, time=at(1))
    api.identify(user_id="u", add={"n": 1}, time=at(2))
    assert api.get("/v1/users/u")["properties"] == {"n": "many"}


def test_user_with_very_many_sessions_stays_fast_and_is_reported(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openmetrics.identity.crowds.MANY_SESSIONS", 1_000)
    api.collect(*({"name": "e", "session_id": f"s{n:05}", "user_id": "bot"} for n in range(1_200)))
    found = api.get("/v1/users/bot")
    assert (found["events"], found["sessions_total"], len(found["sessions"])) == (1_200, 1_200, 1_000)
    assert "openmetrics_identity_crowded_users_total 1.0" in api.client.simulate_get("/metrics").text
    assert [record.message for record in caplog.records if "'bot'" in record.message]
    monkeypatch.setattr("openmetrics.identity.expansion.MOST_SESSIONS", 1_100)
    for path in ("/v1/users/bot", "/v1/users/bot/timeline"):
        assert api.refused(path)[0] == "query-too-large"
