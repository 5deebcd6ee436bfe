"""Junk never gives a 500 and never hangs: generated requests in process, raw bytes over a socket."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import GenerationMode

from openmetrics.testing.client import Running, running
from openmetrics.testing.process import ServerProcess, server

EXAMPLES = 8
PATIENCE_S = 10.0
NEGATIVE = GenerationMode.NEGATIVE


@pytest.fixture(scope="module")
def application() -> Iterator[Running]:
    with running() as found:
        found.client.simulate_post(
            "/v1/collect", json={"name": "signup", "user_id": "ada", "session_id": "s1"}
        )
        yield found


def test_generated_requests_give_no_server_error(application: Running) -> None:
    api = schemathesis.openapi.from_wsgi("/openapi.json", application.client.app)
    operations = [result.ok() for result in api.get_all_operations()]
    assert len(operations) > 40
    for operation in operations:
        try_operation(operation)


def try_operation(operation: Any) -> None:
    """Send valid and invalid requests to one operation."""

    @hypothesis.given(case=operation.as_strategy() | operation.as_strategy(generation_mode=NEGATIVE))
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(case: Any) -> None:
        response = case.call(headers={"Host": "127.0.0.1"})
        assert response.status_code < 500, response.text

    send()


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with server(store="memory", access_log="false") as found:
        yield found


SEEDS = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b'GET /v1/events?q={"sessionId":"s","events":[{"name":"a"}]} HTTP/1.1\r\nHost: 127.0.0.1\r\n'
    b"Connection: close\r\n\r\n",
    b"POST /v1/collect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 15\r\nConnection: close\r\n\r\n{"name": "abc"}',
    b"POST /v1/collect HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    b'c\r\n{"name":"a"}\r\n0\r\n\r\n',
    b"GET /api/report?tags=a%3Ab&last=30d HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b"GET /t.gif?type=a&tags=b,c&userId=9 HTTP/1.0\r\n\r\n",
    b"GET /v1/users/%ff%fe/timeline HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
)


def mutate(seed: bytes, chance: random.Random) -> bytes:
    """Change, drop, double or insert a few bytes."""
    junk = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(junk) + 1)
        what = chance.randrange(4)
        if what == 0:
            junk[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 5)))
        elif what == 1:
            del junk[at : at + chance.randint(1, 9)]
        elif what == 2:
            junk[at : at + 1] = bytes([chance.randrange(256)])
        else:
            junk[at:at] = junk[max(0, at - 20) : at]
    return bytes(junk)


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes, say that no more will come, and return the answer's first line."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
        except ConnectionResetError:
            pass
        return answer.partition(b"\r\n")[0]


@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_raw_requests_are_answered_unharmed(process: ServerProcess, seed: bytes) -> None:
    status = exchange(process.port, seed).split(b" ")[1]
    assert status in (b"200", b"202", b"404")


@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_raw_junk_gives_no_server_error_and_no_hang(process: ServerProcess, seed: bytes) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        request = mutate(seed, chance)
        first_line = exchange(process.port, request)
        assert b" 500 " not in first_line, request
    assert process.is_ready()


def test_raw_chunked_body_is_read_to_its_end(process: ServerProcess) -> None:
    body = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (b'[{"name":', b'"a"},{"na', b'me":"b"}]')
    )
    head = SEEDS[3].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", process.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + body + b"0\r\n\r\n")
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 202")
    assert answer.endswith(b'{"accepted":2,"rejected":[],"warnings":[]}')
