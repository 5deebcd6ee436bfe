"""Columns show every actor's events, and answer every filter, as plain Python over the facts does."""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from openmetrics.columns.cache import ColumnCache, Limits, Question
from openmetrics.columns.slices import Plan, Slice
from openmetrics.columns.view import ColumnView
from openmetrics.identity.profile import matches_profile, to_profile_filter
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import (
    Event,
    ProfileOperation,
    link_line,
    merge_line,
    operation_line,
    period_of,
    tombstone_line,
)
from openmetrics.query.match import compares, matches, number_of, texts_of
from openmetrics.query.model import All, AnyOf, Comparison, Did, Field, Filter, InSegment, Not
from openmetrics.query.values import index_value, numeric_value
from openmetrics.settings import load_settings
from openmetrics.store.base import Deletion, Engine, Store
from openmetrics.store.duckdb import ENGINE as DUCKDB
from openmetrics.store.elastic import ENGINE as ELASTICSEARCH
from openmetrics.store.memory import ENGINE as MEMORY
from openmetrics.testing.journeys import DAY_MS, NOON_MS, ODD_NAMES, random_events, to_lines
from openmetrics.testing.questions import PATHS, random_filters

USERS = ("u1", "u2", "Ü", "nobody")
SESSIONS = ("s1", "s2", "s3")
NAME = Field("name")
UNIT_FIELD = Field("props", "a")


@dataclass(frozen=True)
class Candidate:
    """An engine under the columns, and how many random histories it can be tried with."""

    engine: Engine
    examples: int
    settings: Callable[[pytest.FixtureRequest], dict[str, Any]]


def _elasticsearch_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "elasticsearch_url": request.getfixturevalue("elasticsearch_url"),
        "elasticsearch_index_prefix": request.getfixturevalue("index_prefix"),
    }


CANDIDATES = (
    pytest.param(Candidate(MEMORY, 60, lambda request: {}), id="memory"),
    pytest.param(Candidate(DUCKDB, 20, lambda request: {}), id="duckdb"),
    pytest.param(
        Candidate(ELASTICSEARCH, 6, _elasticsearch_settings),
        id="elasticsearch",
        marks=pytest.mark.elasticsearch,
    ),
)


@pytest.fixture(params=CANDIDATES)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    """Name the engine under the columns."""
    return request.param


@pytest.fixture
def store(candidate: Candidate, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Open an empty store of that engine."""
    given_settings = {"data_dir": str(tmp_path), **candidate.settings(request)}
    store = candidate.engine.open(load_settings(given_settings, environ={}))
    store.ensure_schema()
    yield store
    store.close()


_ids = itertools.count()
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Round:
    """What is written before the same questions are asked again."""

    events: list[Event]
    facts: list[tuple[Any, ...]]


def _times() -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(-3, 3).map(lambda n: NOON_MS + n), st.sampled_from((0, NOON_MS - 20 * DAY_MS))
    )


def _rounds() -> st.SearchStrategy[list[Round]]:
    user, session = st.sampled_from(USERS), st.sampled_from(SESSIONS)
    values = st.one_of(st.integers(0, 3), st.sampled_from(("a", "1", [1, "a"], None, True, {"x": 1})))
    properties = st.dictionaries(st.sampled_from(("plan", "a", "a.b")), values, max_size=2)
    facts = st.one_of(
        st.tuples(st.just("link"), user, session, _times(), st.booleans()),
        st.tuples(st.just("merge"), user, user, _times(), st.booleans()),
        st.tuples(st.just("op"), st.one_of(st.none(), user), session, _times(), properties),
        st.tuples(st.just("erase"), user, session, _times(), st.booleans()),
    )
    kinds = st.lists(facts, max_size=4)
    return st.lists(st.builds(Round, random_events(8), kinds), min_size=1, max_size=4)


def _actor_filters() -> st.SearchStrategy[Filter]:
    names = st.one_of(st.none(), st.just(("open",)), st.just(("buy", "🙂")))
    edges = st.one_of(st.none(), st.integers(NOON_MS - 2, NOON_MS + 2))
    texts = st.sampled_from(("", "a", "1", "u1", "u", "Ü", "true", "nobody"))
    fields = st.one_of(
        st.just(Field("user_id")),
        st.builds(Field, st.just("user"), st.sampled_from(("plan", "a", "a.b"))),
    )
    plain = st.sampled_from(("eq", "ne", "contains", "not_contains", "starts_with", "ends_with"))
    comparisons = st.one_of(
        st.builds(Comparison, fields, plain, texts),
        st.builds(Comparison, fields, st.sampled_from(("in", "not_in")), st.lists(texts).map(tuple)),
        st.builds(Comparison, fields, st.sampled_from(("exists", "missing"))),
        st.builds(Comparison, fields, st.sampled_from(("gt", "lte")), st.sampled_from((0.0, 1.0))),
    )
    did = st.builds(Did, names, st.one_of(st.none(), random_filters()), st.integers(1, 3), edges, edges)
    return st.one_of(comparisons, did, st.builds(InSegment, st.sampled_from(("some", "list", "nested"))))


def _filters() -> st.SearchStrategy[Filter]:
    leaves = st.one_of(random_filters(), _actor_filters())
    pair = st.lists(leaves, min_size=1, max_size=2).map(tuple)
    return st.one_of(leaves, leaves, st.builds(All, pair), st.builds(AnyOf, pair), st.builds(Not, leaves))


def _plans() -> st.SearchStrategy[Plan]:
    own = st.one_of(
        st.sampled_from([Field(kind) for kind in ("name", "session_id", "source", "value", "user_id")]),
        st.builds(Field, st.sampled_from(("props", "user")), st.sampled_from(ODD_NAMES[:4])),
        st.builds(Field, st.sampled_from(("fields", "context")), st.sampled_from(PATHS)),
    )
    numeric = st.one_of(
        st.just(Field("value")),
        st.builds(Field, st.sampled_from(("props", "user")), st.sampled_from(ODD_NAMES[:4])),
    )
    return st.builds(
        Plan,
        st.lists(st.one_of(st.none(), _filters()), max_size=3).map(tuple),
        st.one_of(st.none(), _filters()),
        st.booleans(),
        st.lists(own, max_size=2).map(tuple),
        st.lists(numeric, max_size=2).map(tuple),
        st.sampled_from(("user", "user", "session", UNIT_FIELD)),
    )


Edge = st.one_of(st.none(), st.integers(NOON_MS - 3, NOON_MS + 3), st.just(0))
Actor = tuple[str | None, str | None]


@dataclass
class Reference:
    """The facts, and what they mean by plain Python."""

    identity: IdentityTable
    segments: dict[str, Any]
    lines: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    erased: list[tuple[set[str], set[str], int]] = field(default_factory=list)

    def add(self, lines: bytes) -> None:
        for text in lines.splitlines():
            line = orjson.loads(text)
            self.lines.setdefault((period_of(line["time"]), line["id"]), line)

    def is_erased(self, line: dict[str, Any]) -> bool:
        user, session = line.get("user_id"), line.get("session_id")
        return any(
            line["received"] <= until and (user in users or (user is None and session in sessions))
            for users, sessions, until in self.erased
        )

    def events(self) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines.values()
            if self.actor(line) != (None, None) and not self.is_erased(line)
        ]

    def actor(self, line: dict[str, Any]) -> Actor:
        session_id = line.get("session_id")
        owner = self.identity.owner(session_id, line["time"], line.get("user_id"))
        return (owner, None) if owner is not None else (None, session_id)

    def holds(self, line: dict[str, Any], node: Filter | None) -> bool:
        match node:
            case None:
                return True
            case All(parts):
                return all(self.holds(line, part) for part in parts)
            case AnyOf(parts):
                return any(self.holds(line, part) for part in parts)
            case Not(part):
                return not self.holds(line, part)
            case Did() | InSegment() | Comparison(Field("user_id" | "user")):
                return self.is_in(self.actor(line), node)
            case _:
                return matches(line, node)

    def is_in(self, actor: Actor, node: Filter) -> bool:
        match node:
            case All(parts):
                return all(self.is_in(actor, part) for part in parts)
            case AnyOf(parts):
                return any(self.is_in(actor, part) for part in parts)
            case Not(part):
                return not self.is_in(actor, part)
            case InSegment(id):
                segment = self.segments[id]
                if isinstance(segment, tuple):
                    return actor[0] in {self.identity.final_user(user) for user in segment}
                return self.is_in(actor, segment)
            case Comparison(Field("user_id"), op, operand):
                if op in ("eq", "ne"):
                    operand = self.identity.final_user(str(operand))
                if op in ("in", "not_in"):
                    operand = tuple(self.identity.final_user(user) for user in operand)  # type: ignore[union-attr]
                return compares({"user_id": actor[0]}, Comparison(Field("user_id"), op, operand))
            case Comparison(Field("user")):
                return matches_profile(self.profile(actor), to_profile_filter(node))
            case Did(event, filter, at_least, start, end):
                done = [
                    line
                    for line in self.events()
                    if self.actor(line) == actor
                    and (event is None or line["name"] in event)
                    and (start is None or line["time"] >= start)
                    and (end is None or line["time"] < end)
                    and self.holds(line, filter)
                ]
                return len(done) >= at_least
            case _:
                return self.is_in(actor, Did(None, node, 1, None, None))

    def profile(self, actor: Actor) -> Any:
        if actor[0] is not None:
            return self.identity.properties_of(actor[0])
        assert actor[1] is not None
        return self.identity.session(actor[1]).profile

    def texts(self, line: dict[str, Any], field: Field) -> set[str]:
        if field.kind == "user":
            profile = self.profile(self.actor(line))
            return set(index_value(profile[field.name])[0]) if field.name in profile else set()
        if field.kind == "user_id":
            return {self.actor(line)[0]} - {None}  # type: ignore[return-value]
        return set(texts_of(line, field))

    def number(self, line: dict[str, Any], field: Field) -> float | None:
        if field.kind == "user":
            return numeric_value(self.profile(self.actor(line)).get(field.name))
        return number_of(line, field)

    def units(self, line: dict[str, Any], unit: str | Field) -> list[Actor]:
        if unit == "user":
            return [self.actor(line)]
        if unit == "session":
            return [(None, line["session_id"])] if "session_id" in line else []
        assert isinstance(unit, Field)
        return [(None, text) for text in self.texts(line, unit)]

    def ask(self, plan: Plan, start: int | None, end: int | None) -> dict[Actor, list[Any]]:
        found: dict[Actor, list[Any]] = defaultdict(list)
        for line in self.events():
            if (start is not None and line["time"] < start) or (end is not None and line["time"] >= end):
                continue
            bits = sum(1 << bit for bit, node in enumerate(plan.bits) if self.holds(line, node))
            if not (bits or plan.keeps_unmatched or not plan.bits) or not self.holds(line, plan.where):
                continue
            codes = tuple(tuple(sorted(self.texts(line, field))) for field in plan.codes)
            numbers = tuple(self.number(line, field) for field in plan.numbers)
            for unit in self.units(line, plan.unit):
                found[unit].append((line["time"], bits, codes, numbers))
        return {unit: sorted(events, key=repr) for unit, events in found.items()}


def _seen(view: ColumnView, plan: Plan) -> dict[Actor, list[Any]]:
    """Read the slices of a view back into plain events by unit."""
    found: dict[Actor, list[Any]] = {}
    keys: list[int] = []
    for slice in view.map(plan, lambda slice: slice):
        keys += slice.units.tolist()
        texts = [view.texts(field) for field in plan.codes]
        for unit, actor in enumerate(view.describe(slice.units)):
            rows = range(slice.offsets[unit], slice.offsets[unit + 1])
            times = slice.time[rows.start : rows.stop]
            assert (np.diff(times) >= 0).all()
            found[actor] = sorted((_row(slice, row, texts) for row in rows), key=repr)
    assert keys == sorted(set(keys))
    return found


def _row(slice: Slice, row: int, texts: list[Any]) -> Any:
    codes = []
    for column, dictionary in zip(slice.codes, texts, strict=True):
        flat = column.flat[column.offsets[row] : column.offsets[row + 1]].tolist()
        codes.append(tuple(sorted(dictionary[code] for code in flat)))
    numbers = tuple(None if math.isnan(column[row]) else float(column[row]) for column in slice.numbers)
    return int(slice.time[row]), int(slice.bits[row]), tuple(codes), numbers


def _write(store: Store, reference: Reference, given_round: Round, number: int) -> None:
    now = 10 * number
    for event in given_round.events:
        event.received_ms += now
    lines = to_lines(*given_round.events)
    reference.add(lines)
    content = [lines]
    for kind, *rest in given_round.facts:
        id = f"f{next(_ids)}"
        if kind == "link":
            user, session, at, is_explicit = rest
            content.append(link_line(id, user, session, at, now, is_explicit))
        elif kind == "merge":
            keep, other, at, is_undone = rest
            if keep != other:
                content.append(merge_line("unmerge" if is_undone else "merge", id, keep, other, at))
        elif kind == "op":
            user, session, at, properties = rest
            owner = {"user_id": user} if user is not None else {"session_id": session}
            content.append(operation_line(ProfileOperation(id, at, now, "set", properties, **owner)))
    store.write(b"".join(content))
    for kind, *rest in given_round.facts:
        if kind == "erase":
            user, session, _, is_user = rest
            users, sessions = ({user}, set()) if is_user else (set(), {session})
            store.write(tombstone_line(next(_numbers), sorted(users), sorted(sessions), now + 5))
            reference.erased.append((users, sessions, now + 5))


@pytest.mark.timeout(900)
def test_columns_show_what_the_facts_mean(candidate: Candidate, store: Store, tmp_path: Path) -> None:
    folders = itertools.count()

    @settings(
        max_examples=candidate.examples,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        _rounds(),
        st.lists(st.tuples(_plans(), Edge, Edge), min_size=2, max_size=4),
        st.sampled_from((0, 4, 1_000)),
        st.booleans(),
        random_filters(),
    )
    def agree(
        rounds: list[Round], questions: list[Any], tail_rows: int, reopens: bool, segment: Filter
    ) -> None:
        _clear(store)
        identity = IdentityTable(store)
        segments = {"some": segment, "list": ("u1", "Ü"), "nested": Not(InSegment("some"))}
        reference = Reference(identity, segments)
        folder = tmp_path / f"columns{next(folders)}" if candidate.engine is not MEMORY else None
        cache = ColumnCache(store, identity, folder, Limits(tail_rows=tail_rows))
        for number, written in enumerate(rounds):
            if reopens and folder is not None:
                cache.close()
                cache = ColumnCache(store, identity, folder, Limits(tail_rows=tail_rows))
            _write(store, reference, written, number)
            for plan, start, end in questions:
                note(f"{plan} {start} {end}")
                asked = Question(time.monotonic() + 60, lambda id: segments[id])
                view = cache.view(start, end, asked)
                assert _seen(view, plan) == reference.ask(plan, start, end)
        cache.close()

    agree()


def _clear(store: Store) -> None:
    everything = Not(AnyOf(()))
    kinds = ("event", "link", "op", "merge", "unmerge", "tombstone")
    periods = tuple(part.period for part in store.partitions() if part.kind == "event")
    store.delete(Deletion(kinds, everything, periods))
