"""The forms of a body that `/v1/collect` takes, its receipts, and what it survives."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from openmetrics.testing.client import Running

A, B = {"name": "a", "user_id": "u"}, {"name": "b", "user_id": "u"}
NDJSON = {"Content-Type": "application/x-ndjson"}
BOM = b"\xef\xbb\xbf"


def to_lines(*events: Any, end: bytes = b"\n") -> bytes:
    return end.join(json.dumps(event).encode() for event in events) + end


def read_names(app: Running) -> dict[str, int]:
    """Return the stored events' names with counts."""
    rows = app.client.simulate_get("/v1/catalog/events").json["events"]
    return {row["name"]: row["count"] for row in rows}


@pytest.mark.parametrize(
    ("body", "headers", "count"),
    [
        pytest.param(json.dumps(A), {}, 1, id="single"),
        pytest.param(json.dumps([A, B]), {}, 2, id="array"),
        pytest.param(json.dumps({"events": [A, B]}), {}, 2, id="wrapped"),
        pytest.param("[]", {}, 0, id="empty-array"),
        pytest.param('{"events": []}', {}, 0, id="empty-wrapped"),
        pytest.param(to_lines(A, B), NDJSON, 2, id="ndjson-by-type"),
        pytest.param(to_lines(A), NDJSON, 1, id="ndjson-of-one"),
        pytest.param(b"", NDJSON, 0, id="ndjson-empty"),
        pytest.param(to_lines(A, B), {}, 2, id="ndjson-by-looks"),
        pytest.param(to_lines(A, B), {"Content-Type": "application/json"}, 2, id="ndjson-called-json"),
        pytest.param(to_lines(A, B, end=b"\r\n"), NDJSON, 2, id="ndjson-crlf"),
        pytest.param(b"\n" + to_lines(A) + b"\n  \n" + to_lines(B), NDJSON, 2, id="ndjson-blank-lines"),
        pytest.param(to_lines(A, B).rstrip(), NDJSON, 2, id="ndjson-without-last-newline"),
        pytest.param(BOM + json.dumps(A).encode(), {}, 1, id="bom"),
        pytest.param(BOM + to_lines(A, B), NDJSON, 2, id="bom-ndjson"),
        pytest.param(json.dumps(A), {"Content-Type": "text/plain;charset=UTF-8"}, 1, id="beacon"),
        pytest.param(json.dumps(A), {"Content-Type": "application/octet-stream"}, 1, id="other-type"),
        pytest.param(b"\n\t " + json.dumps(A, indent=2).encode() + b"\n", {}, 1, id="pretty"),
        pytest.param(gzip.compress(json.dumps([A, B]).encode()), {}, 2, id="gzip-by-magic"),
        pytest.param(
            gzip.compress(json.dumps(A).encode()), {"Content-Encoding": "gzip"}, 1, id="gzip-by-header"
        ),
        pytest.param(json.dumps(A), {"Content-Encoding": "gzip"}, 1, id="gzip-by-header-only"),
        pytest.param(gzip.compress(to_lines(A, B)), NDJSON, 2, id="gzip-ndjson"),
        pytest.param(
            gzip.compress(b'[{"name":"a"},') + gzip.compress(b'{"name":"b"}]'), {}, 2, id="gzip-members"
        ),
        pytest.param('{"name": "x", "name": "a"}', {}, 1, id="doubled-member"),
        pytest.param('{"name": "events", "properties": {"events": 1}}', {}, 1, id="event-named-events"),
    ],
)
def test_collect_takes_every_form(app: Running, body: Any, headers: dict[str, str], count: int) -> None:
    response = app.client.simulate_post("/v1/collect", body=body, headers=headers)
    assert response.status_code == 202, response.text
    assert response.json == {"accepted": count, "rejected": [], "warnings": []}
    assert sum(read_names(app).values()) == count


def test_collect_of_doubled_members_the_last_counts(app: Running) -> None:
    app.client.simulate_post("/v1/collect", body='{"name": "first", "name": "last"}')
    assert read_names(app) == {"last": 1}


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        pytest.param(gzip.compress(b"[1]" * 1000)[:-9], {}, "malformed-json", id="gzip-cut"),
        pytest.param(b"\x1f\x8b" + b"junk" * 10, {}, "malformed-json", id="gzip-damaged"),
        pytest.param(gzip.compress(b"\0" * 3_000_000), {}, "payload-too-large", id="gzip-bomb"),
        pytest.param(
            b"".join([gzip.compress(b" " * 700_000)] * 4), {}, "payload-too-large", id="gzip-bomb-members"
        ),
        pytest.param(b"x" * 300_000, {}, "payload-too-large", id="too-long"),
        pytest.param("[" * 100_000, {}, "malformed-json", id="deep-array"),
        pytest.param('{"a":' * 30_000, {}, "malformed-json", id="deep-object"),
        pytest.param('{"name": "a", "value": 1e999}', {}, "malformed-json", id="infinite"),
        pytest.param('{"name": "a", "value": NaN}', {}, "malformed-json", id="nan"),
        pytest.param('{"name": "\\ud800"}', {}, "malformed-json", id="lone-surrogate"),
        pytest.param('{"name": "a", "value": ' + "9" * 1001 + "}", {}, "malformed-json", id="long-number"),
        pytest.param("name=a&user=b", {}, "malformed-json", id="form"),
        pytest.param(b"\xff\xfe{\x00}\x00", {}, "malformed-json", id="utf-16"),
        pytest.param("5", {}, "schema-violation", id="number"),
        pytest.param("null", {}, "schema-violation", id="null"),
        pytest.param('{"events": {"name": "a"}}', {}, "schema-violation", id="wrapped-object"),
        pytest.param('{"events": [], "batch": 1}', {}, "schema-violation", id="wrapped-unknown-member"),
        pytest.param("[[1]]", {}, "schema-violation", id="array-in-array"),
    ],
)
def test_collect_refuses(
    start: Any, assert_problem: Any, body: Any, headers: dict[str, str], code: str
) -> None:
    with start(body_bytes=200_000, unpacked_bytes=2_000_000) as app:
        assert_problem(app.client.simulate_post("/v1/collect", body=body, headers=headers), code)
        assert read_names(app) == {}


@pytest.mark.parametrize(
    ("form", "pointer"),
    [("array", "/1/time"), ("wrapped", "/1/time"), ("lines", "/1/time")],
)
def test_collect_bad_event_takes_no_neighbour_with_it(app: Running, form: str, pointer: str) -> None:
    events = [A, {"name": "b", "time": "31 February"}, {"name": "c"}]
    bodies = {
        "array": json.dumps(events),
        "wrapped": json.dumps({"events": events}),
        "lines": to_lines(*events),
    }
    receipt = app.client.simulate_post("/v1/collect", body=bodies[form])
    assert receipt.status_code == 202
    assert receipt.json["accepted"] == 2
    [rejection] = receipt.json["rejected"]
    assert rejection["index"] == 1
    assert rejection["code"] == "schema-violation"
    assert rejection["pointer"] == "/time"
    assert "31 February" in rejection["detail"] or "time" in rejection["detail"]
    assert rejection.get("line") == (2 if form == "lines" else None)
    assert read_names(app) == {"a": 1, "c": 1}


def test_collect_bad_line_takes_no_neighbour_with_it(app: Running) -> None:
    body = to_lines(A) + b"{broken\n\n" + to_lines(B)
    receipt = app.client.simulate_post("/v1/collect", body=body, headers=NDJSON).json
    assert receipt["accepted"] == 2
    assert [(row["index"], row["line"], row["code"]) for row in receipt["rejected"]] == [
        (1, 2, "malformed-json")
    ]


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": 5}, "/name"),
        ({"name": "a", "colour": "red"}, "/colour"),
        ({"name": "a", "user_id": ""}, "/user_id"),
        ({"name": "a", "user_id": "x" * 257}, "/user_id"),
        ({"name": "a", "user_id": "a\nb"}, "/user_id"),
        ({"name": "a", "user_id": "ä" * 257}, "/user_id"),
        ({"name": "a", "session_id": {"a": 1}}, "/session_id"),
        ({"name": "a", "event_id": True}, "/event_id"),
        ({"name": "a", "time": "2026-02-30"}, "/time"),
        ({"name": "a", "time": 1e17}, "/time"),
        ({"name": "a", "properties": []}, "/properties"),
        ({"name": "a", "active": "no"}, "/active"),
        ({"a/b~c": 1, "name": "a"}, "/a~1b~0c"),
    ],
)
def test_collect_points_at_the_thing_itself(
    app: Running, assert_problem: Any, event: dict[str, Any], pointer: str
) -> None:
    document = assert_problem(
        app.client.simulate_post("/v1/collect", json=event), "schema-violation", pointer
    )
    assert document["rejected"] == [
        {
            "index": 0,
            "code": "schema-violation",
            "detail": document["rejected"][0]["detail"],
            "pointer": pointer,
        }
    ]


def test_collect_nothing_accepted_lists_every_event(app: Running, assert_problem: Any) -> None:
    response = app.client.simulate_post("/v1/collect", json=[{"name": ""}, {"name": 1}, 7])
    document = assert_problem(response, "schema-violation")
    assert [row["index"] for row in document["rejected"]] == [0, 1, 2]
    assert document["accepted"] == 0


def test_collect_one_event_over_its_limit_is_refused_alone(start: Any) -> None:
    with start(event_bytes=1_000) as app:
        big = {"name": "big", "data": "x" * 2_000}
        receipt = app.client.simulate_post("/v1/collect", json=[A, big]).json
        assert receipt["accepted"] == 1
        assert [(row["index"], row["code"]) for row in receipt["rejected"]] == [(1, "payload-too-large")]


def test_collect_nesting_is_counted_from_the_top_of_the_body(app: Running) -> None:
    def nest(levels: int) -> Any:
        return json.loads("[" * levels + "]" * levels)

    single = {"name": "a", "data": nest(63)}
    assert app.client.simulate_post("/v1/collect", json=single).status_code == 202
    assert app.client.simulate_post("/v1/collect", json={"name": "a", "data": nest(64)}).status_code != 202
    assert app.client.simulate_post("/v1/collect", json=[{"name": "a", "data": nest(62)}]).status_code == 202
    assert app.client.simulate_post("/v1/collect", json=[single]).status_code != 202


def test_collect_same_id_counts_as_accepted_and_is_stored_once(app: Running) -> None:
    event = {**A, "event_id": "order-1", "time": "2026-11-01T10:00:00Z"}
    for _ in range(2):
        assert app.client.simulate_post("/v1/collect", json=[event, event]).json["accepted"] == 2
    assert read_names(app) == {"a": 1}


def test_collect_any_json_comes_back_as_it_was_sent(app: Running) -> None:
    sent = {
        "name": "buy", "user_id": "u", "value": 123456789012345678901234567890,
        "properties": {"a.b": [1, "x", None], "$p": 1.5, "": "blank", "ключ": {"deep": [True]}},
        "data": {"any": ["thing", {"at": "all"}]}, "fields": {"mail": "a@b"},
        "context": {"page": {"url": "/"}},
    }  # fmt: skip
    body = json.dumps(sent, ensure_ascii=False).encode()
    assert app.client.simulate_post("/v1/collect", body=body).status_code == 202
    [found] = json.loads(app.client.simulate_get("/v1/users/u/timeline").content)["events"]
    assert {name: found[name] for name in sent} == sent


def test_collect_an_event_needs_no_actor(app: Running) -> None:
    app.client.simulate_post("/v1/collect", json={"name": "deploy"})
    assert read_names(app) == {"deploy": 1}
    assert app.client.simulate_get("/v1/users").json["users"] == []


def test_identify_answers_a_receipt(app: Running, assert_problem: Any) -> None:
    link = {"session_id": "s1", "user_id": "ada", "properties": {"plan": "pro"}}
    assert app.client.simulate_post("/v1/identify", json=link).json == {
        "accepted": 1, "rejected": [], "warnings": []
    }  # fmt: skip
    user = app.client.simulate_get("/v1/users/ada").json
    assert user["properties"] == {"plan": "pro"}
    assert [stay["session_id"] for stay in user["sessions"]] == ["s1"]
    refused = app.client.simulate_post("/v1/identify", json={"properties": {"plan": "pro"}})
    assert_problem(refused, "schema-violation")
    assert_problem(
        app.client.simulate_post("/v1/identify", json={**link, "colour": 1}), "schema-violation", "/colour"
    )
