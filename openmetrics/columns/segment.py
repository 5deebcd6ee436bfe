"""Events ordered by actor, time and arrival: the form in which a month is kept."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.kernels import (
    find_unsorted,
    freeze,
    group_rows,
    own_rows,
    pack_rows,
    sort_runs,
    unpack_rows,
)
from openmetrics.columns.owners import Owned
from openmetrics.ingest.event import OLD_PERIOD


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Events in any order, one array a column; `time` is Unix ms, `pair` a code of a table of pairs."""

    shard: NDArray[np.uint8]
    seq: NDArray[np.int64]
    time: NDArray[np.int64]
    pair: NDArray[np.int32]
    active: NDArray[np.uint8]

    def __len__(self) -> int:
        """Count the events."""
        return len(self.seq)

    def take(self, order: NDArray[np.int64]) -> Rows:
        """Return some rows."""
        columns = (self.shard, self.seq, self.time, self.pair, self.active)
        return Rows(*(freeze(column[order]) for column in columns))

    def shift_pairs(self, by: int) -> Rows:
        """Return the rows with other codes of pairs."""
        return Rows(self.shard, self.seq, self.time, freeze(self.pair + np.int32(by)), self.active)

    def renumber_pairs(self) -> tuple[Rows, NDArray[np.int64]]:
        """Return the rows with codes from 0 for the pairs that they have, and which codes these were."""
        codes, places = np.unique(self.pair, return_inverse=True)
        pair = freeze(places.astype(np.int32))
        return Rows(self.shard, self.seq, self.time, pair, self.active), codes.astype(np.int64)


def join_rows(parts: list[Rows]) -> Rows:
    """Put rows one after another."""
    if len(parts) == 1:
        return parts[0]
    names = ("shard", "seq", "time", "pair", "active")
    types = (np.uint8, np.int64, np.int64, np.int32, np.uint8)
    columns: list[Any] = []
    for name, type in zip(names, types, strict=True):
        arrays = [getattr(part, name) for part in parts]
        columns.append(freeze(np.concatenate(arrays) if arrays else np.empty(0, dtype=type)))
    return Rows(*columns)


PART_ROWS = 1 << 20
NO_EXTENT = (2**63 - 1, -(2**63))


@dataclass(frozen=True, eq=False)
class Segment:
    """Events by actor: actor a, whose key is `keys[a]`, has the rows `offsets[a]:offsets[a + 1]`.

    Keys ascend. `time` counts from `origin_ms` and `seq` from `origin_seq`, in 32 bits where they allow it.
    """

    keys: NDArray[np.int64]
    are_users: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    origin_ms: int
    origin_seq: int
    time: NDArray[Any]
    seq: NDArray[Any]
    pair: NDArray[np.int32]
    active: NDArray[np.uint8]
    shard: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        """Count the events."""
        return len(self.seq)

    @cached_property
    def extent(self) -> tuple[int, int]:
        """Return the times of the first and the last event; the wrong way round where there is none."""
        if not len(self.time):
            return NO_EXTENT
        return int(self.time.min()) + self.origin_ms, int(self.time.max()) + self.origin_ms

    def times(self, start: int, end: int) -> NDArray[np.int64]:
        """Return the Unix ms of a stretch of rows."""
        return self.time[start:end].astype(np.int64) + self.origin_ms

    def seqs(self, start: int, end: int) -> NDArray[np.int64]:
        """Return the sequence numbers of a stretch of rows."""
        return self.seq[start:end].astype(np.int64) + self.origin_seq

    def take_rows(self, order: NDArray[np.int64]) -> Rows:
        """Return some events as plain rows."""
        shard = np.zeros(len(order), dtype=np.uint8) if self.shard is None else self.shard[order]
        time = self.time[order].astype(np.int64) + self.origin_ms
        seq = self.seq[order].astype(np.int64) + self.origin_seq
        columns = (shard, seq, time, self.pair[order], self.active[order])
        return Rows(*map(freeze, columns))

    def prune_pairs(self, count: int) -> tuple[Segment, NDArray[np.int64]]:
        """Return the segment with codes for those of `count` pairs that it has, and which these are."""
        used = np.zeros(count, dtype=np.bool_)
        used[self.pair] = True
        codes = np.flatnonzero(used)
        if len(codes) == count:
            return self, codes
        renumbered = np.cumsum(used, dtype=np.int32) - np.int32(1)
        return replace(self, pair=freeze(renumbered[self.pair])), codes

    def rows(self) -> Rows:
        """Return the events as plain rows."""
        shard = np.zeros(len(self), dtype=np.uint8) if self.shard is None else self.shard
        seq, time = freeze(self.seqs(0, len(self))), freeze(self.times(0, len(self)))
        return Rows(freeze(shard), seq, time, self.pair, self.active)


def period_start(period: str) -> int | None:
    """Return the Unix ms at which a month begins; None for the old period."""
    if period == OLD_PERIOD:
        return None
    return int(datetime.strptime(period, "%Y.%m").replace(tzinfo=UTC).timestamp()) * 1000


def build_segment(
    rows: Rows, owned: Owned, origin_ms: int | None, is_dropped: NDArray[np.bool_] | None = None
) -> tuple[Segment, NDArray[np.int64]]:
    """Order events by their actors; return the segment and which row each of its rows was.

    Events of dropped pairs are left out. With `origin_ms` times take 32 bits.
    """
    keys, are_users, actors = _find_actors(rows, owned)
    if is_dropped is not None and is_dropped.any():
        actors[is_dropped[rows.pair]] = -1
    offsets, order = group_rows(freeze(actors), len(keys))
    time, first_ms = _narrow(rows.time, origin_ms)
    seq, first_seq = _narrow(rows.seq, int(rows.seq.min()) if len(rows) else 0)
    columns: tuple[Any, ...] = (time, seq, rows.pair, rows.active)
    ordered = _order_columns(columns, order)
    # PERF: few runs did not come in order; to look for them here, takes 0.02 s for 10 million rows.
    unsorted = find_unsorted(offsets, ordered[0], ordered[1])
    if len(unsorted):
        places = sort_runs(order, offsets, unsorted, (rows.time, rows.seq))
        for column, source in zip(ordered, columns, strict=True):
            column[places] = source[order[places]]
    time, seq, pair, active = map(freeze, ordered)
    shard = freeze(rows.shard[order]) if rows.shard.any() else None
    actors_of = (freeze(keys), freeze(are_users), freeze(offsets))
    return Segment(*actors_of, first_ms, first_seq, time, seq, pair, active, shard), order


def _order_columns(columns: Any, order: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Put columns in order, many rows of 32 bits and less on all cores."""
    if len(order) <= PART_ROWS or columns[0].itemsize > 4 or columns[1].itemsize > 4:
        return [column[order] for column in columns]
    packed = pack_rows(*columns)
    ordered = [np.empty(len(order), dtype=column.dtype) for column in columns]

    def write(first: int) -> None:
        part = slice(first, first + PART_ROWS)
        unpack_rows(packed, order[part], tuple(column[part] for column in ordered))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(write, range(0, len(order), PART_ROWS)))
    return ordered


def _find_actors(rows: Rows, owned: Owned) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int32]]:
    """Return the actors, ascending, which of them are users, and whose each event is."""
    splits = owned.pack_splits()
    keys, codes = rank_keys(np.concatenate((owned.keys, splits.owners)))
    count = len(owned.keys)
    are_users = np.zeros(len(keys), dtype=np.uint8)
    are_users[codes[:count][owned.are_users > 0]] = 1
    are_users[codes[count:]] = 1
    splits = splits._replace(owners=freeze(codes[count:].astype(np.int64)))
    return keys, are_users, own_rows(rows.pair, rows.time, freeze(codes[:count]), splits)


def rank_keys(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the distinct keys, ascending, and the place of each key among them.

    PERF: 1 million keys take 0.03 s, with `numpy.unique` 0.6.
    """
    import pyarrow

    encoded = pyarrow.array(keys).dictionary_encode()
    distinct = encoded.dictionary.to_numpy()
    order = np.argsort(distinct)
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return distinct[order], ranks[encoded.indices.to_numpy()]


def _narrow(numbers: NDArray[np.int64], origin: int | None) -> tuple[NDArray[Any], int]:
    """Count from an origin in 32 bits, where there is one and they suffice."""
    if origin is None or (len(numbers) and int(numbers.max()) - origin >= 1 << 32):
        return numbers, 0
    return freeze((numbers - origin).astype(np.uint32)), origin
