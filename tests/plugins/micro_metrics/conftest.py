"""Give each test a server of its own, on each engine that needs no other server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock

NOW_MS = 1_795_617_234_567  # 2026-11-25T14:33:54.567Z


class Api:
    """Speak micro-metrics' API to a server in this process."""

    def __init__(self, server: Running, clock: FixedClock) -> None:
        self.client = server.client
        self.server = server.server
        self.clock = clock

    def post(self, path: str, body: Any, **options: Any) -> Any:
        """Post JSON, as bytes without a content type if it is bytes; return Falcon's result."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.simulate_post(path, body=data, **options)

    def track(self, **metric: Any) -> Any:
        """Record one metric and return it as answered."""
        result = self.post("/api/track", metric)
        assert result.status_code == 200, result.text
        return result.json

    def get(self, path: str, headers: Any = None, **query: str) -> Any:
        """Get a path with a query and return Falcon's result."""
        return self.client.simulate_get(path, query_string=urlencode(query), headers=headers)

    def ask(self, path: str, **query: str) -> Any:
        """Get a path with a query, expect 200, and return the JSON."""
        result = self.get(path, **query)
        assert result.status_code == 200, result.text
        return result.json

    def found(self, **query: str) -> list[Any]:
        """Return the types that a report finds, in order."""
        return [metric["type"] for metric in self.ask("/api/report", **query)["results"]]

    def refused(self, path: str, **query: str) -> Any:
        """Get a path, expect a 400 in micro-metrics' shape, and return its message."""
        result = self.get(path, **query)
        assert result.status_code == 400, result.text
        assert result.json["statusCode"] == 400
        assert result.json["error"] == "Bad Request"
        return result.json["message"]


@pytest.fixture(params=("memory", "duckdb"))
def store(request: pytest.FixtureRequest) -> str:
    """Name the engine."""
    return str(request.param)


@pytest.fixture
def api(store: str) -> Iterator[Api]:
    """Run a server whose clock stands still."""
    clock = FixedClock(NOW_MS)
    with running(clock, store=store) as server:
        yield Api(server, clock)
