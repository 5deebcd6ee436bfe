"""Applications with events in them, and questions to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from openmetrics.query.times import parse_time
from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock

NOW = "2026-11-25T12:00:00Z"


@pytest.fixture(scope="session")
def holding() -> Callable[..., AbstractContextManager[Running]]:
    """Run an application at a set time, with events sent to it."""

    @contextmanager
    def hold(events: list[dict[str, Any]], now: str = NOW, **settings: Any) -> Iterator[Running]:
        # NOTE: events are sent long afterwards, since those in the future do not keep their time.
        clock = FixedClock(parse_time("2030-01-01T00:00:00Z"))
        with running(clock, **settings) as app:
            sent = app.client.simulate_post("/v1/collect", json=events)
            assert (sent.status_code, sent.json["accepted"]) == (202, len(events)), sent.text
            clock.time_ms = parse_time(now)
            yield app

    return hold


@pytest.fixture(scope="session")
def ask() -> Callable[..., dict[str, Any]]:
    """Ask a question, and return the answer."""

    def post(app: Running, question: dict[str, Any], path: str = "") -> dict[str, Any]:
        response = app.client.simulate_post(f"/v1/analyses/trends{path}", json=question)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json
        return document

    return post
