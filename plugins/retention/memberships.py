"""Find who is in which cohort and group: compiled passes over a slice, linear in its events.

PERF: loops over whole slices take plain arrays; the same by unit, with named tuples handed from loop to loop,
took twenty times as long.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from openmetrics_plugins.retention.arrays import (
    FIRST_EVER,
    NAMED,
    RECURRING,
    START,
    Columns,
    Groups,
    Members,
    Spec,
)

_jit = numba.njit(nogil=True, cache=True, error_model="numpy")


@_jit
def _row_of(time: int, edges: NDArray[np.int64], row: int) -> Any:
    """Return the row that holds an instant, at or after a row that begins before it."""
    if time < edges[row + 1]:
        return row
    if row + 2 < len(edges) and time < edges[row + 2]:
        return row + 1
    low, high = row + 1, len(edges) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= time:
            low = middle
        else:
            high = middle
    return low


@_jit
def find_rows(columns: Columns, spec: Spec) -> Any:
    """Return the row of each event, -1 before the range."""
    offsets, time, edges, start_ms = columns.offsets, columns.time, spec.edges, spec.start_ms
    rows = np.full(len(time), -1, np.int32)
    for unit in range(len(offsets) - 1):
        row = 0
        for event in range(offsets[unit], offsets[unit + 1]):
            if time[event] >= start_ms:
                row = _row_of(time[event], edges, row)
                rows[event] = row
    return rows


@_jit
def find_members(columns: Columns, rows: NDArray[np.int32], spec: Spec) -> Any:
    """Return all memberships, in order of units and rows."""
    if spec.cohort == RECURRING and spec.rolling_ms == 0:
        return _find_each(columns.offsets, columns.bits, rows)
    return _find_once(columns, rows, spec.cohort)


@_jit
def _find_each(offsets: NDArray[np.int64], bits: NDArray[np.uint64], rows: NDArray[np.int32]) -> Any:
    """Find a membership in every interval with a start."""
    firsts = np.empty(len(rows) + 1, np.int64)
    ends = np.zeros(len(offsets), np.int64)
    found = 0
    # PERF: without branches that depend on the data, this takes a third of the time.
    for unit in range(len(offsets) - 1):
        last_row = -1
        for event in range(offsets[unit], offsets[unit + 1]):
            is_start = (bits[event] >> np.uint64(START)) & np.uint64(1) != np.uint64(0)
            is_new = is_start & (rows[event] > last_row)
            firsts[found] = event
            found += is_new
            last_row = rows[event] if is_new else last_row
        ends[unit + 1] = found
    firsts = firsts[:found].copy()
    units = np.empty(found, np.int64)
    lasts = np.empty(found, np.int64)
    for unit in range(len(offsets) - 1):
        for member in range(ends[unit], ends[unit + 1]):
            units[member] = unit
            lasts[member] = firsts[member + 1] if member + 1 < ends[unit + 1] else offsets[unit + 1]
    return Members(units, rows[firsts].astype(np.int64), firsts, lasts)


@_jit
def _find_once(columns: Columns, rows: NDArray[np.int32], cohort: int) -> Any:
    """Find the membership of each unit by its one start instant."""
    offsets, time, bits = columns.offsets, columns.time, columns.bits
    start = np.uint64(1 << START)
    wanted = np.uint64(1 << NAMED) if cohort == FIRST_EVER else start
    units = np.empty(len(offsets), np.int64)
    firsts = np.empty(len(offsets), np.int64)
    lasts = np.empty(len(offsets), np.int64)
    found = 0
    for unit in range(len(offsets) - 1):
        event, end = offsets[unit], offsets[unit + 1]
        while event < end and (
            bits[event] & wanted == np.uint64(0) or (cohort == RECURRING and rows[event] < 0)
        ):
            event += 1
        if event == end or rows[event] < 0:
            continue
        firsts[found] = event
        seen = np.uint64(0)
        while event < end and time[event] == time[firsts[found]]:
            seen |= bits[event]
            event += 1
        units[found] = unit
        lasts[found] = event
        found += 1 if seen & start != np.uint64(0) else 0
    firsts = firsts[:found].copy()
    return Members(units[:found].copy(), rows[firsts].astype(np.int64), firsts, lasts[:found].copy())


@_jit
def find_periods(columns: Columns, members: Members, spec: Spec) -> Any:
    """Return the rolling interval of each event since its unit's start, -1 before it or without one.

    What is later than the last cell is one interval.
    """
    offsets, time = columns.offsets, columns.time
    periods = np.full(len(time), -1, np.int32)
    for member in range(len(members.units)):
        unit = members.units[member]
        origin = time[members.firsts[member]]
        for event in range(offsets[unit], offsets[unit + 1]):
            if time[event] >= origin:
                periods[event] = min((time[event] - origin) // spec.rolling_ms, len(spec.cell_of))
    return periods


@_jit
def find_groups(columns: Columns, members: Members, of_code: NDArray[np.int64], groups: int) -> Any:
    """Return the groups of each membership, each once, and 0 first.

    `of_code` gives the group of each code, that of missing values last; 0 stands for none.
    """
    bits, starts, codes = columns.bits, columns.starts, columns.codes
    bit = np.uint64(1 << START)
    stamps = np.full(groups, -1, np.int64)
    offsets = np.zeros(len(members.units) + 1, np.int64)
    flat = np.empty(2 * len(bits) + len(codes) + len(members.units), np.int64)
    found = 0
    for member in range(len(members.units)):
        flat[found] = 0
        stamps[0] = member
        found += 1
        for event in range(members.firsts[member], members.lasts[member]):
            first, last = starts[event], starts[event + 1]
            if bits[event] & bit == np.uint64(0):
                continue
            for place in range(first, max(last, first + 1)):
                group = of_code[codes[place]] if last > first else of_code[len(of_code) - 1]
                flat[found] = group
                found += 1 if stamps[group] != member else 0
                stamps[group] = member
        offsets[member + 1] = found
    return Groups(offsets, flat[:found].copy())
