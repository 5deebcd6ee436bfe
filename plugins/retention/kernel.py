"""Count who returned when, compiled: the rest of what `reference.py` means, for known memberships."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from openmetrics_plugins.retention.arrays import (
    ON_OR_AFTER,
    ON_OR_BEFORE,
    RETURN,
    STREAK,
    Columns,
    Groups,
    Members,
    Runs,
    Spec,
    Tallies,
    Totals,
)

_jit = numba.njit(nogil=True, cache=True, error_model="numpy")


@_jit
def find_runs(columns: Columns, periods: NDArray[np.int32]) -> Any:
    """Return the intervals in which each unit returned, without sums."""
    offsets, bits = columns.offsets, columns.bits
    starts = np.zeros(len(offsets), np.int64)
    found_periods = np.empty(len(periods) + 1, np.int64)
    before = np.zeros(len(periods) + 1, np.int64)
    found = 0
    count = 0
    for unit in range(len(offsets) - 1):
        last = -1
        for event in range(offsets[unit], offsets[unit + 1]):
            is_return = (bits[event] >> np.uint64(RETURN)) & np.uint64(1) != np.uint64(0)
            is_new = is_return & (periods[event] > last)
            found_periods[found] = periods[event]
            before[found] = count
            found += is_new
            count += is_return & (periods[event] >= 0)
            last = periods[event] if is_new else last
        starts[unit + 1] = found
    before[found] = count
    return starts, found_periods[:found].copy(), before[: found + 1].copy()


@_jit
def sum_runs(columns: Columns, before: NDArray[np.int64], periods: NDArray[np.int32]) -> Any:
    """Return the sum of the numbers of each run, in two parts."""
    bits, numbers = columns.bits, columns.numbers
    bit = np.uint64(1 << RETURN)
    sums = np.zeros(len(before) - 1)
    rests = np.zeros(len(before) - 1)
    run = 0
    count = 0
    for event in range(len(numbers)):
        if bits[event] & bit == np.uint64(0) or periods[event] < 0:
            continue
        if count == before[run + 1]:
            run += 1
        count += 1
        if not np.isnan(numbers[event]):
            _add(sums, rests, run, numbers[event])
    return sums, rests


@_jit
def _add(sums: NDArray[np.float64], rests: NDArray[np.float64], place: int, number: float) -> None:
    """Add a number so that the order of additions hardly matters (Neumaier's sum)."""
    total = sums[place] + number
    if abs(sums[place]) >= abs(number):
        rests[place] += (sums[place] - total) + number
    else:
        rests[place] += (number - total) + sums[place]
    sums[place] = total


@_jit
def count_members(members: Members, runs: Runs, groups: Groups, spec: Spec, tallies: Tallies) -> None:
    """Count all memberships, and those that are kept in each cell of their rows."""
    units, rows, flat, sizes, kept = members.units, members.rows, groups.flat, tallies.sizes, tallies.kept
    first_runs = _find_first_runs(members, runs, spec.rolling_ms > 0)
    counts = np.zeros(spec.cell_of[-1] + 1, np.int64)
    hits = np.zeros(len(counts), np.int64)
    for member in range(len(units)):
        unit, row = units[member], rows[member]
        base = 0 if spec.rolling_ms else row
        stretch = (first_runs[member], runs.offsets[unit + 1])
        later = _fill(base, stretch, runs, spec.cell_of, counts)
        _judge(later, spec, counts, hits)
        for place in range(groups.offsets[member], groups.offsets[member + 1]):
            group = flat[place]
            sizes[group, row] += 1
            for cell in range(spec.widths[row]):
                kept[group, row, cell] += hits[cell]
            if group == tallies.pick[0] and row == tallies.pick[1]:
                tallies.marks[unit] = 1 + hits[tallies.pick[2]]


@_jit
def count_simply(members: Members, runs: Runs, groups: Groups, spec: Spec, tallies: Tallies) -> None:
    """Do what `count_members` does where a cell holds those who returned in it at all, and none is picked."""
    rows, periods, cell_of = members.rows, runs.periods, spec.cell_of
    flat, sizes, kept = groups.flat, tallies.sizes, tallies.kept
    first_runs = _find_first_runs(members, runs, spec.rolling_ms > 0)
    for member in range(len(rows)):
        row = rows[member]
        base = 0 if spec.rolling_ms else row
        last_run = runs.offsets[members.units[member] + 1]
        for place in range(groups.offsets[member], groups.offsets[member + 1]):
            group = flat[place]
            sizes[group, row] += 1
            last_cell = -1
            run = first_runs[member]
            while run < last_run and periods[run] - base < len(cell_of):
                cell = cell_of[periods[run] - base]
                kept[group, row, cell] += cell != last_cell
                last_cell = cell
                run += 1
    if not spec.zero_returned:
        kept[:, :, 0] = sizes


@_jit
def _find_first_runs(members: Members, runs: Runs, is_rolling: bool) -> Any:
    """Return for each membership the unit's first run that is not before its row."""
    units, rows, offsets, periods = members.units, members.rows, runs.offsets, runs.periods
    found = np.empty(len(units), np.int64)
    run = 0
    for member in range(len(units)):
        run = max(run, offsets[units[member]])
        while not is_rolling and run < offsets[units[member] + 1] and periods[run] < rows[member]:
            run += 1
        found[member] = run
    return found


@_jit
def _fill(base: int, stretch: Any, runs: Runs, cell_of: NDArray[np.int64], counts: NDArray[np.int64]) -> Any:
    """Spread runs over the cells of a row; return the number of returns after interval 0."""
    periods, before = runs.periods, runs.before
    first, last = stretch
    counts[:] = 0
    later = before[last] - before[first]
    for run in range(first, last):
        period = periods[run] - base
        if period >= len(cell_of):
            break
        count = before[run + 1] - before[run]
        later -= count if period == 0 else 0
        counts[cell_of[period]] += count
    return later


@_jit
def _judge(later: int, spec: Spec, counts: NDArray[np.int64], hits: NDArray[np.int64]) -> None:
    """Say for each cell whether the unit is kept in it."""
    least = spec.min_count
    hits[0] = not spec.zero_returned or counts[0] >= least
    before = 0
    is_unbroken = True
    for cell in range(1, len(counts)):
        count = counts[cell]
        is_unbroken &= count >= least
        if spec.retained == ON_OR_AFTER:
            hits[cell] = later - before >= least
        elif spec.retained == ON_OR_BEFORE:
            hits[cell] = before + count >= least
        elif spec.retained == STREAK:
            hits[cell] = is_unbroken
        else:
            hits[cell] = count >= least
        before += count


@_jit
def sum_members(members: Members, runs: Runs, groups: Groups, spec: Spec, totals: Totals) -> None:
    """Add up what the returns of all memberships are worth."""
    first_runs = _find_first_runs(members, runs, spec.rolling_ms > 0)
    stamps = np.full(totals.returned.shape, -1, np.int64)
    for member in range(len(members.units)):
        row = members.rows[member]
        base = 0 if spec.rolling_ms else row
        for run in range(first_runs[member], runs.offsets[members.units[member] + 1]):
            period = runs.periods[run] - base
            if period >= len(spec.cell_of) or spec.cell_of[period] >= spec.widths[row]:
                break
            cell = spec.cell_of[period]
            for place in range(groups.offsets[member], groups.offsets[member + 1]):
                group = groups.flat[place]
                _add(totals.sums[group, row], totals.rests[group, row], cell, runs.sums[run])
                totals.rests[group, row, cell] += runs.rests[run]
                totals.returned[group, row, cell] += stamps[group, row, cell] != member
                stamps[group, row, cell] = member
