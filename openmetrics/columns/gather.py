"""Put the wanted events of a run of units together, from all parts, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.filters import Flags, PartFilters, Stretch, Test
from openmetrics.columns.frame import Part
from openmetrics.columns.kernels import Side, freeze, keep_rows, place_rows, spread_codes, take_runs
from openmetrics.columns.slices import Codes, Plan, Slice
from openmetrics.columns.tables import Table, constant, join_tables


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The wanted rows of a part, and of each run its unit and how many of them it has."""

    rows: NDArray[np.int64]
    units: NDArray[np.int64]
    counts: NDArray[np.int64]

    def spread(self, of_units: NDArray[Any]) -> NDArray[Any]:
        """Give each row what its unit has."""
        return np.repeat(of_units[self.units], self.counts)


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """A field of the rows of a part: by row, or with `of_units` by actor of the view.

    `to_global[code]` is the code in the dictionary of the whole view.
    """

    codes: NDArray[np.int32]
    lists: tuple[NDArray[np.int64], NDArray[np.int32]]
    to_global: NDArray[np.int32]
    of_units: bool

    def read(self, kept: Kept) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return offsets by row and global codes."""
        codes = kept.spread(self.codes) if self.of_units else self.codes[kept.rows]
        starts, flat = spread_codes(freeze(codes), *self.lists)
        return starts, self.to_global[flat]


Numbers = Callable[[Kept], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """What a plan needs of one part."""

    part: Part
    units: NDArray[np.int64]
    """The unit of each run."""
    where: Test | None
    tables: tuple[Table, ...]
    """Which bits each code sets."""
    tests: tuple[tuple[int, Test], ...]
    values: tuple[Values, ...] = ()
    numbers: tuple[Numbers, ...] = ()

    def stretch(self, first: int, last: int) -> Stretch:
        """Return the rows of the units `first:last`."""
        begin, end = np.searchsorted(self.units, (first, last))
        offsets = self.part.segment.offsets[begin : end + 1]
        return Stretch(int(offsets[0]), int(offsets[-1]), self.units[begin:end], np.diff(offsets))

    def read_bits(self, stretch: Stretch) -> NDArray[np.uint64]:
        """Return which conditions each row meets."""
        found = [table.read(stretch.start, stretch.end) for table in self.tables]
        found += [test(stretch).astype(np.uint64) << np.uint64(bit) for bit, test in self.tests]
        if not found:
            return np.zeros(stretch.end - stretch.start, dtype=np.uint64)
        return reduce(np.bitwise_or, found)


def build_reader(part: Part, units: NDArray[np.int64], plan: Plan, filters: PartFilters) -> Reader:
    """Compile the conditions of a plan for one part."""
    tables: list[Table] = []
    tests: list[tuple[int, Test]] = []
    for bit, node in enumerate(plan.bits):
        table = constant(True) if node is None else filters.tabulate(node)
        if table is not None:
            tables.append(Table(table.columns, table.cells.astype(np.uint64) << np.uint64(bit)))
        elif node is not None:
            tests.append((bit, filters.compile(node)))
    where = None if plan.where is None else filters.compile(plan.where)
    return Reader(part, units, where, tuple(_join_bits(tables)), tuple(tests))


def _join_bits(tables: Sequence[Table]) -> list[Table]:
    """Join the tables of bits as far as they stay small, so that few are left to look up."""
    joined: list[Table] = []
    for table in sorted(tables, key=lambda table: -table.cells.size):
        for place, other in enumerate(joined):
            both = join_tables((other, table), np.bitwise_or, np.uint64(0))
            if both is not None:
                joined[place] = both
                break
        else:
            joined.append(table)
    return joined


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range of time, `[start_ms, end_ms)`, None meaning unbounded."""

    start_ms: int | None
    end_ms: int | None

    def hold_all(self, part: Part) -> bool:
        """Say whether all events of a part lie in the range."""
        first, last = part.segment.extent
        return (self.start_ms is None or first >= self.start_ms) and (
            self.end_ms is None or last < self.end_ms
        )

    def hold(self, times: NDArray[np.int64]) -> Flags:
        """Say which times lie in the range."""
        flags = np.ones(len(times), dtype=np.bool_)
        if self.start_ms is not None:
            flags &= times >= self.start_ms
        if self.end_ms is not None:
            flags &= times < self.end_ms
        return flags


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """The wanted events of one part in a slice."""

    reader: Reader
    kept: Kept
    bits: NDArray[np.uint64]
    times: NDArray[np.int64]

    def seq(self) -> NDArray[np.int64]:
        segment = self.reader.part.segment
        return segment.seq[self.kept.rows].astype(np.int64) + segment.origin_seq


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """A slice, and the sequence numbers of its events where these are asked for."""

    slice: Slice
    seq: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """What is gathered: from which months (base and overlay), for which units, in which range."""

    months: Sequence[tuple[Reader | None, Reader]]
    keys: NDArray[np.int64]
    bounds: Bounds
    needs_seq: bool = False


def gather(scope: Scope, units: tuple[int, int], plan: Plan) -> Gathered:
    """Put together the events of the units `first:last`."""
    months = [
        [None if reader is None else _read_piece(reader, units, plan, scope.bounds) for reader in readers]
        for readers in scope.months
    ]
    pieces = [piece for month in months for piece in month if piece is not None and len(piece.times)]
    counts = np.zeros(units[1] - units[0], dtype=np.int64)
    for piece in pieces:
        counts[piece.kept.units - units[0]] += piece.kept.counts
    order = None if len(pieces) < 2 else _order(months, counts, units[0])
    return _assemble(pieces, order, (scope.keys[units[0] : units[1]], counts), scope)


def _read_piece(reader: Reader, units: tuple[int, int], plan: Plan, bounds: Bounds) -> _Piece:
    part, stretch = reader.part, reader.stretch(*units)
    segment, rows = part.segment, slice(stretch.start, stretch.end)
    bits = reader.read_bits(stretch)
    keep = np.ones(len(bits), dtype=np.bool_) if plan.keeps_unmatched or not plan.bits else bits != 0
    if not bounds.hold_all(part):
        keep &= bounds.hold(segment.times(stretch.start, stretch.end))
    if len(part.moved):
        keep &= part.moved[segment.pair[rows]] == 0
    if reader.where is not None:
        keep &= reader.where(stretch)
    offsets = np.zeros(len(stretch.sizes) + 1, dtype=np.int64)
    np.cumsum(stretch.sizes, out=offsets[1:])
    counts, kept = keep_rows(freeze(keep), freeze(offsets), stretch.start)
    if len(kept) < len(bits):
        bits = bits[kept - stretch.start]
    times = segment.time[kept].astype(np.int64) + segment.origin_ms
    return _Piece(reader, Kept(kept, stretch.units, counts), bits, times)


def _order(months: Sequence[Sequence[_Piece | None]], counts: NDArray[np.int64], first: int) -> Any:
    """Return where the events of each unit stand among all pieces, in order."""
    cursor = np.zeros(len(counts), dtype=np.int64)
    np.cumsum(counts[:-1], out=cursor[1:])
    order = np.empty(int(counts.sum()), dtype=np.int64)
    start = 0
    for month in months:
        needs_seq = all(piece is not None and len(piece.times) for piece in month)
        sides = []
        for piece in month:
            sides.append(_to_side(piece, first, start, needs_seq))
            start += 0 if piece is None else len(piece.times)
        place_rows(sides[0], sides[1], cursor, order)
    return order


_NOTHING = freeze(np.empty(0, dtype=np.int64))
_NO_SIDE = Side(_NOTHING, freeze(np.zeros(1, np.int64)), _NOTHING, _NOTHING, 0)


def _to_side(piece: _Piece | None, first: int, start: int, needs_seq: bool) -> Side:
    if piece is None:
        return _NO_SIDE
    offsets = np.zeros(len(piece.kept.counts) + 1, dtype=np.int64)
    np.cumsum(piece.kept.counts, out=offsets[1:])
    seq = piece.seq() if needs_seq else piece.times
    return Side(freeze(piece.kept.units - first), freeze(offsets), freeze(piece.times), freeze(seq), start)


def _assemble(
    pieces: Sequence[_Piece],
    order: NDArray[np.int64] | None,
    units: tuple[NDArray[np.int64], Any],
    scope: Scope,
) -> Gathered:
    keys, counts = units
    has_rows = counts > 0
    offsets = np.zeros(int(has_rows.sum()) + 1, dtype=np.int64)
    np.cumsum(counts[has_rows], out=offsets[1:])
    any_reader = scope.months[0][1] if scope.months else None
    codes = range(0 if any_reader is None else len(any_reader.values))
    numbers = range(0 if any_reader is None else len(any_reader.numbers))
    found = Slice(
        freeze(keys[has_rows]),
        freeze(offsets),
        _put([piece.times for piece in pieces], order, np.int64),
        _put([piece.bits for piece in pieces], order, np.uint64),
        tuple(
            _put_codes([piece.reader.values[n].read(piece.kept) for piece in pieces], order) for n in codes
        ),
        tuple(
            _put([piece.reader.numbers[n](piece.kept) for piece in pieces], order, np.float64)
            for n in numbers
        ),
    )
    seq = [piece.seq() for piece in pieces] if scope.needs_seq else []
    return Gathered(found, _put(seq, order if scope.needs_seq else None, np.int64))


def _put(arrays: Sequence[NDArray[Any]], order: NDArray[np.int64] | None, type: Any) -> NDArray[Any]:
    """Join arrays and put them in order."""
    if not arrays:
        joined: NDArray[Any] = np.empty(0, dtype=type)
    else:
        joined = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    found: NDArray[Any] = freeze(joined if order is None else joined.take(order))
    return found


def _put_codes(
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int32]]], order: NDArray[np.int64] | None
) -> Codes:
    offsets, end = [np.zeros(1, dtype=np.int64)], 0
    for starts, flat in parts:
        offsets.append(starts[1:] + end)
        end += len(flat)
    joined, codes = freeze(np.concatenate(offsets)), _put([flat for _, flat in parts], None, np.int32)
    if order is None:
        return Codes(joined, codes)
    return Codes(*map(freeze, take_runs(joined, codes, order)))
