"""What trends need of the events of a slice, and the figures that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.plugin import Codes, Slice
from openmetrics_plugins.trends import kernel
from openmetrics_plugins.trends.kernel import freeze
from openmetrics_plugins.trends.model import HEADS, PERCENTILES, Series
from openmetrics_plugins.trends.tally import Tally, interpolate

NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """The events of a slice: their intervals, the series they belong to, and the keys of their groups."""

    units: NDArray[np.int64]
    offsets: NDArray[np.int64]
    intervals: NDArray[np.int32]
    bits: NDArray[np.uint64]
    starts: NDArray[np.int64]
    keys: NDArray[np.int64]
    numbers: Sequence[NDArray[np.float64]]
    sessions: Codes | None


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How cells are numbered: by group, then interval. `table` gives the group of a key, -1 for none."""

    groups: int
    width: int
    table: NDArray[np.int64] | None = None

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return self.groups * self.width


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What counts of some facts: units, cells and rows, in that order."""

    units: NDArray[np.int32]
    cells: NDArray[np.int64]
    rows: NDArray[np.int64]


def find_hits(facts: Facts, mask: int, layout: Layout) -> Hits:
    """Return every event of the series in a mask, once in each of its groups."""
    bits = np.uint64(mask)
    intervals = facts.intervals if layout.width > 1 else freeze(np.zeros(len(facts.bits)), np.int32)
    if layout.table is None:
        return Hits(*map(_freeze, kernel.expand_plain(facts.offsets, facts.bits, bits, intervals)))
    grouped = (facts.starts, facts.keys, layout.table, layout.width, len(facts.keys))
    return Hits(*map(_freeze, kernel.expand(facts.offsets, facts.bits, bits, intervals, grouped)))


def _freeze(array: Any) -> Any:
    return freeze(array, array.dtype)


def tally_hits(facts: Facts, series: Series, hits: Hits, numbers: int, to: tuple[Tally, int]) -> None:
    """Add the figures of a series; `to` is where, and how many neighbouring cells are one there."""
    tally, width = to
    measure = series.measure
    if measure == "per_user":
        _tally_actors(facts, series, (hits, numbers), to)
    elif measure in HEADS:
        tally.count += kernel.count_heads(hits.units, hits.cells, width, tally.size)
    elif measure == "count":
        tally.count += kernel.count_cells(hits.cells, width, tally.size)
    else:
        found = facts.numbers[numbers][hits.rows]
        if measure in PERCENTILES:
            is_number = ~np.isnan(found)
            tally.samples.append((hits.cells[is_number] // width, found[is_number]))
        else:
            tally.add(kernel.add_numbers(hits.cells, freeze(found, np.float64), width, tally.size))


def _tally_actors(facts: Facts, series: Series, hit: tuple[Hits, int], to: tuple[Tally, int]) -> None:
    """Work out a figure for each actor in each cell, and add these up."""
    (hits, numbers), (tally, width) = hit, to
    cells = hits.cells // width
    own, places = np.unique(hits.units * np.int64(tally.size) + cells, return_inverse=True)
    at = freeze(own % tally.size, np.int64)
    places = freeze(places.reshape(-1), np.int64)
    figures = _measure_actors(facts, series, (hits, numbers), (places, len(own)))
    tally.add(kernel.add_numbers(at, freeze(figures, np.float64), 1, tally.size))


def _measure_actors(facts: Facts, series: Series, hit: tuple[Hits, int], by: tuple[Any, int]) -> Any:
    """Return the figure of each actor and cell, NaN where it is null."""
    (hits, numbers), (places, size) = hit, by
    if series.each == "count":
        return kernel.count_cells(places, 1, size)
    if series.each == "users":
        return np.ones(size)
    if series.each == "sessions":
        assert facts.sessions is not None
        begins, ends = facts.sessions.offsets[hits.rows], facts.sessions.offsets[hits.rows + 1]
        has_any = ends > begins
        pairs = np.stack((places[has_any], facts.sessions.flat[begins[has_any]]))
        return np.bincount(np.unique(pairs, axis=1)[0], minlength=size)
    found = freeze(facts.numbers[numbers][hits.rows], np.float64)
    if series.each in PERCENTILES:
        return _interpolate_actors(places, found, (PERCENTILES[series.each], size))
    one = Tally(size)
    one.add(kernel.add_numbers(places, found, 1, size))
    return np.array([np.nan if figure is None else figure for figure in one.measure(series.each)])


def _interpolate_actors(places: Any, numbers: Any, wanted: tuple[float, int]) -> Any:
    share, size = wanted
    is_number = ~np.isnan(numbers)
    order = np.lexsort((numbers[is_number], places[is_number]))
    places, numbers = places[is_number][order], numbers[is_number][order]
    edges = np.flatnonzero(np.diff(places, prepend=-1, append=-1))
    figures = np.full(size, np.nan)
    for first, end in pairwise(edges.tolist()):
        figures[places[first]] = interpolate(numbers[first:end], share)
    return figures


def to_facts(found: Slice, edges: NDArray[np.int64], sizes: Sequence[int], segments: Sequence[Any]) -> Facts:
    """Return the facts of a slice; `segments` gives the bit of a segment, None for a field of its own."""
    offsets = freeze(found.offsets, np.int64)
    intervals = (
        kernel.find_intervals(offsets, freeze(found.time, np.int64), edges)
        if len(edges)
        else np.zeros(len(found.time))
    )
    starts, keys = NOTHING, NOTHING
    if sizes:
        starts, keys = _combine(found, sizes, segments)
    fields = sum(1 for bit in segments if bit is None)
    return Facts(
        found.units,
        offsets,
        freeze(intervals, np.int32),
        freeze(found.bits, np.uint64),
        freeze(starts, np.int64),
        freeze(keys, np.int64),
        tuple(found.numbers),
        found.codes[fields] if len(found.codes) > fields else None,
    )


def _combine(found: Slice, sizes: Sequence[int], segments: Sequence[Any]) -> tuple[Any, Any]:
    rows = np.arange(len(found.time) + 1)
    starts, keys = freeze(rows, np.int64), freeze(np.zeros(len(found.time)), np.int64)
    codes = iter(found.codes)
    for size, bit in zip(sizes, segments, strict=True):
        if bit is None:
            field = next(codes)
            inner, flat = field.offsets, field.flat
        else:
            inner, flat = rows, (found.bits >> np.uint64(bit)) & np.uint64(1)
        starts, keys = kernel.combine(starts, keys, freeze(inner, np.int64), freeze(flat, np.int32), size)
        starts, keys = _freeze(starts), _freeze(keys)
    return starts, keys
