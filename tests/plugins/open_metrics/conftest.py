"""Give each test a server of its own, on each engine that needs no other server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock

NOW_MS = 1_795_617_234_567  # 2026-11-25T14:33:54.567Z


class Api:
    """Speak the OpenMetrics logging API to a server in this process, and look at what became of it."""

    def __init__(self, server: Running, clock: FixedClock) -> None:
        self.client = server.client
        self.server = server.server
        self.clock = clock

    def send(self, action: str, **q: Any) -> Any:
        """Send `GET /v1/<action>?q={...}`, properly encoded, and return Falcon's result."""
        return self.client.simulate_get(f"/v1/{action}", query_string=f"q={quote(json.dumps(q))}")

    def send_ok(self, action: str, **q: Any) -> Any:
        """Send an action and expect `ok`."""
        result = self.send(action, **q)
        assert (result.status_code, result.text) == (200, "ok")
        return result

    def send_raw(self, action: str, query: str) -> Any:
        """Send an action with a raw query string."""
        return self.client.simulate_get(f"/v1/{action}", query_string=query)

    def send_refused(self, action: str, status: int = 400, **q: Any) -> str:
        """Send an action, expect a refusal in plain text, and return it."""
        result = self.send(action, **q)
        assert (result.status_code, result.headers["content-type"]) == (status, "text/plain; charset=utf-8")
        assert result.headers["access-control-allow-origin"] == "*"
        return str(result.text)

    def log(self, session_id: Any, *events: Any) -> None:
        """Log events of a session."""
        self.send_ok("events", sessionId=session_id, events=list(events))

    def look(self, path: str, **query: str) -> Any:
        """Get one of the server's own answers."""
        result = self.client.simulate_get(path, query_string=urlencode(query))
        assert result.status_code == 200, result.text
        return result.json

    def timeline(self, session_id: str, **query: str) -> Any:
        """Return the events of a session, oldest first."""
        return self.look("/v1/sessions/-/timeline", id=session_id, order="oldest", **query)["events"]

    def user(self, user_id: str) -> Any:
        """Return a user."""
        return self.look(f"/v1/users/{user_id}")

    def session(self, session_id: str) -> Any:
        """Return a session."""
        return self.look(f"/v1/sessions/{session_id}")


@pytest.fixture(params=("memory", "duckdb"))
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """Run a server whose clock stands still."""
    clock = FixedClock(NOW_MS)
    with running(clock, store=str(request.param)) as server:
        yield Api(server, clock)
