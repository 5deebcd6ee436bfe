"""The newest events of a month, in order of arrival, and what tells their columns."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.column import (
    Column,
    compact,
    empty_column,
    join_columns,
    join_texts,
    read_column,
    to_texts,
)
from openmetrics.columns.erasures import Erasures
from openmetrics.columns.kernels import freeze
from openmetrics.columns.owners import Changes
from openmetrics.columns.pairs import PairIndex, read_keys
from openmetrics.columns.segment import Rows, join_rows
from openmetrics.columns.sources import source_of
from openmetrics.columns.sync import iter_batches, marks_of, read_ahead, read_seq
from openmetrics.store.base import Partition, Store

KEY_COLUMNS = ("time", "session_key", "user_key", "active")
ID_COLUMNS = ("session_id", "user_id")


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Events read in one go; `columns` may gain further ones, never change one."""

    rows: Rows
    columns: dict[str, Column] = field(default_factory=dict)


class ShardCodes:
    """Number the shards of a partition."""

    def __init__(self, ids: Sequence[str] = ()) -> None:
        self.ids = list(ids)

    def code(self, shard: str) -> int:
        """Return the number of a shard."""
        if shard not in self.ids:
            self.ids.append(shard)
        return self.ids.index(shard)


class Locator:
    """Find rows by shard and sequence number."""

    def __init__(self, rows: Rows) -> None:
        self._shards: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        for shard in np.unique(rows.shard).tolist():
            places = np.flatnonzero(rows.shard == shard)
            order = np.argsort(rows.seq[places], kind="stable")
            self._shards[shard] = (rows.seq[places[order]], places[order])

    def find(self, shard: int, seq: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of each sequence number, or -1."""
        if shard not in self._shards:
            return np.full(len(seq), -1, dtype=np.int64)
        numbers, places = self._shards[shard]
        near = np.minimum(np.searchsorted(numbers, seq), len(numbers) - 1)
        return np.where(numbers[near] == seq, places[near], -1)


class Tail:
    """Rows above the marks of the base: final ones that accumulate, and unsettled ones that do not."""

    def __init__(self, store: Store, since: Mapping[str, int], shards: ShardCodes) -> None:
        self._store = store
        self._start = dict(since)
        self.marks = dict(since)
        self.shards = shards
        self.index = PairIndex()
        self.final: list[Chunk] = []
        self.unsettled: list[Chunk] = []
        self.columns: set[str] = {"name"}
        self.reads_ids = True
        self._lock = threading.Lock()

    def expect(self, rows: int) -> None:
        """Be ready for so many events that the ids of their pairs are better read when they are needed."""
        self.reads_ids = False
        self.index = PairIndex(rows)

    def __len__(self) -> int:
        """Count the final events."""
        return sum(len(chunk.rows) for chunk in self.final)

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """Return all chunks, final ones first."""
        return (*self.final, *self.unsettled)

    def is_touched(self, changes: Changes) -> bool:
        """Say whether some of its events may have got another owner."""
        is_wide = changes.everything or changes.erased or len(changes.users) > 0
        return is_wide or (len(changes.sessions) > 0 and self.index.has_any(changes.sessions))

    def sync(self, partition: Partition, erasures: Erasures, progress: Any) -> bool:
        """Read what is new, calling `progress(numbers passed)`; say whether anything changed."""
        checkpoints = marks_of(partition)
        passed = dict(self.marks)
        with self._lock:
            names = sorted(self.columns)
        own = (
            *KEY_COLUMNS,
            *(ID_COLUMNS if self.reads_ids else ()),
            *(["received"] if erasures.by_id else []),
        )
        scanned = tuple(dict.fromkeys((*own, *(source_of(name).scanned for name in names))))
        final: list[Chunk] = []
        unsettled: list[Chunk] = []
        batches = iter_batches(self._store, partition, self.marks, scanned)
        for shard, batch in batches if self.reads_ids else read_ahead(batches):
            chunk, seq = self._read(shard, _drop_erased(batch, erasures), names)
            count = int(np.searchsorted(seq, checkpoints.get(shard, -1), side="right"))
            if not len(seq):
                pass
            elif count == len(seq):
                final.append(chunk)
            elif count == 0:
                unsettled.append(chunk)
            else:
                final.append(_slice(chunk, 0, count))
                unsettled.append(_slice(chunk, count, len(seq)))
            last = int(read_seq(batch)[-1])
            progress(last - passed.get(shard, -1))
            passed[shard] = last
        changed = bool(final or unsettled or self.unsettled)
        self.final = _stack(self.final, final)
        self.unsettled = unsettled
        self.marks = {**self.marks, **checkpoints}
        return changed

    def _read(self, shard: str, batch: Any, names: Sequence[str]) -> tuple[Chunk, NDArray[np.int64]]:
        """Turn a batch into a chunk of the events that have an actor."""
        both = batch.column("session_key").is_null(), batch.column("user_key").is_null()
        if both[0].true_count and both[1].true_count:
            import pyarrow.compute as pc

            batch = batch.filter(pc.invert(pc.and_(*both)))
        seq = freeze(read_seq(batch))
        rows = Rows(
            freeze(np.full(len(seq), self.shards.code(shard), dtype=np.uint8)),
            seq,
            freeze(batch.column("time").to_numpy()),
            freeze(self.index.add(batch)),
            freeze(batch.column("active").to_numpy(zero_copy_only=False).astype(np.uint8)),
        )
        columns = {}
        for name in names:
            source = source_of(name)
            columns[name] = read_column([source.read(batch.column(source.scanned))])
        return Chunk(rows, columns), seq

    def read_column(self, name: str, chunks: Sequence[Chunk], partition: Partition) -> Column:
        """Return a column of some chunks, reading what they lack from the store."""
        with self._lock:
            lacking = [chunk for chunk in chunks if name not in chunk.columns]
            if lacking:
                self.columns.add(name)
                self._fill(name, lacking, partition)
        return join_columns([chunk.columns[name] for chunk in chunks]) if chunks else empty_column(0)

    def _fill(self, name: str, chunks: Sequence[Chunk], partition: Partition) -> None:
        rows = join_rows([chunk.rows for chunk in chunks])
        target = (Locator(rows), self.shards, len(rows))
        column = scan_column(self._store, partition, self._start, (name, target))
        end = 0
        for chunk in chunks:
            begin, end = end, end + len(chunk.rows)
            chunk.columns[name] = column.slice(begin, end)


def scan_column(
    store: Store, partition: Partition, since: Mapping[str, int], wanted: tuple[str, Any]
) -> Column:
    """Read a column of known rows: its name, and their locator, the shards' codes and their number."""
    name, (locator, shards, count) = wanted
    source = source_of(name)
    places, arrays = [], []
    for shard, batch in read_ahead(iter_batches(store, partition, since, (source.scanned,))):
        found = locator.find(shards.code(shard), read_seq(batch))
        is_known = found >= 0
        if is_known.any():
            import pyarrow

            array = batch.column(source.scanned)
            if not is_known.all():
                array = array.filter(pyarrow.array(is_known))
            arrays.append(source.read(array))
            places.append(found[is_known])
    codes = np.full(count, -1, dtype=np.int32)
    column = read_column(arrays)
    if places:
        codes[np.concatenate(places)] = column.codes
    return Column(codes, column.texts, (column.offsets, column.flat))


def scan_ids(store: Store, partition: Partition, target: Any, pairs: NDArray[np.int32]) -> tuple[Any, Any]:
    """Read the ids of pairs; `target` as for a column, `pairs` by row."""
    import pyarrow

    locator, shards, count = target
    places = np.full(count, -1, dtype=np.int64)
    taken: list[Any] = []
    end = 0
    for shard, batch in read_ahead(iter_batches(store, partition, {}, ID_COLUMNS)):
        rows = locator.find(shards.code(shard), read_seq(batch))
        known = np.flatnonzero(rows >= 0)
        codes, first = np.unique(pairs[rows[known]], return_index=True)
        is_new = places[codes] < 0
        codes, first = codes[is_new], known[first[is_new]]
        places[codes] = np.arange(end, end + len(codes))
        end += len(codes)
        taken.append([batch.column(name).take(first).cast("large_string") for name in ID_COLUMNS])
    found = pyarrow.array(places, mask=places < 0)
    joined = [join_texts(side) for side in zip(*taken, strict=True)] if taken else [to_texts(())] * 2
    return joined[0].take(found), joined[1].take(found)


def _drop_erased(batch: Any, erasures: Erasures) -> Any:
    if not erasures.by_id:
        return batch
    import pyarrow

    received = batch.column("received").to_numpy()
    covered = erasures.cover(read_keys(batch, "session_key"), read_keys(batch, "user_key"), received)
    return batch.filter(pyarrow.array(~covered)) if covered.any() else batch


def _slice(chunk: Chunk, start: int, end: int) -> Chunk:
    rows = chunk.rows
    parts = (rows.shard, rows.seq, rows.time, rows.pair, rows.active)
    taken = Rows(*(freeze(part[start:end]) for part in parts))
    return Chunk(taken, {name: column.slice(start, end) for name, column in chunk.columns.items()})


def _stack(chunks: Sequence[Chunk], new: Sequence[Chunk]) -> list[Chunk]:
    """Add chunks, joining small ones, so that few remain and each row is copied few times."""
    stacked = [*chunks, _join(new)] if new else list(chunks)
    while len(stacked) > 1 and len(stacked[-2].rows) <= 2 * len(stacked[-1].rows):
        stacked[-2:] = [_join(stacked[-2:])]
    return stacked


def _join(chunks: Sequence[Chunk]) -> Chunk:
    names = set.intersection(*(set(chunk.columns) for chunk in chunks))
    columns = {name: compact(join_columns([chunk.columns[name] for chunk in chunks])) for name in names}
    return Chunk(join_rows([chunk.rows for chunk in chunks]), columns)
