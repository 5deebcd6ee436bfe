"""A filter means the same to plain Python, to the columns, and to what each engine counts by itself."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from openmetrics.columns.cache import ColumnCache, Limits, Question
from openmetrics.columns.slices import Plan
from openmetrics.identity.expansion import expand_filter
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import period_of
from openmetrics.query.match import matches
from openmetrics.query.model import AggregateQuery, All, AnyOf, Comparison, Field, Filter, Measure, Not
from openmetrics.query.nobody import asks_actor
from openmetrics.settings import load_settings
from openmetrics.store.base import Deletion, Engine, Store
from openmetrics.store.duckdb import ENGINE as DUCKDB
from openmetrics.store.elastic import ENGINE as ELASTICSEARCH
from openmetrics.store.memory import ENGINE as MEMORY
from openmetrics.testing.journeys import random_events, to_lines
from openmetrics.testing.questions import random_filters

TIMES = int(os.environ.get("OPENMETRICS_TEST_FILTERS_TIMES", "1"))
"""How many times as many histories as usual are tried."""
NOBODY = All((Comparison(Field("user_id"), "missing"), Comparison(Field("session_id"), "missing")))


@dataclass(frozen=True)
class Candidate:
    """An engine, and how many random histories it can be tried with."""

    engine: Engine
    examples: int


CANDIDATES = (
    pytest.param(Candidate(MEMORY, 15), id="memory"),
    pytest.param(Candidate(DUCKDB, 6), id="duckdb"),
    pytest.param(Candidate(ELASTICSEARCH, 2), id="elasticsearch", marks=pytest.mark.elasticsearch),
)


@pytest.fixture(params=CANDIDATES)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    """Name the engine."""
    found: Candidate = request.param
    return found


@pytest.fixture
def store(candidate: Candidate, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Open an empty store of that engine."""
    given_settings: dict[str, Any] = {"data_dir": str(tmp_path)}
    if candidate.engine is ELASTICSEARCH:
        given_settings["elasticsearch_url"] = request.getfixturevalue("elasticsearch_url")
        given_settings["elasticsearch_index_prefix"] = request.getfixturevalue("index_prefix")
    store = candidate.engine.open(load_settings(given_settings, environ={}))
    store.ensure_schema()
    yield store
    store.close()


def count_by_store(store: Store, filter: Filter) -> int:
    """Let the engine count the events that match."""
    [row] = store.aggregate(AggregateQuery((Measure("count"),), filter=filter))
    return int(row.figures[0] or 0)


def count_by_columns(cache: ColumnCache, filter: Filter) -> int:
    """Count the events of actors that match, by columns."""
    view = cache.view(None, None, Question(time.monotonic() + 60, lambda id: ()))
    plan = Plan((filter,))
    return sum(view.map(plan, lambda slice: int(np.count_nonzero(slice.bits))))


def _owner_filters() -> st.SearchStrategy[Filter]:
    ids = st.sampled_from(("u1", "u2", "Ü", "nobody", "u", ""))
    field = Field("user_id")
    operators = st.sampled_from(("eq", "ne", "contains", "not_contains", "starts_with", "ends_with"))
    return st.one_of(
        st.builds(Comparison, st.just(field), operators, ids),
        st.builds(Comparison, st.just(field), st.sampled_from(("in", "not_in")), st.lists(ids).map(tuple)),
        st.builds(Comparison, st.just(field), st.sampled_from(("exists", "missing"))),
    )


def _joined(plain: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    pair = st.lists(st.one_of(plain, _owner_filters()), min_size=1, max_size=3).map(tuple)
    return st.one_of(_owner_filters(), st.builds(All, pair), st.builds(AnyOf, pair))


def test_filter_means_the_same_everywhere(candidate: Candidate, store: Store, tmp_path: Path) -> None:
    folders = itertools.count()
    plain = random_filters().filter(lambda node: not asks_actor(node))

    @settings(
        max_examples=candidate.examples * TIMES,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(random_events(), st.lists(plain, min_size=4, max_size=8), st.lists(_joined(plain), max_size=4))
    def agree(events: list[Any], filters: list[Filter], of_owners: list[Filter]) -> None:
        _clear(store)
        store.write(to_lines(*events))
        store.refresh()
        lines: dict[Any, dict[str, Any]] = {}
        for line in map(orjson.loads, to_lines(*events).splitlines()):
            lines.setdefault((period_of(line["time"]), line["id"]), line)
        identity = IdentityTable(store)
        folder = None if candidate.engine is MEMORY else tmp_path / f"columns{next(folders)}"
        cache = ColumnCache(store, identity, folder, Limits())
        for filter in filters:
            note(f"{filter}")
            found = [line for line in lines.values() if matches(line, filter)]
            assert count_by_store(store, filter) == len(found)
            of_actors = [line for line in found if not matches(line, NOBODY)]
            assert count_by_columns(cache, filter) == len(of_actors)
        identity.sync()
        for filter in of_owners:
            note(f"{filter}")
            expanded = expand_filter(identity, filter)
            assert expanded is not None
            by_store = count_by_store(store, All((expanded, Not(NOBODY))))
            assert count_by_columns(cache, filter) == by_store
        cache.close()

    agree()


def _clear(store: Store) -> None:
    kinds = ("event", "link", "op", "merge", "unmerge", "tombstone")
    periods = tuple(part.period for part in store.partitions() if part.kind == "event")
    store.delete(Deletion(kinds, Not(AnyOf(())), periods))
