"""The compiled loops of trends: over the events of a slice, and over what counts of them.

NOTE: arrays come in read-only (see `freeze`), so that each loop is compiled once.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

njit = numba.njit(nogil=True, cache=True)


def freeze(array: Any, dtype: Any) -> Any:
    """Return an array of a type as a read-only one."""
    found = np.ascontiguousarray(array, dtype=dtype).view()
    found.flags.writeable = False
    return found


@njit
def find_intervals(offsets: Any, time: Any, edges: Any) -> NDArray[np.int32]:
    """Return the interval of each event; those of a unit are in order of time."""
    found = np.empty(len(time), dtype=np.int32)
    last = len(edges) - 2
    for unit in range(len(offsets) - 1):
        at = -1
        for row in range(offsets[unit], offsets[unit + 1]):
            if at < 0:
                at = np.searchsorted(edges, time[row], side="right") - 1
            while at < last and time[row] >= edges[at + 1]:
                at += 1
            found[row] = at
    return found


@njit
def combine(outer: Any, keys: Any, inner: Any, codes: Any, size: int) -> Any:
    """Return the keys of all combinations of each event's keys with its codes; no code is code `size`."""
    starts = np.zeros(len(outer), dtype=np.int64)
    for row in range(len(outer) - 1):
        found = max(inner[row + 1] - inner[row], 1)
        starts[row + 1] = starts[row] + (outer[row + 1] - outer[row]) * found
    joined = np.empty(starts[-1], dtype=np.int64)
    for row in range(len(outer) - 1):
        at = starts[row]
        for place in range(outer[row], outer[row + 1]):
            base = keys[place] * (size + 1)
            if inner[row] == inner[row + 1]:
                joined[at] = base + size
                at += 1
            for other in range(inner[row], inner[row + 1]):
                joined[at] = base + codes[other]
                at += 1
    return starts, joined


@njit
def expand(offsets: Any, bits: Any, mask: Any, intervals: Any, grouped: Any) -> Any:
    """Return unit, cell and row of what counts: each event of a mask, once in each of its groups.

    `grouped` is starts, keys, the group of each key (-1: none), the number of intervals, and of keys. An
    event is in a group once, though several of its keys lead there. Cells go by group, then interval.
    """
    most = grouped[4]
    units = np.empty(most, dtype=np.int32)
    cells = np.empty(most, dtype=np.int64)
    rows = np.empty(most, dtype=np.int64)
    count = 0
    for unit in range(len(offsets) - 1):
        for row in range(offsets[unit], offsets[unit + 1]):
            if bits[row] & mask != 0:
                end = _expand_row(cells, (count, row), intervals[row], grouped)
                units[count:end], rows[count:end] = unit, row
                count = end
    return units[:count], cells[:count], rows[:count]


@njit
def _expand_row(cells: Any, at: Any, interval: Any, grouped: Any) -> Any:
    """Add the cells of a row, and return their end."""
    (first, row), (starts, keys, table, width, _) = at, grouped
    count = first
    for place in range(starts[row], starts[row + 1]):
        group = table[keys[place]]
        cell = group * width + interval
        if group >= 0 and not _is_among(cells, first, count, cell):
            cells[count] = cell
            count += 1
    return count


@njit
def _is_among(cells: Any, first: Any, end: Any, cell: Any) -> bool:
    found = False
    for place in range(first, end):
        found |= cells[place] == cell
    return found


@njit
def expand_plain(offsets: Any, bits: Any, mask: Any, intervals: Any) -> Any:
    """Return the same without any groups."""
    units = np.empty(len(bits), dtype=np.int32)
    cells = np.empty(len(bits), dtype=np.int64)
    rows = np.empty(len(bits), dtype=np.int64)
    count = 0
    for unit in range(len(offsets) - 1):
        for row in range(offsets[unit], offsets[unit + 1]):
            if bits[row] & mask != 0:
                units[count], cells[count], rows[count] = unit, intervals[row], row
                count += 1
    return units[:count], cells[:count], rows[:count]


@njit
def count_cells(cells: Any, width: int, size: int) -> NDArray[np.int64]:
    """Count by cell; `width` joins so many neighbours to one."""
    counts = np.zeros(size, dtype=np.int64)
    for row in range(len(cells)):
        counts[cells[row] // width] += 1
    return counts


@njit
def count_heads(units: Any, cells: Any, width: int, size: int) -> NDArray[np.int64]:
    """Count the units of each cell, each once; those of a unit stand together."""
    counts = np.zeros(size, dtype=np.int64)
    seen = np.full(size, -1, dtype=np.int32)
    for row in range(len(cells)):
        cell = cells[row] // width
        if seen[cell] != units[row]:
            seen[cell] = units[row]
            counts[cell] += 1
    return counts


@njit
def add_numbers(cells: Any, numbers: Any, width: int, size: int) -> Any:
    """Return of each cell how many numbers it has, their sum and its rounding error, the least, the most."""
    counts = np.zeros(size, dtype=np.int64)
    sums, rests = np.zeros(size), np.zeros(size)
    least, most = np.full(size, np.inf), np.full(size, -np.inf)
    for row in range(len(cells)):
        number = numbers[row]
        if np.isnan(number):
            continue
        cell = cells[row] // width
        counts[cell] += 1
        total = sums[cell] + number
        if abs(sums[cell]) >= abs(number):
            rests[cell] += (sums[cell] - total) + number
        else:
            rests[cell] += (number - total) + sums[cell]
        sums[cell] = total
        least[cell] = min(least[cell], number)
        most[cell] = max(most[cell], number)
    return counts, sums, rests, least, most
