"""The reference keeps the rules, one by one."""

from __future__ import annotations

from typing import Any

from openmetrics_plugins.retention.model import Event, Rules
from openmetrics_plugins.retention.reference import evaluate

RULES: dict[str, Any] = {
    "start_ms": 0,
    "end_ms": 80,
    "edges": tuple(range(0, 81, 10)),
    "cells": (0, 1, 2, 3, 4),
}


def start(time: int, *values: str, named: bool = True) -> Event:
    return Event(time, is_start=True, is_named=named, values=values)


def back(time: int, number: float | None = None) -> Event:
    return Event(time, is_return=True, number=number)


def kept(*events: Event, **members: Any) -> list[tuple[int, str]]:
    """Return the rows of a unit, and its cells as a text of 0 and 1."""
    found = evaluate(events, Rules(**{**RULES, **members}))
    return [(member.row, "".join(str(int(cell)) for cell in member.kept)) for member in found]


def test_recurring_every_interval_with_a_start() -> None:
    assert kept(start(1), start(2), start(15), back(25)) == [(0, "1010"), (1, "1100")]


def test_first_time_looks_at_all_history() -> None:
    assert kept(start(-5), start(35), cohort="first_time") == []
    assert kept(start(15), back(25), start(35), cohort="first_time") == [(1, "1100")]


def test_first_ever_must_match_the_filter() -> None:
    other = Event(5, is_named=True)
    assert kept(other, start(15), cohort="first_ever") == []
    assert kept(other, start(15), cohort="first_time") == [(1, "1000")]
    assert kept(Event(5, is_named=True), start(5), cohort="first_ever") == [(0, "1000")]


def test_rolling_counts_whole_units_since_the_first_start() -> None:
    assert kept(start(7), back(16), start(17), back(27), rolling_ms=10) == [(0, "1010")]
    assert kept(start(7), back(16), start(17), back(27)) == [(0, "1110"), (1, "1100")]


def test_zero_returned_counts_returns_before_the_start_too() -> None:
    assert kept(back(1), start(5), zero_returned=True) == [(0, "1000")]
    assert kept(start(5), zero_returned=True) == [(0, "0000")]
    assert kept(back(1), start(5), zero_returned=True, rolling_ms=10) == [(0, "0000")]


def test_retained_ways() -> None:
    events = (start(1), back(11), back(35))
    assert kept(*events, retained="on") == [(0, "1101")]
    assert kept(*events, retained="on_or_after") == [(0, "1111")]
    assert kept(*events, retained="on_or_before") == [(0, "1111")]
    assert kept(*events, retained="streak") == [(0, "1100")]
    assert kept(start(1), back(75), retained="on_or_after") == [(0, "1111")]


def test_min_count_counts_in_the_cells_own_span() -> None:
    events = (start(1), back(11), back(12), back(21), back(45))
    assert kept(*events, min_count=2, retained="on") == [(0, "1100")]
    assert kept(*events, min_count=2, retained="on_or_after") == [(0, "1110")]
    assert kept(*events, min_count=3, retained="on_or_before") == [(0, "1011")]
    assert kept(*events, min_count=2, retained="streak") == [(0, "1100")]


def test_brackets_are_intervals() -> None:
    events = (start(1), back(15), back(35))
    assert kept(*events, cells=(0, 1, 4, 8), min_count=2) == [(0, "110")]
    assert Rules(**{**RULES, "cells": (0, 1, 4, 5, 8)}).labels == ("0", "1-3", "4", "5-7")


def test_rows_have_the_cells_that_begin_in_range() -> None:
    assert Rules(**RULES).widths == (4, 4, 4, 4, 4, 3, 2, 1)
    assert Rules(**{**RULES, "rolling_ms": 10}).widths == (4, 4, 4, 4, 4, 3, 2, 1)


def test_values_of_all_starts_in_the_row() -> None:
    found = evaluate([start(1, "a"), start(2), start(12, "b", "c")], Rules(**RULES))
    assert [member.values for member in found] == [{"a", None}, {"b", "c"}]
    found = evaluate([start(1, "a"), start(1, "b"), start(2, "c")], Rules(**RULES, rolling_ms=10))
    assert [member.values for member in found] == [{"a", "b"}]


def test_numbers_of_returns_in_the_cells_own_interval() -> None:
    [member] = evaluate(
        [start(1), back(11, 2.0), back(12), back(25, 3.0)], Rules(**RULES, retained="on_or_after")
    )
    assert member.numbers == ((), (2.0,), (3.0,), ())
    assert member.returned == (False, True, True, False)
