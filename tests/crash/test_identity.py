"""Two servers on one Elasticsearch: users stay who they are, and erased, whatever dies or is cut off."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.crash.proxy import Network
from tests.crash.test_server import Server
from tests.equivalence.identity_model import Model, check_lookups, draw, rename, to_request

CLIENTS = 4
SEGMENTS = 3
ACTIONS = 25

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]


@pytest.fixture
def network(elasticsearch_url: str) -> Iterator[Network]:
    network = Network(elasticsearch_url)
    yield network
    network.cut()


@pytest.fixture
def servers(
    tmp_path: Path, network: Network, elasticsearch_url: str, index_prefix: str
) -> Iterator[tuple[Server, Server]]:
    """Two servers with data folders of their own; the second can be cut off from the store."""
    found = [
        Server(
            tmp_path / name, store="elasticsearch", elasticsearch_url=url,
            elasticsearch_index_prefix=index_prefix,
        )
        for name, url in (("first", elasticsearch_url), ("second", network.url))
    ]  # fmt: skip
    for server in found:
        server.start()
    yield found[0], found[1]
    for server in found:
        server.kill()


def ask(server: Server, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask until there is an answer: servers die here, and stores are away."""
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline, f"{method} {path} has no answer"
        try:
            status, answer = server.ask(method, path, body)
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
            continue
        if status < 500:
            return status, answer
        time.sleep(0.2)


def get(server: Server, path: str, **query: Any) -> Any:
    """Return an answer, or None where nothing is found."""
    status, found = ask(server, "GET", f"{path}?{urlencode(query)}")
    assert status in (200, 404), found
    return found if status == 200 else None


def wait_complete(server: Server, id: str) -> None:
    deadline = time.monotonic() + 60
    while (found := get(server, f"/v1/erasures/{id}"))["state"] != "complete":
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert len(found["folders"]) == 2


def test_erased_user_stays_erased_though_another_server_had_its_events_in_the_spool(
    servers: tuple[Server, Server], network: Network
) -> None:
    first, second = servers
    for server, name in ((first, "here"), (second, "there")):
        assert ask(server, "POST", "/v1/collect", {"name": name, "user_id": "u", "session_id": "s"})[0] == 202
    assert get(first, "/v1/users/u") is not None
    network.cut()
    for _ in range(3):
        assert ask(second, "POST", "/v1/collect", {"name": "late", "user_id": "u"})[0] == 202
        assert ask(second, "POST", "/v1/collect", {"name": "late", "session_id": "s"})[0] == 202
    status, erasure = ask(first, "DELETE", "/v1/users/u")
    assert (status, erasure["state"]) == (202, "running")
    assert get(first, "/v1/users/u") is None
    second.kill()
    network.join()
    second.start()
    wait_complete(first, erasure["id"])
    for server in servers:
        assert get(server, "/v1/users/u") is None
        assert get(server, "/v1/sessions/s") is None
        assert get(server, "/v1/catalog/events")["events"] == []
    ask(second, "POST", "/v1/collect", {"name": "new", "user_id": "u", "session_id": "s"})
    assert get(second, "/v1/users/u")["events"] == 1


class Client(threading.Thread):
    """Send random facts of users of its own to both servers, erase one of them, and go on."""

    def __init__(self, number: int, servers: tuple[Server, Server]) -> None:
        super().__init__()
        self.round = f"c{number}"
        self.model = Model()
        self.fault: BaseException | None = None
        self._servers = servers
        self._random = random.Random(number)

    def run(self) -> None:
        """Send all segments."""
        try:
            for _ in range(SEGMENTS):
                self._send_segment()
                self._erase(f"{self.round}u{self._random.randrange(4)}")
            self._send_segment()
        except BaseException as fault:
            self.fault = fault

    def _send_segment(self) -> None:
        facts = [rename(draw(self._random), self.round) for _ in range(ACTIONS)]
        facts = [fact for fact in facts if fact.kind not in ("merge", "unmerge")]
        for fact in facts + self._random.sample(facts, 5):
            path, body = to_request(fact)
            status, answer = ask(self._random.choice(self._servers), "POST", path, body)
            assert (status, answer["rejected"]) == (202, [])
        self.model.facts += facts

    def _erase(self, user: str) -> None:
        """Erase a user, once what both servers have of it is there to be seen."""
        if self.model.is_known(user):
            for server in self._servers:
                get(server, f"/v1/users/{user}")
            status, answer = ask(self._random.choice(self._servers), "DELETE", f"/v1/users/{user}")
            assert status in (202, 404), answer
            if status == 404:  # done by a server that died before it could say so: its time may yet come
                time.sleep(2)
            self.model.erase(user)


def test_two_servers_random_traffic_and_kills_equal_the_model(servers: tuple[Server, Server]) -> None:
    clients = [Client(number, servers) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    generator = random.Random(1)
    while any(client.is_alive() for client in clients):
        time.sleep(generator.uniform(1, 3))
        victim = generator.choice(servers)
        victim.kill()
        victim.start()
    for client in clients:
        client.join(300)
        assert client.fault is None, client.fault
    for server in servers:
        get(server, "/v1/users")
    for client in clients:
        for server in servers:
            check_lookups(
                lambda path, server=server, **query: get(server, path, **query), client.model, client.round
            )
