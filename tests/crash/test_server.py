"""Kill the whole server under load, and cut it off from its store: every event is there once."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.crash.proxy import Network

CLIENTS = 4
BATCH = 5


class Server:
    """`openmetrics serve` in a session of its own."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENMETRICS_")}
        given = {"data_dir": str(data_dir), "port": str(self.port), "access_log": "false", **settings}
        self._environ = clean | {f"OPENMETRICS_{name.upper()}": value for name, value in given.items()}
        self._log = data_dir.with_suffix(".log")

    def start(self) -> None:
        """Start and return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "openmetrics", "serve"],
                env=self._environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait()

    def wait(self) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/health/live")[0] == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the server did not start:\n{self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def kill_workers(self) -> None:
        """End the processes that serve, and leave their parent to start others."""
        pid = self._process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end and check that it does so in peace."""
        self._process.terminate()
        assert self._process.wait(60) == 0, self._log.read_text()[-3000:]

    def ask(self, method: str, path: str, body: Any = None, timeout_s: float = 60) -> tuple[int, Any]:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def count(self) -> int:
        """Return how many events there are, patiently: a question may come again while much is pending."""
        deadline = time.monotonic() + 120
        while True:
            status, found = self.ask("GET", "/v1/catalog/events")
            if status == 200:
                return sum(int(row["count"]) for row in found["events"])
            assert status == 503, found
            assert found["code"] in ("preparing", "store-unavailable"), found
            assert time.monotonic() < deadline, found
            time.sleep(0.2)


class Load:
    """Clients that send batches, each again and again until it is acknowledged."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = threading.Event()
        self.acked = [0] * CLIENTS
        self.refusals: list[Any] = []
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> int:
        """Let every client bring home what it has begun; return the events acknowledged."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()
        return sum(self.acked)

    def _send(self, client: int) -> None:
        number = 0
        while not self._stop.is_set():
            events = [
                {
                    "event_id": f"{client}-{number}-{n}",
                    "name": f"step {n}",
                    "time": "2026-11-25T12:00:00Z",
                    "session_id": f"s{client}",
                    "properties": {"number": number, f"of client {client}": n},
                }
                for n in range(BATCH)
            ]
            self._send_until_acknowledged({"events": events})
            self.acked[client] += BATCH
            number += 1
            time.sleep(0.01)  # enough is going on at any moment, and the machine has other work

    def _send_until_acknowledged(self, body: Any) -> None:
        while True:
            try:
                status, answer = self._server.ask("POST", "/v1/collect", body)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if status == 202:
                assert answer["accepted"] == BATCH
                return
            self.refusals.append((status, answer))
            time.sleep(0.05)


@pytest.fixture
def duckdb_server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    yield server
    server.kill()


@pytest.fixture
def network(elasticsearch_url: str) -> Iterator[Network]:
    network = Network(elasticsearch_url)
    yield network
    network.cut()


@pytest.fixture
def elastic_server(tmp_path: Path, network: Network, index_prefix: str) -> Iterator[Server]:
    server = Server(
        tmp_path / "data",
        store="elasticsearch",
        workers="2",
        elasticsearch_url=network.url,
        elasticsearch_index_prefix=index_prefix,
    )
    yield server
    server.kill()


def check_rounds(server: Server) -> None:
    """Kill the server ten times under load, its workers alone in every second round, and count."""
    generator = random.Random(20261125)
    server.start()
    load = Load(server)
    for round in range(10):
        time.sleep(generator.uniform(0.2, 1.0))
        if round % 2:
            server.kill_workers()
            server.wait()
        else:
            server.kill()
            server.start()
        assert server.count() >= 0
    acked = load.finish()
    assert acked > 10 * BATCH
    assert {status for status, _ in load.refusals} <= {503}
    assert server.count() == acked
    server.stop()
    server.start()
    assert server.count() == acked


@pytest.mark.slow
def test_duckdb_server_killed_ten_times_has_every_event_once(duckdb_server: Server) -> None:
    check_rounds(duckdb_server)


@pytest.mark.slow
@pytest.mark.elasticsearch
def test_elasticsearch_server_killed_ten_times_has_every_event_once(elastic_server: Server) -> None:
    check_rounds(elastic_server)


@pytest.mark.slow
@pytest.mark.elasticsearch
def test_elasticsearch_away_for_a_while_costs_no_event_and_no_client_notices(
    elastic_server: Server, network: Network
) -> None:
    elastic_server.start()
    load = Load(elastic_server)
    time.sleep(1)
    network.cut()
    time.sleep(3)
    before = sum(load.acked)
    time.sleep(3)
    assert sum(load.acked) > before
    begun = time.monotonic()
    status, problem = elastic_server.ask("GET", "/v1/catalog/events")
    assert status == 503
    assert problem["code"] in ("store-unavailable", "preparing")
    assert time.monotonic() - begun < 35
    elastic_server.kill_workers()
    network.join()
    elastic_server.wait()
    acked = load.finish()
    assert load.refusals == []
    assert elastic_server.count() == acked
    elastic_server.stop()
