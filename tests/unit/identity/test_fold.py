"""The fold against a naive model, on random facts in random order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmetrics.identity.fold import (
    Link,
    Merge,
    Operation,
    final_user,
    fold_merges,
    fold_properties,
    fold_stays,
    merge_properties,
    owner_at,
)

TIMES = st.integers(0, 8)
USERS = st.sampled_from("abcd")
LINKS = st.lists(st.builds(Link, TIMES, USERS, st.booleans()), max_size=8)
MERGES = st.lists(
    st.builds(Merge, TIMES, st.sampled_from("123456"), USERS, USERS, st.booleans()).filter(
        lambda merge: merge.keep != merge.other
    ),
    max_size=8,
    unique_by=lambda merge: (merge.id, merge.is_undone),
)
VALUES = st.one_of(
    st.integers(-3, 3),
    st.sampled_from(["x", "y", True, None, 0.5]),
    st.lists(st.sampled_from([1, "x", True])),
)


def contents(op: str) -> st.SearchStrategy[Any]:
    names = st.sampled_from("pq")
    if op == "unset":
        return st.lists(names, max_size=2)
    return st.dictionaries(names, st.integers(-3, 3) if op == "add" else VALUES, max_size=2)


OPERATIONS = st.lists(
    st.sampled_from(["set", "set_once", "add", "append", "union", "unset"]).flatmap(
        lambda op: st.builds(Operation, TIMES, st.integers(0, 99).map(str), st.just(op), contents(op))
    ),
    max_size=8,
    unique_by=lambda operation: operation.id,
)


def naive_owner(links: Iterable[Link], time_ms: int) -> str | None:
    """Restate the law word by word: explicit links, and of implied ones the earliest of each user."""
    links = set(links)
    implied = {
        user: [link.time_ms for link in links if link.user_id == user and not link.is_explicit]
        for user in "abcd"
    }
    counting = {(link.time_ms, link.user_id) for link in links if link.is_explicit}
    counting |= {(min(times), user) for user, times in implied.items() if times}
    if not counting:
        return None
    before = [link for link in counting if link[0] <= time_ms]
    latest = max(link[0] for link in before) if before else min(link[0] for link in counting)
    return min(user for time, user in counting if time == latest)


@given(LINKS, st.integers(-1, 9))
def test_owner_at_random_links_equals_the_law(links: list[Link], time_ms: int) -> None:
    assert owner_at(links, time_ms) == naive_owner(links, time_ms)


@given(LINKS, st.randoms())
def test_stays_any_order_and_repetition_gives_the_same(links: list[Link], random: Any) -> None:
    again = links + random.choices(links, k=3) if links else []
    random.shuffle(again)
    assert fold_stays(again) == fold_stays(links)


@given(LINKS)
def test_stays_cover_all_time_without_gaps(links: list[Link]) -> None:
    stays = fold_stays(links)
    if not stays:
        assert not links
        return
    assert stays[0].start_ms is None
    assert stays[-1].end_ms is None
    for earlier, later in pairwise(stays):
        assert earlier.end_ms == later.start_ms == later.linked_ms
        assert earlier.user_id != later.user_id


@given(LINKS, st.integers(-1, 9))
def test_later_implied_link_of_a_known_pair_changes_nothing(links: list[Link], time_ms: int) -> None:
    implied = [link for link in links if not link.is_explicit]
    later = [Link(link.time_ms + 3, link.user_id, False) for link in implied]
    assert owner_at(links + later, time_ms) == owner_at(links, time_ms)


def test_anonymous_history_goes_to_the_first_user_whatever_arrives_later() -> None:
    links = [Link(20, "b", True), Link(10, "a", True)]
    assert [owner_at(links, time) for time in (0, 10, 19, 20, 99)] == ["a", "a", "a", "b", "b"]


@given(MERGES, st.randoms())
def test_merges_any_order_and_repetition_gives_the_same_without_circles(
    merges: list[Merge], random: Any
) -> None:
    again = merges + random.choices(merges, k=3) if merges else []
    random.shuffle(again)
    parents = fold_merges(again)
    assert parents == fold_merges(merges)
    for user in parents:
        assert final_user(parents, user) not in parents


def merge(time_ms: int, keep: str, other: str, is_undone: bool = False) -> Merge:
    return Merge(time_ms, f"id{time_ms}", keep, other, is_undone)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([merge(1, "a", "b")], {"b": "a"}, id="merged"),
        pytest.param([merge(1, "a", "b"), merge(2, "a", "b", True)], {}, id="undone"),
        pytest.param(
            [merge(1, "a", "b"), merge(2, "a", "b", True), merge(3, "a", "b")], {"b": "a"}, id="again"
        ),
        pytest.param([merge(1, "a", "b"), merge(2, "b", "c")], {"b": "a", "c": "b"}, id="chain"),
        pytest.param(
            [merge(1, "a", "b"), merge(2, "b", "a")], {"b": "a"}, id="circle of two: the earlier counts"
        ),
        pytest.param(
            [merge(1, "a", "b"), merge(2, "b", "c"), merge(3, "c", "a")],
            {"b": "a", "c": "b"},
            id="circle of three",
        ),
        pytest.param(
            [merge(1, "a", "b"), merge(2, "c", "b")], {"b": "a"}, id="two keepers: the earlier counts"
        ),
        pytest.param(
            [merge(1, "a", "b"), merge(2, "c", "b"), merge(3, "a", "b", True)],
            {"b": "c"},
            id="second keeper steps in",
        ),
        pytest.param([merge(2, "a", "b", True), merge(1, "c", "b")], {"b": "c"}, id="undoing another merge"),
    ],
)
def test_fold_merges(facts: list[Merge], expected: dict[str, str]) -> None:
    assert fold_merges(facts) == expected


@given(OPERATIONS, st.randoms())
def test_properties_any_order_and_repetition_gives_the_same(operations: list[Operation], random: Any) -> None:
    again = operations + random.choices(operations, k=3) if operations else []
    random.shuffle(again)
    assert fold_properties(again) == fold_properties(operations)


@given(OPERATIONS)
def test_set_and_unset_the_latest_wins(operations: list[Operation]) -> None:
    kept = [operation for operation in operations if operation.op in ("set", "unset")]
    expected: dict[str, Any] = {}
    for name in "pq":
        naming = [operation for operation in kept if name in operation.content]
        latest = max(naming, key=lambda operation: operation[:2], default=None)
        if latest is not None and latest.op == "set":
            expected[name] = latest.content[name]
    assert fold_properties(kept) == expected


@given(st.lists(st.integers(-5, 5), min_size=1))
def test_add_sums_whatever_the_order(numbers: list[int]) -> None:
    operations = [Operation(n % 3, str(n), "add", {"p": number}) for n, number in enumerate(numbers)]
    assert fold_properties(operations) == {"p": sum(numbers)}


def op(time_ms: int, op: str, content: Any, id: str = "") -> Operation:
    return Operation(time_ms, id or f"{time_ms}{op}", op, content)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param(
            [op(2, "set_once", {"p": "b"}), op(1, "set_once", {"p": "a"})], {"p": "a"}, id="set_once earliest"
        ),
        pytest.param(
            [op(1, "set_once", {"p": "a"}), op(2, "set", {"p": "b"})], {"p": "b"}, id="set over set_once"
        ),
        pytest.param(
            [op(1, "set", {"p": "a"}), op(2, "set_once", {"p": "b"})], {"p": "a"}, id="set_once where set"
        ),
        pytest.param(
            [op(1, "set", {"p": "a"}), op(1, "set", {"p": "b"}, "z")], {"p": "b"}, id="tie: greater id"
        ),
        pytest.param([op(1, "set", {"p": 1}), op(2, "unset", ["p"])], {}, id="unset"),
        pytest.param(
            [op(1, "unset", ["p"]), op(2, "set_once", {"p": 1})], {"p": 1}, id="set_once after unset"
        ),
        pytest.param([op(1, "set", {"p": 10}), op(2, "add", {"p": 2.5})], {"p": 12.5}, id="add to set"),
        pytest.param([op(1, "set", {"p": "ten"}), op(2, "add", {"p": 2})], {"p": "ten"}, id="add to text"),
        pytest.param([op(1, "set", {"p": True}), op(2, "add", {"p": 2})], {"p": True}, id="add to boolean"),
        pytest.param(
            [op(1, "add", {"p": 10**400}), op(2, "add", {"p": 0.5})], {"p": 10**400}, id="add overflow"
        ),
        pytest.param(
            [op(1, "add", {"p": 1.7e308}), op(2, "add", {"p": 1.7e308})], {"p": 1.7e308}, id="add infinite"
        ),
        pytest.param(
            [op(2, "append", {"p": "b"}), op(1, "append", {"p": "a"})], {"p": ["a", "b"]}, id="append by time"
        ),
        pytest.param([op(1, "append", {"p": ["a", "a"]})], {"p": ["a", "a"]}, id="append list"),
        pytest.param(
            [op(1, "set", {"p": 1}), op(2, "append", {"p": 2})], {"p": [1, 2]}, id="append to scalar"
        ),
        pytest.param(
            [op(1, "union", {"p": ["a", "b"]}), op(2, "union", {"p": "a"})], {"p": ["a", "b"]}, id="union"
        ),
        pytest.param(
            [
                op(1, "union", {"p": [1, True, "1", 1.0, {"k": 1, "l": 2}]}),
                op(2, "union", {"p": {"l": 2, "k": 1}}),
            ],
            {"p": [1, True, "1", {"k": 1, "l": 2}]},
            id="union by kind",
        ),
    ],
)
def test_fold_properties(operations: list[Operation], expected: dict[str, Any]) -> None:
    assert fold_properties(operations) == expected
    assert fold_properties(reversed(operations)) == expected


def test_fold_properties_leaves_the_facts_alone() -> None:
    facts = [op(1, "set", {"p": [1]}), op(2, "append", {"p": 2})]
    fold_properties(facts)
    assert facts[0].content == {"p": [1]}


def test_merge_properties_the_keeper_wins() -> None:
    assert merge_properties([{"a": 1}, {"a": 2, "b": 2}, {"b": 3, "c": 3}]) == {"a": 1, "b": 2, "c": 3}
