"""Erasing users: gone everywhere, proven, and whoever comes later with the same id is somebody new."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from openmetrics.http.keys import create_key
from openmetrics.ingest.dead_letters import DeadLetter, read_letters, write_letters
from openmetrics.ingest.event import Event
from openmetrics.ingest.journal import iter_journal
from openmetrics.ingest.line import event_line
from openmetrics.testing.client import Running, running


@pytest.fixture(params=("memory", "duckdb"))
def api(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Run a server on each engine that needs no other server."""
    with running(store=str(request.param)) as server:
        yield server


def send(api: Running, path: str, body: Any) -> Any:
    result = api.client.simulate_post(path, body=json.dumps(body))
    assert result.status_code == 202, result.text
    assert result.json.get("rejected", []) == []
    return result.json


def get(api: Running, path: str, status: int = 200, **query: Any) -> Any:
    result = api.client.simulate_get(path, query_string=urlencode(query))
    assert result.status_code == status, result.text
    return result.json


def erase(api: Running, id: str) -> Any:
    result = api.client.simulate_delete("/v1/users/-", query_string=urlencode({"id": id}))
    assert result.status_code == 202, result.text
    assert result.headers["location"] == f"/v1/erasures/{result.json['id']}"
    return result.json


def wait_complete(api: Running, id: str) -> Any:
    deadline = time.monotonic() + 30
    while (found := get(api, f"/v1/erasures/{id}"))["state"] != "complete":
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def names(api: Running, path: str) -> list[str]:
    return sorted(event["name"] for event in get(api, path)["events"])


@pytest.fixture
def people(api: Running) -> Running:
    """Two users with a session of their own each and one that they share."""
    for user, session in (("u1", "s1"), ("u2", "s2"), ("u1", "shared"), ("u2", "shared")):
        send(api, "/v1/identify", {"session_id": session, "user_id": user})
    for user in ("u1", "u2"):
        send(api, "/v1/identify", {"user_id": user, "properties": {"mail": f"{user}@shop"}})
    send(api, "/v1/identify", {"session_id": "s1", "properties": {"colour": "red"}})
    send(api, "/v1/collect", [
        {"name": "by u1", "user_id": "u1"}, {"name": "in s1", "session_id": "s1"},
        {"name": "by u2", "user_id": "u2"}, {"name": "in s2", "session_id": "s2"},
        {"name": "by u2 in s1", "user_id": "u2", "session_id": "own"},
    ])  # fmt: skip
    return api


def test_erased_user_is_gone_and_others_stay(people: Running) -> None:
    found = erase(people, "u1")
    assert (found["id"], found["user_id"]) == (str(found["number"]), "u1")
    for path in ("/v1/users/u1", "/v1/users/u1/timeline", "/v1/sessions/s1"):
        get(people, path, 404)
    assert names(people, "/v1/users/u2/timeline") == ["by u2", "by u2 in s1", "in s2"]
    assert get(people, "/v1/users/u2")["properties"] == {"mail": "u2@shop"}
    assert [user["user_id"] for user in get(people, "/v1/users")["users"]] == ["u2"]
    counted = {row["name"]: row["count"] for row in get(people, "/v1/catalog/events")["events"]}
    assert counted == {"by u2": 1, "by u2 in s1": 1, "in s2": 1}


def test_erasure_is_proven_once_all_folders_have_passed_it(people: Running) -> None:
    begun = erase(people, "u1")
    done = wait_complete(people, begun["id"])
    assert [folder["applied"] for folder in done["folders"]] == [begun["number"]]
    assert done["folders"][0].keys() == {"folder", "host", "applied"}


def test_erased_user_may_come_back_as_somebody_new(people: Running) -> None:
    first = erase(people, "u1")
    send(people, "/v1/collect", {"name": "again", "user_id": "u1", "session_id": "s1", "time": "2026-01-01"})
    send(people, "/v1/collect", {"name": "before", "session_id": "s1", "time": "2025-12-31"})
    send(people, "/v1/identify", {"user_id": "u1", "properties": {"plan": "pro"}, "time": "2026-01-01"})
    assert names(people, "/v1/users/u1/timeline") == ["again", "before"]
    assert get(people, "/v1/users/u1")["properties"] == {"plan": "pro"}
    second = erase(people, "u1")
    assert second["number"] > first["number"]
    get(people, "/v1/users/u1", 404)


def test_erasing_one_erases_all_that_were_merged(people: Running) -> None:
    send_merge = people.client.simulate_post("/v1/users/u1/merge", body='{"from": "u2"}')
    assert send_merge.status_code == 200
    erase(people, "u2")
    for path in ("/v1/users/u1", "/v1/users/u2", "/v1/sessions/s1", "/v1/sessions/s2", "/v1/sessions/shared"):
        get(people, path, 404)


def test_unknown_user_and_unknown_erasure_are_not_found(api: Running) -> None:
    assert api.client.simulate_delete("/v1/users/nobody").status_code == 404
    for id in ("1", "x", "-1", "9" * 30):
        assert get(api, f"/v1/erasures/{id}", 404)["code"] == "not-found"


def test_erasing_needs_an_admin_key() -> None:
    with running(host="0.0.0.0") as api:
        key = create_key(api.server.store, api.server.clock, "read")
        headers = {"Authorization": f"Bearer {key}"}
        result = api.client.simulate_delete("/v1/users/u1", headers=headers)
        assert (result.status_code, result.json["code"]) == (403, "forbidden")
        result = api.client.simulate_get("/v1/erasures/1", headers=headers)
        assert result.status_code == 403


def test_journal_and_dead_letters_are_cleaned(people: Running) -> None:
    data_path: Path = people.server.settings.data_path
    lines = [event_line(Event(f"dead-{user}", 1, 1, "e", user))[:-1] for user in ("u1", "u2")]
    letters = [DeadLetter("refused", "the reason", line) for line in lines]
    letters += [DeadLetter("schema-violation", "door", b'{"userId":"u1","type":1}')]
    write_letters(data_path, "letters", letters, 1)
    get(people, "/v1/catalog/events")
    wait_for(lambda: any(b"in s1" in path.read_bytes() for path in iter_journal(data_path)))
    wait_complete(people, erase(people, "u1")["id"])
    kept = b"".join(path.read_bytes() for path in iter_journal(data_path))
    assert [word for word in (b"u1", b'"s1"') if word in kept] == []
    assert b"in s2" in kept
    assert [letter.line for letter in read_letters(data_path)] == lines[1:]


def wait_for(is_true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_line_received_before_is_dropped_whenever_it_comes(people: Running) -> None:
    road = people.server.road
    before_ms = people.server.clock.now_ms()
    erase(people, "u1")
    late = [
        Event("a", before_ms, before_ms, "late", "u1"),
        Event("b", before_ms, before_ms, "late", None, "s1"),
        Event("c", before_ms, before_ms, "kept", "u2", "s1"),
    ]
    road.spool.append(b"".join(map(event_line, late)))
    assert names(people, "/v1/sessions/s1/timeline") == ["kept"]
    get(people, "/v1/users/u1", 404)


def test_very_many_sessions_take_several_numbers(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmetrics.ingest.erasures.MAX_IDS", 3)
    for n in range(7):
        send(api, "/v1/collect", {"name": "e", "user_id": "u1", "session_id": f"s{n}"})
        send(api, "/v1/collect", {"name": "free", "session_id": f"s{n}"})
    found = erase(api, "u1")
    assert found["number"] % 3 == 0
    assert get(api, "/v1/catalog/events")["events"] == []
    assert wait_complete(api, found["id"])["state"] == "complete"
