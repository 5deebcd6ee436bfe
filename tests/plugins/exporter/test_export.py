"""An export holds everything once, in any format, from any cursor on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pyarrow import parquet

from openmetrics.testing.client import Running, running

EVENTS: list[dict[str, Any]] = [
    {
        "event_id": f"e{n}", "name": ("buy", "vi\new", 'q"\\')[n % 3],
        "time": f"2024-0{1 + n % 3}-01T00:00:{n:02}Z",
        "user_id": ("u1", None)[n % 2], "session_id": f"s{n % 5}", "value": (1, 2.5, None, "x")[n % 4],
        "properties": {"n": n, "big": 10**30 + n, "dot.ted": [1, {"a": None}], "ü": "é\u2028"},
        **({"fields": {"mail": "a@b"}, "data": {"x": 1}, "context": {"os": "x"}} if n % 2 else {}),
        **({"source": "w"} if n % 3 else {}),
    }
    for n in range(30)
]  # fmt: skip
IDENTIFIES = [
    {"session_id": "s1", "user_id": "u2", "time": "2024-02-01", "properties": {"plan": "pro"}},
    {"user_id": "u1", "add": {"n": 2}, "unset": ["x"], "time": "2024-02-01"},
    {"user_id": "u3", "properties": {"x": 1}, "time": "2024-02-01"},
]


@pytest.fixture(scope="module", params=["memory", "duckdb"])
def app(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(store=request.param) as application:
        client = application.client
        assert client.simulate_post("/v1/collect", json=EVENTS).json["accepted"] == len(EVENTS)
        for body in IDENTIFIES:
            assert client.simulate_post("/v1/identify", json=body).status_code == 202
        assert client.simulate_post("/v1/users/u1/merge", json={"from": "u3"}).status_code == 200
        yield application


def test_every_fact_is_there_once(app: Running, take_out: Any) -> None:
    records = take_out(app)
    events = [record for record in records if record["kind"] == "event"]
    assert sorted(event["event_id"] for event in events) == sorted(event["event_id"] for event in EVENTS)
    for event in events:
        sent = EVENTS[int(event["event_id"][1:])]
        assert {name: event[name] for name in ("name", "value", "properties")} == {
            name: sent[name] for name in ("name", "value", "properties")
        }
        assert event.get("sent_user_id", event["user_id"]) == sent["user_id"]
    kinds = {record["kind"] for record in records}
    assert kinds == {"names", "event", "link", "operation", "merge"}
    operations = {(record["op"], json.dumps(record["content"])) for record in records if "op" in record}
    assert operations == {
        ("set", '{"plan": "pro"}'),
        ("add", '{"n": 2}'),
        ("unset", '["x"]'),
        ("set", '{"x": 1}'),
    }


def test_owners_are_those_of_the_moment(app: Running, take_out: Any) -> None:
    events = take_out(app, kinds="events")
    owners = {event["event_id"]: event["user_id"] for event in events}
    for event in events:
        path = "/v1/sessions/" + event["session_id"] + "/timeline"
        shown = app.client.simulate_get(path).json["events"]
        assert owners[event["event_id"]] == next(
            row["user_id"] for row in shown if row["event_id"] == event["event_id"]
        )


@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet"])
def test_pieces_make_the_whole(app: Running, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmetrics_plugins.exporter.reading.ROWS", 4)
    query = {"kinds": "events", "format": format, "piece": "true"}
    content: list[bytes] = []
    while True:
        answer = app.client.simulate_get("/v1/export", params=query)
        assert answer.status_code == 200, answer.text
        if not answer.headers["next-cursor"]:
            break
        content.append(answer.content)
        query["cursor"] = answer.headers["next-cursor"]
    assert len(content) > 5
    if format == "parquet":
        ids = [id for part in content for id in parquet.read_table(io.BytesIO(part))["event_id"].to_pylist()]
    elif format == "csv":
        ids = [row["event_id"] for row in csv.DictReader(io.StringIO(b"".join(content).decode(), newline=""))]
    else:
        ids = [json.loads(line)["event_id"] for line in b"".join(content).splitlines()]
    assert sorted(ids) == sorted(event["event_id"] for event in EVENTS)


@pytest.mark.parametrize("query", [{}, {"filter": '{"field": "props.n", "op": "gte", "value": 10}'}])
def test_any_cursor_goes_on_behind_it(
    app: Running, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openmetrics_plugins.exporter.reading.ROWS", 3)
    monkeypatch.setattr("openmetrics_plugins.exporter.reading.PAGE", 3)
    lines = app.client.simulate_get("/v1/export", params=query).content.splitlines()
    records = [json.loads(line) for line in lines]
    for place, record in enumerate(records):
        if record["kind"] == "cursor":
            rest = app.client.simulate_get("/v1/export", params={**query, "cursor": record["cursor"]})
            assert rest.content.splitlines()[:-1] == lines[place + 1 : -1]


def test_filters_and_ranges(app: Running, take_out: Any) -> None:
    def ids(**query: str) -> set[str]:
        return {event["event_id"] for event in take_out(app, **query)}

    assert ids(filter='{"field": "name", "op": "eq", "value": "buy"}') == {f"e{n}" for n in range(0, 30, 3)}
    assert ids(**{"from": "2024-02-01", "to": "2024-03-01"}) == {f"e{n}" for n in range(1, 30, 3)}
    owned = ids(filter='{"field": "user_id", "op": "eq", "value": "u2"}')
    assert owned == {event["event_id"] for event in take_out(app, kinds="events") if event["user_id"] == "u2"}


def test_profiles_are_as_they_are_now(app: Running, take_out: Any) -> None:
    assert take_out(app, kinds="profiles") == [
        {"kind": "profile", "user_id": "u1", "properties": {"n": 2, "x": 1}},
        {"kind": "profile", "user_id": "u2", "properties": {"plan": "pro"}},
    ]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"format": "xml"}, "/format"),
        ({"kinds": "event"}, "/kinds"),
        ({"kinds": "events,links", "format": "csv"}, "/kinds"),
        ({"kinds": "links", "from": "2024-01-01"}, "/kinds"),
        ({"from": "never"}, "/from"),
        ({"from": "2024-02-01", "to": "2024-01-01"}, "/to"),
        ({"filter": "{"}, "/filter"),
        ({"filter": '{"segment": "x"}'}, "/filter"),
        ({"filter": '{"field": "user.plan", "op": "exists"}'}, "/filter"),
        ({"cursor": "x"}, "/cursor"),
        ({"piece": "1"}, "/piece"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_bad_parameters_are_pointed_at(app: Running, query: dict[str, str], pointer: str) -> None:
    answer = app.client.simulate_get("/v1/export", params=query)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_a_cursor_belongs_to_its_question(app: Running) -> None:
    answer = app.client.simulate_get("/v1/export", params={"piece": "true"})
    cursor = answer.headers["next-cursor"]
    other = app.client.simulate_get("/v1/export", params={"kinds": "links", "cursor": cursor})
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (422, "/cursor")
