"""An application that imports, and a way to wait for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.client import Running, running

Import = Callable[..., dict[str, Any]]


@pytest.fixture
def app() -> Iterator[Running]:
    """An application on the memory engine."""
    with running() as application:
        yield application


@pytest.fixture(scope="module")
def busy() -> Iterator[Running]:
    """One application for all tests that leave nothing behind, or do not mind."""
    with running() as application:
        yield application


@pytest.fixture(scope="session")
def bring() -> Import:
    """Send a file to an application and return the job when it has ended."""

    def send(app: Running, content: bytes, **query: str) -> dict[str, Any]:
        answer = app.client.simulate_post("/v1/import", body=content, params=query)
        assert answer.status_code == 202, answer.text
        deadline = time.monotonic() + 60
        while True:
            job: dict[str, Any] = app.client.simulate_get(f"/v1/import/{answer.json['job']}").json
            if job["state"] in ("done", "failed"):
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.02)

    return send


@pytest.fixture(scope="session")
def take_out() -> Callable[..., list[dict[str, Any]]]:
    """Export from an application and return the records, without cursors."""

    def read(app: Running, **query: str) -> list[dict[str, Any]]:
        answer = app.client.simulate_get("/v1/export", params=query)
        assert answer.status_code == 200, answer.text
        records = [json.loads(line) for line in answer.content.splitlines()]
        assert records[-1]["kind"] == "end"
        return [record for record in records if record["kind"] not in ("cursor", "end")]

    return read


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes | str], Path]:
    """Write a file into the test's folder."""

    def make(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make
