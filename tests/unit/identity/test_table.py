"""The table over a real store: every order of arrival gives the same answers, and the law's cases."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmetrics.identity.fold import (
    Link,
    Merge,
    Operation,
    final_user,
    fold_merges,
    fold_properties,
    owner_at,
)
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import (
    Event,
    ProfileOperation,
    link_line,
    merge_line,
    operation_line,
    tombstone_line,
)
from openmetrics.ingest.line import event_line
from openmetrics.query.match import matches
from openmetrics.query.model import (
    All,
    AnyOf,
    Comparison,
    EventsQuery,
    Field,
    Filter,
    HasKind,
    Not,
)
from openmetrics.store.base import Partition, QueryTooLargeError, Shard
from openmetrics.store.lines import parse_line
from openmetrics.store.memory import MemoryStore

SESSIONS = ("s1", "s2")
USERS = ("a", "b", "c")
IDS = iter(range(10**9))


def link(session_id: str, user_id: str, time_ms: int, explicit: bool = True) -> bytes:
    return link_line(
        f"{session_id}{user_id}{time_ms}{explicit}", user_id, session_id, time_ms, time_ms, explicit
    )


def operation(time_ms: int, op: Any, content: Any, id: str = "", **target: Any) -> bytes:
    return operation_line(ProfileOperation(id or str(next(IDS)), time_ms, time_ms, op, content, **target))


def merge(kind: Any, keep: str, other: str, time_ms: int) -> bytes:
    return merge_line(kind, f"{kind}{keep}{other}{time_ms}", keep, other, time_ms)


def event(id: str, time_ms: int, session_id: str | None, user_id: str | None = None) -> bytes:
    return event_line(Event(id, time_ms, time_ms, "e", user_id, session_id))


def table_of(*lines: bytes, store: MemoryStore | None = None) -> IdentityTable:
    store = store or MemoryStore()
    store.write(b"".join(lines))
    table = IdentityTable(store)
    table.sync()
    return table


def snapshot(table: IdentityTable) -> Any:
    return (
        [table.stays_of(session_id) for session_id in SESSIONS],
        [table.session(session_id) for session_id in SESSIONS],
        [table.user(user_id) for user_id in USERS],
        table.users(),
    )


class TailStore(MemoryStore):
    """A store whose last `tail` facts are still above the checkpoint, as while other writers fill gaps."""

    tail = 0

    def partitions(self) -> list[Partition]:
        """Lower the checkpoints."""
        return [
            Partition(
                partition.kind,
                partition.period,
                partition.identity,
                tuple(Shard(shard.id, max(-1, shard.checkpoint - self.tail)) for shard in partition.shards),
            )
            for partition in super().partitions()
        ]


TIMES = st.integers(0, 9)
FACTS = st.lists(
    st.one_of(
        st.builds(link, st.sampled_from(SESSIONS), st.sampled_from(USERS), TIMES, st.booleans()),
        st.builds(
            lambda time_ms, value, session_id: operation(time_ms, "set", {"p": value}, session_id=session_id),
            TIMES, st.integers(0, 3), st.sampled_from(SESSIONS),
        ),
        st.builds(
            lambda time_ms, value, user_id: operation(time_ms, "add", {"n": value}, user_id=user_id),
            TIMES, st.integers(0, 3), st.sampled_from(USERS),
        ),
        st.builds(
            lambda kind, pair, time_ms: merge(kind, *pair, time_ms),
            st.sampled_from(["merge", "unmerge"]), st.permutations(USERS).map(lambda users: users[:2]), TIMES,
        ),
    ),
    max_size=12,
)  # fmt: skip


@settings(deadline=None)
@given(FACTS, st.randoms(), st.data())
def test_table_any_arrival_and_any_syncs_give_the_same_answers(
    facts: list[bytes], random: Any, data: Any
) -> None:
    expected = snapshot(table_of(*facts))
    arrival = facts + facts[:2]
    random.shuffle(arrival)
    store = TailStore()
    table = IdentityTable(store, recent_facts=data.draw(st.sampled_from((0, 2, 1_000))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openmetrics.identity.follower.BATCH_ROWS", data.draw(st.sampled_from((1, 3, 5_000))))
        for fact in arrival:
            store.write(fact)
            if data.draw(st.booleans()):
                store.tail = data.draw(st.integers(0, 4))
                table.sync()
        table.sync()
    assert snapshot(table) == expected
    table._follower.layers.settle()
    assert snapshot(table) == expected


@settings(deadline=None)
@given(FACTS)
def test_table_random_facts_equal_a_naive_model(lines: list[bytes]) -> None:
    table = table_of(*lines)
    facts = [parse_line(line) for line in lines]
    parents = fold_merges(
        Merge(fact["time"], fact["id"], fact["user_id"], fact["other"], fact["kind"] == "unmerge")
        for fact in facts
        if fact["kind"] in ("merge", "unmerge")
    )

    def owner(session_id: str, time_ms: int) -> str | None:
        links = [fact for fact in facts if fact["kind"] == "link" and fact["session_id"] == session_id]
        return owner_at([Link(fact["time"], fact["user_id"], fact["explicit"]) for fact in links], time_ms)

    for user_id in USERS:
        if user_id not in parents and user_id not in parents.values():
            mine = [
                Operation(fact["time"], fact["id"], fact["op"], json.loads(fact["raw"]))
                for fact in facts
                if fact["kind"] == "op"
                and user_id in (fact.get("user_id"), owner(fact.get("session_id", ""), fact["time"]))
            ]
            assert table.user(user_id).properties == fold_properties(mine)
    for session_id in SESSIONS:
        for time_ms in range(-1, 11):
            raw = owner(session_id, time_ms)
            expected = None if raw is None else final_user(parents, raw)
            assert table.owner(session_id, time_ms) == expected
            assert table.owner(session_id, time_ms, "b") == final_user(parents, "b")


FIELD = Field("user_id")
OPERANDS: list[tuple[Any, Any]] = [
    ("eq", "a"), ("ne", "a"), ("in", ("a", "b")), ("in", ()), ("not_in", ("a", "b")), ("exists", None),
    ("missing", None), ("contains", "b"), ("not_contains", "b"), ("starts_with", "a"), ("ends_with", "c"),
    ("contains", ""), ("gt", 1.0),
]  # fmt: skip


@settings(deadline=None)
@given(FACTS, st.sampled_from(OPERANDS))
def test_expand_filter_finds_exactly_the_events_of_matching_owners(facts: list[bytes], case: Any) -> None:
    op, operand = case
    events = [
        event(f"{session_id}{time_ms}{user_id}", time_ms, session_id, user_id)
        for session_id in (*SESSIONS, "s9", None)
        for time_ms in (0, 4, 9)
        for user_id in (None, "a", "c", "z")
    ]
    table = table_of(*facts, *events)
    asked = Comparison(FIELD, op, operand)
    expanded = table.expand_filter(asked)
    if op in ("eq", "ne"):
        asked = Comparison(FIELD, op, table.final_user(operand))
    if op in ("in", "not_in"):
        asked = Comparison(FIELD, op, tuple(table.final_user(user_id) for user_id in operand))
    for line in map(parse_line, events):
        owner = table.owner(line.get("session_id"), line["time"], line.get("user_id"))
        assert matches(line, expanded) == matches({**line, "user_id": owner}, asked)


@settings(deadline=None)
@given(FACTS, st.sampled_from(USERS))
def test_expand_user_finds_the_events_that_owner_gives_it(facts: list[bytes], user_id: str) -> None:
    events = [event(f"{s}{t}", t, s) for s in (*SESSIONS, "s9") for t in range(10)]
    store = MemoryStore()
    table = table_of(*facts, *events, store=store)
    found = store.events(EventsQuery(filter=table.expand_user(user_id))).events
    final = table.final_user(user_id)
    expected = {f"{s}{t}" for s in (*SESSIONS, "s9") for t in range(10) if table.owner(s, t) == final}
    assert {stored.event_id for stored in found} == expected


def test_expand_filter_reaches_into_joined_filters_and_leaves_the_rest() -> None:
    table = table_of(link("s1", "a", 5))
    other: Filter = HasKind("p", "text")
    asked = All((Not(Comparison(FIELD, "eq", "a")), AnyOf((other,))))
    assert table.expand_filter(asked) == All((Not(table.expand_user("a")), AnyOf((other,))))
    assert table.expand_filter(None) is None


def test_expand_filter_of_too_many_sessions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmetrics.identity.expansion.MAX_SPANS", 2)
    table = table_of(*(link(f"s{n}", "a", 5) for n in range(3)))
    for op, operand in (("eq", "a"), ("exists", None), ("contains", "a")):
        with pytest.raises(QueryTooLargeError, match="more than 2"):
            table.expand_filter(Comparison(FIELD, op, operand))  # type: ignore[arg-type]


def test_user_who_shares_a_session_has_it_until_the_other_came() -> None:
    table = table_of(link("s1", "a", 10), link("s1", "b", 20), link("s2", "a", 15))
    assert [tuple(stay) for stay in table.user("a").stays] == [("s1", 10, None, 20), ("s2", 15, None, None)]
    assert [tuple(stay) for stay in table.user("b").stays] == [("s1", 20, 20, None)]
    assert table.session("s1").user_id == "b"
    assert table.owners_of([("s1", None), ("s2", None), ("s2", "b"), ("s3", None), (None, None)]) == [
        table.stays_of("s1"), "a", "b", None, None,
    ]  # fmt: skip


def test_operation_for_a_session_goes_to_its_owner_at_that_time() -> None:
    table = table_of(
        operation(5, "set", {"early": 1}, session_id="s1"),
        operation(15, "set", {"p": "of a"}, session_id="s1"),
        operation(25, "set", {"p": "of b"}, session_id="s1"),
        operation(25, "set", {"own": 1}, session_id="s1", target="session"),
        link("s1", "a", 10),
        link("s1", "b", 20),
    )
    assert table.user("a").properties == {"early": 1, "p": "of a"}
    assert table.user("b").properties == {"p": "of b"}
    assert table.session("s1").properties == {"own": 1}
    assert table.session("s1").profile == {"p": "of b"}


def test_anonymous_session_has_a_profile_of_its_own() -> None:
    table = table_of(operation(5, "set", {"p": 1}, session_id="s1"))
    session = table.session("s1")
    assert (session.user_id, session.profile, session.is_known) == (None, {"p": 1}, True)
    assert not table.session("s2").is_known


def test_merged_user_answers_with_the_keeper_until_it_is_undone() -> None:
    store = MemoryStore()
    table = table_of(
        link("s1", "keep", 10),
        link("s1", "other", 20),
        link("s2", "other", 10),
        operation(1, "set", {"p": "keep"}, user_id="keep"),
        operation(2, "set", {"p": "other", "q": "other"}, user_id="other"),
        merge("merge", "keep", "other", 30),
        store=store,
    )
    user = table.user("other")
    assert (user.user_id, user.asked_id, user.merged) == ("keep", "other", ("other",))
    assert user.properties == {"p": "keep", "q": "other"}
    assert [tuple(stay) for stay in user.stays] == [("s1", 10, None, None), ("s2", 10, None, None)]
    assert table.users() == ["keep"]
    store.write(merge("unmerge", "keep", "other", 40))
    table.sync()
    assert table.user("other").properties == {"p": "other", "q": "other"}
    assert table.users() == ["keep", "other"]


def test_users_are_listed_by_prefix_and_page() -> None:
    table = table_of(*(link("s1", user_id, 1) for user_id in ("b2", "a", "b1", "c", "b3")))
    assert table.users("b", limit=2) == ["b1", "b2"]
    assert table.users("b", after="b2") == ["b3"]
    assert table.users("x") == []


def test_long_chain_of_merges_is_followed() -> None:
    table = table_of(*(merge("merge", f"u{n}", f"u{n + 1}", n) for n in range(3_000)))
    assert table.final_user("u3000") == "u0"
    assert len(table.family("u7")) == 3_001


def test_tail_that_a_failover_took_back_is_forgotten() -> None:
    class Forgetful(TailStore):
        gone: tuple[str, ...] = ()

        def scan(self, partition: Any, since: Any, columns: Any) -> Any:
            """Leave out facts that were lost above the checkpoint."""
            for batch in super().scan(partition, since, columns):
                rows = [row for row in batch.to_pylist() if row.get("user_id") not in self.gone]
                yield type(batch).from_pylist(rows, batch.schema)

    store = Forgetful()
    store.tail = 1
    table = table_of(link("s1", "a", 1), link("s1", "b", 2), store=store)
    assert table.session("s1").user_id == "b"
    store.gone = ("b",)
    table.sync()
    assert table.session("s1").user_id == "a"


def test_dropped_storage_is_read_anew() -> None:
    store = MemoryStore()
    table = table_of(link("s1", "a", 1), operation(1, "set", {"p": 1}, user_id="a"), store=store)
    store._facts.clear()
    store._identities.clear()
    table.sync()
    assert table.users() == []
    store.write(link("s1", "b", 1))
    table.sync()
    assert table.session("s1").user_id == "b"


@pytest.mark.parametrize("is_first", [True, False])
def test_erased_user_is_forgotten_and_may_come_back(is_first: bool) -> None:
    facts = [
        link("s1", "a", 10),
        link("s2", "b", 10),
        operation(11, "set", {"p": 1}, user_id="a"),
        operation(11, "set", {"p": 1}, session_id="s1", target="session"),
        merge("merge", "b", "a", 12),
    ]
    erasure = tombstone_line(1, ["a"], ["s1"], 20)
    later = [link("s3", "a", 30)]
    store = MemoryStore()
    table = IdentityTable(store)
    for lines in (erasure, *facts) if is_first else (*facts, erasure):
        store.write(lines)
        table.sync()
    assert table.users() == ["b"]
    assert not table.user("a").is_known
    assert not table.session("s1").is_known
    store.write(b"".join(later))
    table.sync()
    assert table.users() == ["a", "b"]
    assert [stay.session_id for stay in table.user("a").stays] == ["s3"]


def test_erased_facts_are_told_by_their_receipt() -> None:
    store = MemoryStore()
    table = table_of(link("s1", "a", 10), link("s2", "b", 10), store=store)
    store.write(tombstone_line(1, ["a"], ["s1"], 20))
    table.sync()
    store.write(link_line("late", "a", "s1", 5, 21, True) + link_line("early", "a", "s1", 7, 19, True))
    store.write(link_line("later", "a", "s3", 30, 30, True))
    table.sync()
    fresh = [IdentityTable(store, recent_facts) for recent_facts in (0, 1_000)]
    for found in (table, *fresh):
        found.sync()
        assert [stay.linked_ms for stay in found.user("a").stays] == [5, 30]
        assert found.users() == ["a", "b"]


@pytest.mark.parametrize("recent_facts", [0, 10**6])
def test_crowds_are_noticed_once_and_stay_right(recent_facts: int, caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    lines = [link("one", f"u{n}", n) for n in range(150)] + [link(f"s{n}", "all", n) for n in range(10_100)]
    store.write(b"".join(lines))
    table = IdentityTable(store, recent_facts)
    table.sync()
    store.write(link("one", "more", 1_000))
    table._follower.layers.settle()
    table.sync()
    table._follower.layers.settle()
    table.sync()
    assert table.figures() == {"identity_crowded_sessions_total": 1, "identity_crowded_users_total": 1}
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert [table.owner("one", time_ms) for time_ms in (-1, 0, 77, 500, 1_000)] == [
        "u0", "u0", "u77", "u149", "more",
    ]  # fmt: skip
    assert len(table.user("all").stays) == 10_100


def test_sessions_only_of_users_are_linked_to_nobody_else() -> None:
    table = table_of(link("s1", "a", 1), link("s2", "a", 1), link("s2", "b", 2, False), link("s3", "b", 1))
    assert table.sessions_only_of(["a"]) == ["s1"]
    assert table.sessions_only_of(["a", "b"]) == ["s1", "s2", "s3"]
    assert table.sessions_only_of(["c"]) == []


def test_sync_by_many_threads_reads_once_each_generation() -> None:
    class Counting(MemoryStore):
        count = 0
        gate = threading.Event()

        def refresh(self) -> None:
            """Count the readings, the first of which waits for all to have come."""
            self.count += 1
            if self.count == 1:
                assert self.gate.wait(10)

    store = Counting()
    store.write(link("s1", "a", 1))
    table = IdentityTable(store)
    threads = [threading.Thread(target=table.sync) for _ in range(8)]
    for thread in threads:
        thread.start()
    threading.Timer(0.2, store.gate.set).start()
    for thread in threads:
        thread.join(10)
    assert store.count == 2
    assert table.users() == ["a"]
