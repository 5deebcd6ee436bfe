"""Group events by something else than their actor: by session, or by the values of a property."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.gather import Gathered
from openmetrics.columns.kernels import find_unsorted, freeze, group_rows, sort_runs, take_runs
from openmetrics.columns.slices import Codes, Slice


def regroup(parts: Sequence[Gathered], unit_keys: NDArray[np.int64], rows_a_slice: int) -> Iterator[Slice]:
    """Yield the events anew, by unit; an event with several units is in each of them.

    The last codes of each slice are its units, and `unit_keys` their keys.
    """
    offsets, flat = _join_codes([part.slice.codes[-1] for part in parts])
    events = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    time = np.concatenate([part.slice.time for part in parts])[events]
    seq = np.concatenate([part.seq for part in parts])[events]
    ranks = np.empty(len(unit_keys), dtype=np.int32)
    ranks[np.argsort(unit_keys)] = np.arange(len(unit_keys))
    bounds, order = group_rows(freeze(ranks[flat]), len(unit_keys))
    unsorted = find_unsorted(bounds, time[order], seq[order])
    sort_runs(order, bounds, unsorted, (freeze(time), freeze(seq)))
    has_rows = np.diff(bounds) > 0
    keys = np.sort(unit_keys)[has_rows]
    bounds = np.concatenate((bounds[:-1][has_rows], bounds[-1:]))
    rows = events[order]
    bits = np.concatenate([part.slice.bits for part in parts])
    codes = [
        _join_codes([part.slice.codes[index] for part in parts])
        for index in range(len(parts[0].slice.codes) - 1)
    ]
    numbers = [
        np.concatenate([part.slice.numbers[index] for part in parts])
        for index in range(len(parts[0].slice.numbers))
    ]
    for first, last in cut_units(np.diff(bounds), rows_a_slice):
        begin, end = bounds[first], bounds[last]
        taken = rows[begin:end]
        yield Slice(
            freeze(keys[first:last]),
            freeze(bounds[first : last + 1] - begin),
            freeze(time[order[begin:end]]),
            freeze(bits[taken]),
            tuple(Codes(*map(freeze, take_runs(*joined, taken))) for joined in codes),
            tuple(freeze(column[taken]) for column in numbers),
        )


def cut_units(sizes: NDArray[np.int64], rows_a_slice: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of units that have about so many rows together."""
    if not len(sizes):
        return
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        done = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, done + rows_a_slice, side="right")), first + 1)
        yield first, last
        first = last


def _join_codes(parts: Sequence[Codes]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    offsets, end = [np.zeros(1, dtype=np.int64)], 0
    for part in parts:
        offsets.append(part.offsets[1:] + end)
        end += len(part.flat)
    return freeze(np.concatenate(offsets)), freeze(np.concatenate([part.flat for part in parts]))
