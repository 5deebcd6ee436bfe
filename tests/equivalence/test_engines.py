"""Every engine answers random questions about random events exactly as the reference does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from openmetrics.ingest.event import Event
from openmetrics.query.model import AggregateQuery, EventsQuery
from openmetrics.settings import load_settings
from openmetrics.store.base import Deletion, Engine, Page, Row, Store
from openmetrics.store.duckdb import ENGINE as DUCKDB
from openmetrics.store.elastic import ENGINE as ELASTICSEARCH
from openmetrics.store.memory import MemoryStore
from openmetrics.testing.journeys import random_events, repeat_events
from openmetrics.testing.questions import Question, random_questions
from openmetrics.testing.write_contract import put, read_facts

COLUMNS = (
    "id",
    "time",
    "received",
    "name",
    "user_id",
    "session_key",
    "active",
    "value_num",
    "props.a.b",
    "num.*",
)


@dataclass(frozen=True)
class Candidate:
    """An engine to compare, and how many random stores it can be tried with in reasonable time."""

    engine: Engine
    examples: int
    settings: Callable[[pytest.FixtureRequest], dict[str, Any]]


def _elasticsearch_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "elasticsearch_url": request.getfixturevalue("elasticsearch_url"),
        "elasticsearch_index_prefix": request.getfixturevalue("index_prefix"),
    }


CANDIDATES = (
    pytest.param(Candidate(DUCKDB, 60, lambda request: {}), id="duckdb"),
    pytest.param(
        Candidate(ELASTICSEARCH, 25, _elasticsearch_settings),
        id="elasticsearch",
        marks=pytest.mark.elasticsearch,
    ),
)


@pytest.fixture(params=CANDIDATES)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    """Name the engine to compare with the reference."""
    return request.param


@pytest.fixture
def store(candidate: Candidate, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Open an empty store of that engine."""
    given_settings = {"data_dir": str(tmp_path), **candidate.settings(request)}
    store = candidate.engine.open(load_settings(given_settings, environ={}))
    store.ensure_schema()
    yield store
    store.close()


@pytest.mark.timeout(900)
def test_engine_answers_as_memory_does(candidate: Candidate, store: Store) -> None:
    @settings(
        max_examples=candidate.examples,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(random_events(), st.lists(random_questions(), min_size=8, max_size=12))
    def agree(events: list[Event], questions: list[Question]) -> None:
        reference = MemoryStore()
        lines = repeat_events(events)
        store.delete(Deletion((), periods=tuple(part.period for part in store.partitions())))
        assert put(store, lines) == put(reference, lines)
        assert _scanned(store) == _scanned(reference)
        for question in questions:
            note(f"{question}")
            assert _answer(store, question) == _answer(reference, question)

    agree()


def _answer(store: Store, question: Question) -> Any:
    if isinstance(question, AggregateQuery):
        return [_rounded(row) for row in store.aggregate(question)]
    if isinstance(question, EventsQuery):
        return list(_pages(store, question))
    return store.values(question)


def _pages(store: Store, question: EventsQuery) -> Iterator[Page]:
    page = store.events(question)
    yield page
    while page.next is not None:
        page = store.events(replace(question, cursor=page.next))
        yield page


class Near(float):
    """A float that equals another within 1e-9 of either."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and math.isclose(self, other, rel_tol=1e-9, abs_tol=1e-9)

    __hash__ = float.__hash__


def _rounded(row: Row) -> Row:
    figures = (Near(figure) if isinstance(figure, float) else figure for figure in row.figures)
    return replace(row, figures=tuple(figures))


def _scanned(store: Store) -> list[dict[str, Any]]:
    """Read some columns of all events, without what engines number as they like."""
    rows = [
        {name: row[name] or None if isinstance(row[name], list) else row[name] for name in COLUMNS}
        for row in read_facts(store, "event", COLUMNS)
    ]
    return sorted(rows, key=lambda row: (row["time"], row["id"]))
