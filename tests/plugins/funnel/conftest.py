"""Random journeys, the naive search, and applications with events in them."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from openmetrics.query.times import parse_time
from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock
from openmetrics_plugins.funnel.model import Event, Exclusion, Rules

NOW = "2026-11-25T12:00:00Z"
VALUES = ((), ("a",), ("b",), ("c",), ("a", "b"))


class Draw:
    """Draw rules and journeys: few times, names and values, so that ties and repeats are common."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def rules(self) -> Rules:
        choice = self.random.choice
        steps, order = choice((2, 2, 3, 3, 4, 5)), choice(("ordered", "ordered", "strict", "any"))
        in_order = order != "any"
        is_total = in_order and self.maybe(0.2)
        return Rules(
            steps=steps,
            window_ms=choice((1, 2, 3, 5, 100)),
            order=order,
            within=tuple(
                choice((0, 1, 2)) if k and in_order and self.maybe(0.25) else None for k in range(steps)
            ),
            optional=tuple(k > 0 and in_order and self.maybe(0.12) for k in range(steps)),
            is_first_entry=in_order and not is_total and self.maybe(0.2),
            is_total=is_total,
            grace_ms=choice((0, 0, 0, 1, 2)) if order == "ordered" else 0,
            exclusions=tuple(self.exclusion(steps, in_order) for _ in range(choice((0, 0, 1, 2)))),
            attribution=choice(("none", "first", "last", "step", "step", "all")),
            attributed=self.random.randrange(steps),
            start_ms=choice((-100, -100, 0, 2)),
            end_ms=choice((100, 100, 4)),
            intervals=choice(((), (-1000, 2, 4, 6))),
        )

    def exclusion(self, steps: int, in_order: bool) -> Exclusion:
        if not in_order:
            return Exclusion(0, steps - 1)
        first = self.random.randrange(steps - 1)
        return Exclusion(first, self.random.randrange(first + 1, steps), self.maybe(0.5))

    def events(self, rules: Rules, held: int = 0, most: int = 7) -> list[Event]:
        span, is_single = self.random.choice((2, 5, 9, 30)), self.random.choice((0.7, 1))
        times = sorted(self.random.randrange(span) for _ in range(self.random.randrange(1, most + 1)))
        return [self.event(time, rules, held, self.maybe(is_single)) for time in times]

    def event(self, time: int, rules: Rules, held: int, is_single: bool) -> Event:
        rand, steps = self.random, 1 << self.random.randrange(rules.steps)
        if not is_single:
            steps = rand.randrange(0 if rules.order == "strict" else 1, 1 << rules.steps)
        excluded = rand.randrange(1 << len(rules.exclusions)) if self.maybe(0.35) else 0
        kept = tuple(rand.choice(VALUES[:4] if self.maybe(0.9) else VALUES) for _ in range(held))
        return Event(time, steps, excluded, rand.choice(VALUES), kept)


@pytest.fixture(scope="session")
def draw() -> Callable[[int], Draw]:
    """Start to draw from a seed."""
    return Draw


@pytest.fixture(scope="session")
def naive() -> dict[str, Any]:
    """The second reading of the page."""
    return runpy.run_path(str(Path(__file__).with_name("naive.py")))


@pytest.fixture(scope="session")
def holding() -> Callable[..., AbstractContextManager[Running]]:
    """Run an application at a set time, with events sent to it."""

    @contextmanager
    def hold(events: list[dict[str, Any]], now: str = NOW, **settings: Any) -> Iterator[Running]:
        # NOTE: events are sent long afterwards, since those in the future do not keep their time.
        clock = FixedClock(parse_time("2030-01-01T00:00:00Z"))
        # NOTE: the first question of an installation waits for the compiler.
        with running(clock, **{"query_timeout_s": 280, **settings}) as app:
            if events:
                sent = app.client.simulate_post("/v1/collect", json=events)
                assert (sent.status_code, sent.json["accepted"]) == (202, len(events)), sent.text
            clock.time_ms = parse_time(now)
            yield app

    return hold


@pytest.fixture(scope="session")
def ask() -> Callable[..., dict[str, Any]]:
    """Ask a question, and return the answer."""

    def post(app: Running, question: dict[str, Any], path: str = "") -> dict[str, Any]:
        response = app.client.simulate_post(f"/v1/analyses/funnel{path}", json=question)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json
        return document

    return post
