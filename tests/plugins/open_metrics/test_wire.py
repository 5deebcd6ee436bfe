"""The bytes that real clients send, against a really started server (rows 17 to 20)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from openmetrics.testing.process import ServerProcess, server


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    """Run one server for all tests of this module."""
    with server(store="memory") as running:
        yield running


def exchange(process: ServerProcess, request: bytes) -> tuple[int, str]:
    """Send bytes on a connection of their own; return the status and the body of the answer."""
    with socket.create_connection(("127.0.0.1", process.port), timeout=30) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\naccess-control-allow-origin: *" in head.lower() or b" 414 " in head[:20], head
    return int(head.split(b" ", 2)[1]), body.decode()


def get_raw(process: ServerProcess, target: str) -> tuple[int, str]:
    """Send a GET as the Node client does: nothing in the target is escaped."""
    host = f"127.0.0.1:{process.port}"
    return exchange(
        process, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1")
    )


def look(process: ServerProcess, path: str) -> Any:
    with urlopen(f"{process.url}{path}", timeout=30) as answer:
        return json.load(answer)


def node_q(**q: Any) -> str:
    return json.dumps(q, separators=(",", ":"))


def names_of(process: ServerProcess, session_id: str) -> list[str]:
    events = look(process, f"/v1/sessions/{session_id}/timeline?order=oldest&limit=1000")["events"]
    return [event["name"] for event in events]


def test_node_client_as_recorded(process: ServerProcess) -> None:
    target = '/v1/events?q={"events":[{"name":"hasLoggedIn","ts":1795294510467}],"sessionId":"J9Emm9Zey9"}'
    assert get_raw(process, target) == (200, "ok")
    event = look(process, "/v1/sessions/J9Emm9Zey9/timeline")["events"][0]
    assert (event["name"], event["time"]) == ("hasLoggedIn", "2026-11-21T20:55:10.467Z")


def test_browser_client_as_recorded(process: ServerProcess) -> None:
    events = "[{%22name%22:%22it%27s%20%C3%A9t%C3%A9%22,%22ts%22:1795294510467}]"
    target = f"/v1/events?q={{%22events%22:{events},%22sessionId%22:%22web1%22}}"
    assert get_raw(process, target) == (200, "ok")
    assert names_of(process, "web1") == ["it's été"]


@pytest.mark.parametrize(
    "text", ["a&b", "a+b", "100%", "%41%zz", "#1", "a#b&c=d", "[{}]", "?q=", "~!$'()*,;:@/"]
)
def test_row_20_raw_characters_survive(process: ServerProcess, text: str) -> None:
    session_id = f"raw-{text.encode().hex()}"
    target = f"/v1/events?q={node_q(events=[{'name': text}], sessionId=session_id)}"
    assert get_raw(process, target) == (200, "ok")
    assert names_of(process, session_id) == [text]


@pytest.mark.parametrize("size", [5_000, 100_000, 250_000])
def test_row_19_long_q_is_taken(process: ServerProcess, size: int) -> None:
    session_id = f"long-{size}"
    q = node_q(events=[{"name": "e", "props": {"text": "x" * size}}], sessionId=session_id)
    assert get_raw(process, f"/v1/events?q={q}") == (200, "ok")
    assert names_of(process, session_id) == ["e"]


def test_row_19_longer_q_is_a_clear_414(process: ServerProcess) -> None:
    q = node_q(events=[{"name": "e", "props": {"text": "x" * 300_000}}], sessionId="longer")
    status, body = get_raw(process, f"/v1/events?q={q}")
    assert status == 414
    assert body


def test_row_17_concurrent_first_requests_make_one_session_and_one_user(process: ServerProcess) -> None:
    start = threading.Barrier(12)

    def send(number: int) -> tuple[int, str]:
        start.wait(10)
        if number % 3 == 0:
            return get_raw(process, f"/v1/createUser?q={node_q(sessionId='burst')}")
        if number % 3 == 1:
            return get_raw(process, f"/v1/setUserId?q={node_q(sessionId='burst', uid='burst-user')}")
        return get_raw(process, f"/v1/events?q={node_q(events=[{'name': 'e'}], sessionId='burst')}")

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(send, range(12))) == {(200, "ok")}
    assert look(process, "/v1/sessions/burst")["user_id"] == "burst-user"
    user = look(process, "/v1/users/burst-user")
    assert [session["session_id"] for session in user["sessions"]] == ["burst"]
    assert user["events"] == 8
    users = look(process, "/v1/users?prefix=burst")["users"]
    assert [row["user_id"] for row in users] == ["burst-user"]


def test_row_18_set_user_id_racing_events_ends_the_same_whichever_is_first(process: ServerProcess) -> None:
    def race(number: int) -> None:
        session_id, user_id = f"race-s{number}", f"race-u{number}"
        requests = [
            f"/v1/setUserId?q={node_q(uid=user_id, sessionId=session_id)}",
            f"/v1/events?q={node_q(events=[{'name': 'first'}], sessionId=session_id)}",
            f"/v1/setUserProps?q={node_q(props={'n': number}, sessionId=session_id)}",
        ]
        order = requests[number % 3 :] + requests[: number % 3]
        with ThreadPoolExecutor(3) as pool:
            assert set(pool.map(lambda target: get_raw(process, target), order)) == {(200, "ok")}

    for number in range(6):
        race(number)
    for number in range(6):
        user = look(process, f"/v1/users/race-u{number}")
        assert (user["events"], user["properties"]) == (1, {"n": number})
        events = look(process, f"/v1/users/race-u{number}/timeline")["events"]
        assert [(event["user_id"], event["sent_user_id"]) for event in events] == [(f"race-u{number}", None)]


def test_post_chunked_and_gzip(process: ServerProcess) -> None:
    document = node_q(events=[{"name": "e"}], sessionId="chunked").encode()
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(document), document)
    head = f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{process.port}\r\nConnection: close\r\n"
    assert exchange(process, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk) == (200, "ok")
    assert names_of(process, "chunked") == ["e"]


def test_readme_examples_by_address(process: ServerProcess) -> None:
    for action, q in (
        ("ping", None),
        ("createUser", {"sessionId": "doc"}),
        (
            "events",
            {"sessionId": "doc", "events": [{"name": "signup", "props": {"plan": "pro"}, "ts": 1795294510}]},
        ),
        ("setUserId", {"sessionId": "doc", "userId": "doc-user"}),
        ("setUserProps", {"sessionId": "doc", "props": {"company": "Acme"}}),
    ):
        query = "" if q is None else f"?q={quote(json.dumps(q))}"
        with urlopen(f"{process.url}/v1/{action}{query}", timeout=30) as answer:
            assert answer.read() == (b"pong" if q is None else b"ok")
    assert look(process, "/v1/users/doc-user")["properties"] == {"company": "Acme"}
