"""The compiled loops equal the reference on random journeys, whatever the parameters."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from openmetrics.plugin import OpenMetricsError
from openmetrics_plugins.funnel.book import MISSING
from openmetrics_plugins.funnel.kernel import Tally, judge
from openmetrics_plugins.funnel.law import FOREVER
from openmetrics_plugins.funnel.model import Event, Exclusion, Journey, Rules
from openmetrics_plugins.funnel.reference import evaluate
from openmetrics_plugins.funnel.scan import Streams
from openmetrics_plugins.funnel.splits import Coded, Events, freeze

JOURNEYS = int(os.environ.get("OPENMETRICS_JOURNEYS", "6000"))
A_SLICE = 60
TEXTS = "abc"
Row = tuple[Any, ...]


def to_coded(values: Sequence[Sequence[str]]) -> Coded:
    offsets = np.cumsum([0, *(len(own) for own in values)])
    return freeze(offsets), freeze(
        np.array([TEXTS.index(value) for own in values for value in own], dtype=int)
    )


def to_events(units: Sequence[Sequence[Event]], rules: Rules) -> Events:
    """Lay out units as columns do."""
    events = [event for unit in units for event in unit]
    bits = [event.steps | event.exclusions << rules.steps for event in events]
    streams = Streams(
        freeze(np.cumsum([0, *(len(unit) for unit in units)])),
        freeze(np.array([event.time for event in events], dtype=int)),
        freeze(np.array(bits, dtype=int)),
    )
    held = len(events[0].held)
    return Events(
        streams,
        to_coded([event.values for event in events]),
        [to_coded([event.held[number] for event in events]) for number in range(held)],
    )


def read_book(book: Any) -> list[Row]:
    """Return the rows of a book: unit, value, depth, rows that it counts in, times."""
    return [
        (unit, None if code <= MISSING else TEXTS[code], depth, filled, to_times(times))
        for unit, code, depth, filled, *times in book.tolist()
    ]


def to_times(times: Sequence[int]) -> tuple[int | None, ...]:
    return tuple(None if time == FOREVER else time for time in times)


def to_row(unit: int, value: str | None, journey: Journey) -> Row:
    return (unit, value, journey.depth, journey.filled, journey.times)


def refer(units: Sequence[Sequence[Event]], rules: Rules) -> tuple[list[Row], list[Row], list[list[int]]]:
    """Return what the reference finds, in the form of a tally."""
    outcomes = [evaluate(unit, rules) for unit in units]
    entries = [[0] * len(rules.intervals) for _ in range(2)]
    for outcome in outcomes:
        for interval, counts in outcome.entries.items():
            for row, count in zip(entries, counts, strict=True):
                row[interval] += count
    journeys = [
        to_row(unit, None, found) for unit, outcome in enumerate(outcomes) for found in outcome.journeys
    ]
    groups = [
        to_row(unit, value, journey)
        for unit, outcome in enumerate(outcomes)
        for value, found in outcome.groups.items()
        for journey in found
    ]
    return journeys, groups, entries


def assert_same(units: Sequence[Sequence[Event]], rules: Rules) -> None:
    """Compare all units, and name the first that differs."""
    if is_same(judge(to_events(units, rules), rules), units, rules):
        return
    for unit in units:
        tally = judge(to_events([unit], rules), rules)
        assert is_same(tally, [unit], rules), (rules, unit, read_book(tally.journeys), evaluate(unit, rules))
    raise AssertionError(f"only together the units differ: {rules}")


def is_same(tally: Tally, units: Sequence[Sequence[Event]], rules: Rules) -> bool:
    journeys, groups, entries = refer(units, rules)
    return (
        sorted(read_book(tally.journeys), key=repr) == sorted(journeys, key=repr)
        and sorted(read_book(tally.groups), key=repr) == sorted(groups, key=repr)
        and tally.entries.tolist() == entries
    )


@pytest.mark.timeout(0 if JOURNEYS > 6000 else 300)
def test_kernel_equals_reference_on_random_journeys(draw: Callable[[int], Any]) -> None:
    drawing = draw(int(os.environ.get("OPENMETRICS_SEED", "1")))
    for _ in range(JOURNEYS // A_SLICE):
        rules, held = drawing.rules(), drawing.random.choice((0, 0, 0, 1, 2))
        assert_same([drawing.events(rules, held) for _ in range(A_SLICE)], rules)


# Long journeys


def time_judge(names: np.ndarray[Any, Any], rules: Rules) -> tuple[float, Tally]:
    """Judge one unit that does a thing a second; return the seconds taken."""
    bits = freeze(1 << names.astype(np.int64))
    offsets = freeze(np.array([0, len(bits)]))
    no_values = freeze(np.zeros(len(bits) + 1)), freeze(np.zeros(0))
    streams = Streams(offsets, freeze(np.arange(len(bits)) * 1000), bits)
    judge(
        Events(
            Streams(freeze(np.array([0, 1])), streams.time[:1], bits[:1]), (no_values[0][:2], no_values[1])
        ),
        rules,
    )
    begun = time.thread_time()
    tally = judge(Events(streams, no_values), rules)
    return time.thread_time() - begun, tally


ROBOTS = (
    pytest.param(Rules(3, 10**9), id="plain"),
    pytest.param(Rules(3, 10**9, order="strict"), id="strict"),
    pytest.param(Rules(3, 10**9, order="any"), id="any"),
    pytest.param(Rules(3, 10**9, within=(None, 5000, 5000)), id="within"),
    pytest.param(Rules(3, 10**9, grace_ms=2000), id="grace"),
    pytest.param(Rules(3, 10**9, optional=(False, True, False)), id="optional"),
    pytest.param(Rules(3, 10**9, exclusions=(Exclusion(0, 2),)), id="remove"),
    pytest.param(Rules(3, 10**9, exclusions=(Exclusion(1, 2),)), id="remove-late"),
    pytest.param(Rules(3, 10**9, exclusions=(Exclusion(0, 2, True),)), id="drop"),
    pytest.param(Rules(3, 10**6, is_total=True), id="total"),
    pytest.param(Rules(3, 10**9, intervals=tuple(range(0, 10**9, 10**6))), id="intervals"),
    pytest.param(Rules(3, 10**9, attribution="step", attributed=0), id="step-1"),
    pytest.param(Rules(3, 10**9, attribution="step", attributed=1), id="step-2"),
)


@pytest.mark.parametrize("rules", ROBOTS)
@pytest.mark.parametrize("shape", ["starts", "loops", "late"])
def test_robot_costs_by_the_number_of_its_events(rules: Rules, shape: str) -> None:
    """A million events of one unit: A A A ... B, A B X A B X ..., and A ... A B ... B X."""
    size = 1_000_000
    if shape == "starts":
        names = np.zeros(size)
        names[-1] = 1
    elif shape == "loops":
        names = np.arange(size) % 3
        names[names == 2] = 3
    else:
        names = np.repeat([0, 1], size // 2)
        names[-1] = 3
    seconds, tally = time_judge(names, rules)
    assert seconds < 10, f"{seconds:.1f} s"
    assert len(tally.journeys) >= 0


def test_too_much_work_is_refused() -> None:
    """Eleven events of one instant, each of which may be any of twelve steps but one."""
    rules = Rules(13, 1000)
    unit = [Event(0, (1 << 12) - 1 - (1 << number)) for number in range(11)] + [Event(0, 1 << 12)]
    with pytest.raises(OpenMetricsError) as caught:
        judge(to_events([unit], rules), rules)
    assert caught.value.code == "query-too-large"
