"""The compiled loops equal the reference on random journeys, whatever the parameters."""

from __future__ import annotations

import math
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pytest

from openmetrics.query.calendar import iter_intervals, next_start
from openmetrics.query.model import Interval
from openmetrics.query.times import parse_time
from openmetrics_plugins.retention import kernel, memberships
from openmetrics_plugins.retention.arrays import (
    NAMED,
    NO_PICK,
    ON,
    RETURN,
    START,
    Columns,
    Groups,
    Runs,
    Tallies,
    Totals,
    build_spec,
    freeze,
    new_tallies,
    new_totals,
)
from openmetrics_plugins.retention.model import COHORTS, RETAINED, Event, Membership, Rules
from openmetrics_plugins.retention.reference import evaluate

JOURNEYS = int(os.environ.get("OPENMETRICS_JOURNEYS", "2400"))
A_SLICE = 60
MOMENTS = (
    ("Europe/Berlin", "2026-03-28T20:00:00Z"),
    ("Europe/Berlin", "2026-10-24T20:00:00Z"),
    ("America/New_York", "2026-03-07T12:00:00Z"),
    ("America/New_York", "2026-10-31T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T10:00:00Z"),
    ("Asia/Kathmandu", "2026-12-30T00:00:00Z"),
    ("UTC", "1969-12-28T03:00:00Z"),
)
LENGTHS_MS = {
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
    "month": 2_592_000_000,
}
VALUES = ("a", "b", "c")
NOTHING = 1e-9
"""What may be left of a sum whose parts cancel each other out."""
NUMBERS = (None, 0.1, 0.2, -3.0, 2.5, 1e15, -1e15)


def draw_rules(rng: random.Random) -> Rules:
    """Draw parameters, with a range that begins and ends anywhere or on the edges of intervals."""
    zone, moment = rng.choice(MOMENTS)
    unit: Any = rng.choice(tuple(LENGTHS_MS))
    interval = Interval(unit, zone, rng.choice((0, 6)))
    start_ms = parse_time(moment) + rng.randrange(LENGTHS_MS[unit])
    end_ms = start_ms + rng.randrange(1, 7 * LENGTHS_MS[unit])
    if rng.random() < 0.5:
        edges = tuple(iter_intervals(start_ms, end_ms + 3 * LENGTHS_MS[unit], interval))
        start_ms, end_ms = edges[1], edges[-1]
    starts = tuple(iter_intervals(start_ms, end_ms, interval))
    periods = rng.randrange(9)
    cells = tuple(range(periods + 2))
    if rng.random() < 0.3:
        cells = (0, *accumulate((rng.randrange(1, 4) for _ in range(rng.randrange(1, 4))), initial=1))
    return Rules(
        start_ms,
        end_ms,
        (*starts, next_start(starts[-1], interval)),
        cells,
        rng.choice(COHORTS),
        rng.choice((0, LENGTHS_MS[unit])),
        rng.choice(RETAINED),
        rng.choice((1, 1, 2, 3)),
        rng.random() < 0.5,
    )


def draw_journeys(rng: random.Random, rules: Rules, count: int) -> list[list[Event]]:
    """Draw units with few distinct instants, edges of intervals among them."""
    length = rules.edges[1] - rules.edges[0]
    times = [time + shift for time in (*rules.edges, rules.start_ms) for shift in (-1, 0, 1)]
    times += [rng.randrange(rules.start_ms - 2 * length, rules.end_ms) for _ in range(4)]
    times += [times[-1] + step * rules.rolling_ms for step in (1, 2)]
    times = [time for time in times if time < rules.end_ms]
    journeys = []
    for _ in range(count):
        events = [draw_event(rng, rng.choice(times)) for _ in range(rng.randrange(1, 12))]
        journeys.append(sorted(events, key=lambda event: event.time))
    return journeys


def draw_event(rng: random.Random, time: int) -> Event:
    is_start = rng.random() < 0.4
    is_named = is_start or rng.random() < 0.2
    values = tuple(rng.sample(VALUES, rng.choice((0, 1, 1, 1, 2))))
    return Event(time, is_start, rng.random() < 0.6, is_named, values, rng.choice(NUMBERS))


def to_columns(journeys: Sequence[Sequence[Event]]) -> Columns:
    """Lay journeys out as a slice does."""
    events = [event for journey in journeys for event in journey]
    bits = [e.is_start << START | e.is_return << RETURN | e.is_named << NAMED for e in events]
    return Columns(
        freeze(np.cumsum([0, *map(len, journeys)]), np.int64),
        freeze([event.time for event in events], np.int64),
        freeze(bits, np.uint64),
        freeze(np.cumsum([0, *(len(event.values) for event in events)]), np.int64),
        freeze([VALUES.index(value) for event in events for value in event.values], np.int32),
        freeze([math.nan if event.number is None else event.number for event in events], np.float64),
    )


def run_kernel(
    columns: Columns, rules: Rules, pick: tuple[int, int, int], is_simple: bool
) -> tuple[Tallies, Totals]:
    """Run all passes; the groups are everybody, each of VALUES, and missing."""
    spec = build_spec(rules)
    shape = (len(VALUES) + 2, rules.rows, len(rules.cells) - 1)
    rows = memberships.find_rows(columns, spec)
    members = memberships.find_members(columns, rows, spec)
    periods = memberships.find_periods(columns, members, spec) if rules.rolling_ms else rows
    offsets, found, before = kernel.find_runs(columns, periods)
    runs = Runs(offsets, found, before, *kernel.sum_runs(columns, before, periods))
    groups: Groups = memberships.find_groups(columns, members, np.arange(1, len(VALUES) + 2), len(VALUES) + 2)
    tallies = new_tallies(shape, len(columns.offsets) - 1, pick)
    (kernel.count_simply if is_simple else kernel.count_members)(members, runs, groups, spec, tallies)
    totals = new_totals(shape)
    kernel.sum_members(members, runs, groups, spec, totals)
    return tallies, totals


def tally(found: Sequence[Sequence[Membership]]) -> dict[Any, Any]:
    """Count what the reference finds, by group, row and cell."""
    counts: dict[Any, Any] = defaultdict(int)
    numbers: dict[Any, list[float]] = defaultdict(list)
    for member in (member for members in found for member in members):
        for group in (0, *sorted(4 if v is None else 1 + VALUES.index(v) for v in member.values)):
            counts["sizes", group, member.row] += 1
            for cell in range(len(member.kept)):
                counts["kept", group, member.row, cell] += member.kept[cell]
                counts["returned", group, member.row, cell] += member.returned[cell]
                numbers["sums", group, member.row, cell] += member.numbers[cell]
    sums = {key: math.fsum(found) for key, found in numbers.items()}
    return {key: value for key, value in {**counts, **sums}.items() if abs(value) > NOTHING}


def flatten(tallies: Tallies, totals: Totals) -> dict[Any, Any]:
    """Return what the kernel counted in the same form."""
    arrays = {
        "sizes": tallies.sizes,
        "kept": tallies.kept,
        "returned": totals.returned,
        "sums": totals.sums + totals.rests,
    }
    return {
        (name, *map(int, at)): array[tuple(at)].item()
        for name, array in arrays.items()
        for at in np.argwhere(abs(array) > NOTHING)
    }


def check(journeys: Sequence[Sequence[Event]], rules: Rules, pick: tuple[int, int, int]) -> None:
    """Hold the kernel equal to the reference."""
    found = [evaluate(journey, rules) for journey in journeys]
    columns = to_columns(journeys)
    tallies, totals = run_kernel(columns, rules, pick, is_simple=False)
    expected, counted = tally(found), flatten(tallies, totals)
    assert counted == pytest.approx(expected, rel=1e-13), (rules, journeys)
    group, row, cell = pick
    marks = [0] * len(journeys)
    for unit, members in enumerate(found):
        for member in members:
            groups = (0, *(4 if v is None else 1 + VALUES.index(v) for v in member.values))
            if member.row == row and group in groups:
                marks[unit] = 1 + member.kept[cell]
    assert tallies.marks.tolist() == marks, (rules, journeys)
    if rules.retained == RETAINED[ON] and rules.min_count == 1:
        simple, _ = run_kernel(columns, rules, NO_PICK, is_simple=True)
        assert np.array_equal(simple.kept, tallies.kept)
        assert np.array_equal(simple.sizes, tallies.sizes)


@pytest.mark.parametrize("seed", range(4))
def test_kernel_random_journeys_equals_reference(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(JOURNEYS // A_SLICE // 4):
        rules = draw_rules(rng)
        journeys = draw_journeys(rng, rules, A_SLICE)
        row = rng.randrange(rules.rows)
        check(journeys, rules, (rng.randrange(5), row, rng.randrange(rules.widths[row])))


def test_kernel_robot_costs_what_its_events_cost() -> None:
    times = range(0, 86_400_000 * 30, 86_400_000 * 30 // 200_000)
    robot = [Event(time, True, True, True, ("a",), 1.0) for time in times]
    days = tuple(86_400_000 * day for day in range(31))
    rules = Rules(0, days[-1], days, tuple(range(13)))
    begun = time.monotonic()
    tallies, totals = run_kernel(to_columns([robot]), rules, NO_PICK, is_simple=False)
    assert time.monotonic() - begun < 20
    assert tallies.kept[1, 0].tolist() == [1] * 12
    assert totals.sums[0].sum() == pytest.approx(
        sum(min(12, 30 - row) for row in range(30)) * len(robot) / 30, 0.01
    )


def test_kernel_is_compiled_once(holding: Callable[..., Any], ask: Callable[..., Any]) -> None:
    event = {
        "name": "open",
        "user_id": "ann",
        "time": "2026-11-01T00:00:00Z",
        "properties": {"plan": ["a", "b"]},
    }
    question: dict[str, Any] = {"range": {"from": "2026-11-01", "to": "2026-11-03"}}
    with holding([event]) as app:
        for members in ({}, {"mode": "rolling"}, {"breakdown": "props.plan"}, {"unit": "props.plan"}):
            ask(app, {**question, **members, "value": {"measure": "sum", "of": "value"}, "min_count": 2})
            ask(app, {**question, **members})
    found = {**vars(kernel), **vars(memberships)}
    loops = {name: loop for name, loop in found.items() if hasattr(loop, "signatures") and name[0] != "_"}
    assert len(loops) == 9
    assert {name: len(loop.signatures) for name, loop in loops.items() if len(loop.signatures) > 1} == {}
