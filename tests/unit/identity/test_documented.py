"""The tables of the page on identity hold in every order of arrival."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import (
    ProfileOperation,
    link_line,
    merge_line,
    operation_line,
)
from openmetrics.ingest.placeholders import PLACEHOLDERS
from openmetrics.store.memory import MemoryStore

PAGE = (Path(__file__).parents[3] / "docs" / "identity.md").read_text()
ROW = re.compile(r"(?m)^\| `(\d[^`]*)` \| (.+) \|$")
ORDERS = 60


def to_line(fact: str) -> bytes:
    """Turn a fact of the page into a spool line; a visit by nobody leaves no trace but in its owner."""
    time, *words = fact.split()
    at = int(time)
    match words:
        case ["visit", session, "by", user]:
            return link_line(fact, user, session, at, at, False)
        case ["visit", _]:
            return b""
        case [session, "is", user]:
            return link_line(fact, user, session, at, at, True)
        case [other, "into", keep]:
            return merge_line("merge", fact, keep, other, at)
        case [other, "out", "of", keep]:
            return merge_line("unmerge", fact, keep, other, at)
        case [whose, op, name, *value]:
            owner: Any = {"session_id" if whose.startswith("s") else "user_id": whose}
            content: Any = [name] if op == "unset" else {name: int(value[0]) if op == "add" else value[0]}
            return operation_line(ProfileOperation(fact, at, at, op, content, **owner))  # type: ignore[arg-type]
    raise AssertionError(fact)


def read_rows(is_profile: bool) -> Iterator[tuple[list[str], str]]:
    for sent, outcome in ROW.findall(PAGE):
        if ("{" in outcome) == is_profile:
            yield sent.split("; "), outcome


def iter_tables(facts: list[str]) -> Iterator[IdentityTable]:
    """Yield a table for every order of arrival, or for many where there are too many; some facts twice."""
    orders = list(itertools.permutations(facts))
    for order in random.Random(1).sample(orders, min(ORDERS, len(orders))):
        store = MemoryStore()
        store.write(b"".join(map(to_line, (*order, order[0]))))
        table = IdentityTable(store)
        table.sync()
        yield table


@pytest.mark.parametrize(("facts", "outcome"), list(read_rows(is_profile=False)))
def test_visits_belong_to_whom_the_page_says(facts: list[str], outcome: str) -> None:
    visits = [fact.split() for fact in facts if fact.split()[1] == "visit"]
    expected = [None if word == "nobody" else word for word in outcome.split(", ")]
    for table in iter_tables(facts):
        owners = [
            table.owner(words[2], int(words[0]), words[4] if len(words) > 3 else None) for words in visits
        ]
        assert owners == expected


@pytest.mark.parametrize(("facts", "outcome"), list(read_rows(is_profile=True)))
def test_profiles_hold_what_the_page_says(facts: list[str], outcome: str) -> None:
    expected = {user: json.loads(text) for user, text in re.findall(r"(\w+) `(\{.*?\})`", outcome)}
    for table in iter_tables(facts):
        assert {user: table.properties_of(user) for user in expected} == expected


def test_page_lists_all_placeholders() -> None:
    listed = PAGE.split("<!-- placeholders -->")[1].split("<!-- end")[0]
    assert {"", *re.findall(r"`([^`]+)`", listed)} == PLACEHOLDERS


def test_page_has_tables() -> None:
    assert len(list(read_rows(is_profile=False))) > 15
    assert len(list(read_rows(is_profile=True))) > 10
