"""The registry of indexed property names (ruling E7)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from openmetrics.ingest.event import Event
from openmetrics.ingest.line import event_line
from openmetrics.ingest.names import Names
from openmetrics.store.base import ControlDocument, StoreUnavailableError

Line = Callable[..., bytes]


def stored_names(store: Any) -> list[str]:
    document = store.control_get("names", "properties")
    return list(document.body["names"]) if document else []


def test_reserve_declares_then_knows(store: Any) -> None:
    names = Names(store, 10)
    assert names.reserve(["b", "a", "b"]) == set()
    assert store.declared == [["b", "a"]]
    assert names.known == {"a", "b"}
    assert stored_names(store) == ["b", "a"]


def test_reserve_known_names_asks_nobody(store: Any) -> None:
    names = Names(store, 10)
    names.reserve(["a"])
    store.failure = StoreUnavailableError()
    assert names.reserve(["a"]) == set()


def test_reserve_beyond_the_limit_refuses(store: Any) -> None:
    names = Names(store, 2)
    assert names.reserve(["a", "b", "c"]) == {"c"}
    assert names.known == {"a", "b"}
    assert names.refused == {"c"}
    store.failure = StoreUnavailableError()
    assert names.reserve(["a", "d"]) == {"d"}
    assert names.refused == {"c", "d"}


def test_reserve_unfit_name_takes_no_place(store: Any) -> None:
    names = Names(store, 2)
    assert names.reserve(["", "  ", "a\0", "x" * 201, "a"]) == set()
    assert names.known == {"a"}


def test_load_declares_names_that_another_writer_agreed(store: Any) -> None:
    store.control_put(ControlDocument("names", "properties", {"names": ["a", "b"]}), create=True)
    names = Names(store, 2)
    names.load()
    assert names.known == {"a", "b"}
    assert store.declared == [["a", "b"]]
    assert names.reserve(["c"]) == {"c"}


def test_failed_declaration_leaves_the_name_new(store: Any) -> None:
    names = Names(store, 10)
    names.load()
    store.failure = StoreUnavailableError()
    with pytest.raises(StoreUnavailableError):
        names.reserve(["a"])
    assert names.known == set()
    store.failure = None
    names.reserve(["a"])
    assert store.declared == [["a"]]
    assert stored_names(store) == ["a"]


def test_writers_together_agree_on_at_most_the_limit(store: Any) -> None:
    writers = [Names(store, 50) for _ in range(4)]
    refused: list[set[str]] = [set()] * 4

    def reserve(index: int) -> None:
        wanted = [f"{n % 30}" if n % 2 else f"{index}-{n}" for n in range(60)]
        refused[index] = set().union(*(writers[index].reserve(wanted[at : at + 3]) for at in range(0, 60, 3)))

    threads = [threading.Thread(target=reserve, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    agreed = stored_names(store)
    assert len(agreed) == len(set(agreed)) == 50
    for writer, names in zip(writers, refused, strict=True):
        assert writer.known <= set(agreed)
        assert names.isdisjoint(agreed)


def test_refused_names_are_remembered_up_to_a_bound(store: Any) -> None:
    names = Names(store, 0)
    for start in range(0, 30_000, 1000):
        names.reserve([f"n{n}" for n in range(start, start + 1000)])
    assert len(names.refused) <= 11_000


def test_agree_without_new_names_returns_the_same_bytes(store: Any, line: Line) -> None:
    lines = line(1, a=1) + line(2)
    assert Names(store, 10).agree(lines) is lines


def test_agree_takes_new_out_of_the_line(store: Any, line: Line) -> None:
    names = Names(store, 10)
    assert names.agree(line(1, new=["a"], a=1) + line(2, b=2)) == line(1, a=1) + line(2, b=2)
    assert names.known == {"a"}


def test_agree_drops_refused_names_from_the_index_and_keeps_what_was_sent(store: Any, line: Line) -> None:
    names = Names(store, 1)
    sent = line(1, new=["a", "b", "c"], a=1, b="2", c=[])
    agreed = orjson.loads(names.agree(sent))
    expected = orjson.loads(sent)
    expected.pop("new")
    expected["has"] = ["a"]
    expected["kinds"] = ["a\x01number"]
    expected["props"] = {"a": ["1"]}
    expected["num"] = {"a": [1]}
    assert agreed == expected
    assert orjson.loads(agreed["raw"])["properties"] == {"a": 1, "b": "2", "c": []}
    assert names.events_refused == 1


def test_agree_all_names_refused_leaves_no_empty_members(store: Any, line: Line) -> None:
    agreed = orjson.loads(Names(store, 0).agree(line(1, new=["b"], b=1)))
    assert agreed.keys().isdisjoint({"props", "num", "has", "kinds", "new"})


def test_agree_property_called_new_is_no_list_of_names(store: Any, line: Line) -> None:
    odd = event_line(Event("2", 1, 1, "open", properties={"new": ["a"], "name": '],"name":'}))
    assert b'"new":["a"]' in odd
    names = Names(store, 10)
    assert names.agree(line(1, new=["x"], x=1) + odd) == line(1, x=1) + odd
    assert names.known == {"x"}


def test_agree_names_with_quotes_and_brackets(store: Any, line: Line) -> None:
    odd = ['],"name":"', '"new":["', "\\", "ü\U0001f600"]
    properties = dict.fromkeys(odd, 1)
    names = Names(store, 10)
    assert names.agree(line(1, new=odd, **properties)) == line(1, **properties)
    assert names.known == set(odd)


def test_agree_foreign_lines_looks_at_every_name(store: Any, line: Line) -> None:
    names = Names(store, 2)
    agreed = names.agree(line(1, a=1, b=1) + line(2, new=["c"], c=1) + b'{"kind":"link"}\n', is_foreign=True)
    assert names.known == {"a", "b"}
    assert [orjson.loads(text).get("has") for text in agreed.splitlines()] == [["a", "b"], None, None]
    assert b'"new":' not in agreed


@pytest.mark.parametrize(
    "damaged",
    [b'{"kind":"event","new":[oops,"name":"x"\n', b'{"kind":"event","new":["a"],"name":\n', b'"new":[\n'],
)
def test_agree_damaged_line_is_left_to_the_store(store: Any, line: Line, damaged: bytes) -> None:
    names = Names(store, 0)
    assert names.agree(damaged + line(1, new=["b"], b=1)).startswith(damaged[:15].rstrip())
    assert (
        b'"b":' not in names.agree(damaged + line(1, new=["b"], b=1)).splitlines()[1].partition(b'"raw"')[0]
    )
