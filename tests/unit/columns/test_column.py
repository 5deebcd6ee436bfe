"""Dictionary-coded columns: read from Arrow, joined, compacted, asked."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmetrics.columns.column import Column, compact, empty_column, join_columns, read_column
from openmetrics.columns.dictionary import unify_texts
from openmetrics.columns.filters import ask_texts
from openmetrics.columns.kernels import spread_codes
from openmetrics.query.match import NUMBER_TESTS, TEXT_TESTS
from openmetrics.query.values import numeric_value
from openmetrics.testing.journeys import ODD_TEXTS

TEXTS = tuple(text for text in ODD_TEXTS if len(text) <= 1_024)
LISTS = st.lists(st.one_of(st.none(), st.lists(st.sampled_from(TEXTS), max_size=4)), max_size=8)


def column_of(rows: list[Any]) -> Column:
    return read_column([pa.array(rows, pa.list_(pa.string()))])


def texts_of(column: Column) -> list[set[str]]:
    starts, flat = spread_codes(column.codes, column.offsets, column.flat)
    texts = column.texts.to_pylist()
    return [{texts[code] for code in flat[a:b]} for a, b in pairwise(starts)]


def plain(rows: list[Any]) -> list[set[str]]:
    return [set(row or ()) for row in rows]


@settings(deadline=None)
@given(LISTS, LISTS)
def test_columns_hold_what_they_were_read_from(left: list[Any], right: list[Any]) -> None:
    joined = join_columns([column_of(left), column_of(right)])
    assert texts_of(joined) == plain(left + right)
    assert texts_of(compact(joined)) == plain(left + right)
    order = np.arange(len(joined.codes))[::-1]
    assert texts_of(compact(joined.take(order))) == plain(left + right)[::-1]
    assert texts_of(joined.slice(1, 3)) == plain(left + right)[1:3]


@settings(deadline=None)
@given(LISTS)
def test_compact_keeps_only_texts_in_use_each_once(rows: list[Any]) -> None:
    column = compact(join_columns([column_of(rows), column_of([["never seen again"]])]).slice(0, len(rows)))
    texts = column.texts.to_pylist()
    assert sorted(texts) == sorted(set().union(*plain(rows)))


def test_read_column_takes_dictionaries_and_nulls() -> None:
    chunks = [pa.array(["a", None, "b"]).dictionary_encode(), pa.array(["b", "c"]).dictionary_encode()]
    column = read_column(chunks)
    assert texts_of(column) == [{"a"}, set(), {"b"}, {"b"}, {"c"}]
    assert len(column.texts) == 3


def test_read_column_of_nothing_is_empty() -> None:
    assert len(read_column([]).codes) == 0
    assert texts_of(compact(empty_column(2))) == [set(), set()]


@pytest.mark.parametrize("op", [*TEXT_TESTS, *NUMBER_TESTS])
@settings(deadline=None)
@given(rows=LISTS, text=st.sampled_from(TEXTS), number=st.sampled_from((-1500.0, 0.0, 1.0, 12.0)))
def test_tables_answer_as_match_does(op: str, rows: list[Any], text: str, number: float) -> None:
    column = column_of(rows)
    operand: Any = text
    if op in NUMBER_TESTS:
        operand = (number, number + 1) if op == "between" else number
    elif op == "in":
        operand = (text, "a")
    table = column.table(ask_texts(column, op, operand))
    answers = table.take(column.codes, mode="wrap").tolist()
    assert answers == [any(holds(op, element, operand) for element in row or ()) for row in rows]


def holds(op: str, text: str, operand: Any) -> bool:
    if op in TEXT_TESTS:
        return TEXT_TESTS[op](text, operand)
    number = numeric_value(text)
    return number is not None and NUMBER_TESTS[op](number, operand)


def test_numbers_of_texts_are_those_of_values() -> None:
    column = column_of([[text] for text in TEXTS])
    for text, number in zip(column.texts.to_pylist(), column.numbers, strict=True):
        expected = numeric_value(text)
        assert math.isnan(number) if expected is None else number == expected


def test_unify_gives_equal_texts_one_code() -> None:
    first, second = column_of([["a"], ["b"]]), column_of([["b"], ["c"]])
    dictionary = unify_texts([first.texts, second.texts])
    assert dictionary.texts == ["a", "b", "c"]
    assert dictionary.map_of(first).tolist() == [0, 1]
    assert dictionary.map_of(second).tolist() == [1, 2]
