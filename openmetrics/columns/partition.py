"""One month of events: a large sorted base, and an overlay of what has changed since it was sorted."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np

from openmetrics.columns.base import COLUMN_PREFIX, IDS, Base, pack_column, unpack_column
from openmetrics.columns.column import Column, compact, join_columns
from openmetrics.columns.erasures import Erasures
from openmetrics.columns.frame import Frame, OverlaySource, Part, no_flags
from openmetrics.columns.kernels import freeze
from openmetrics.columns.owners import Changes, Owners
from openmetrics.columns.pairs import IdTexts, join_pairs
from openmetrics.columns.segment import build_segment, join_rows, period_start
from openmetrics.columns.shelf import Shelf
from openmetrics.columns.tail import ShardCodes, Tail, scan_column, scan_ids
from openmetrics.store.base import Partition, Store

TAIL_ROWS = 100_000
TAIL_SHARE = 0.05


class Month:
    """Keep the columns of one period up to date. Thread-safe: `lock` is held while syncing."""

    def __init__(self, store: Store, owners: Owners, shelf: Shelf, tail_rows: int = TAIL_ROWS) -> None:
        self.lock = threading.Lock()
        self.progress = (0, 0)
        """Sequence numbers passed and to be passed, while reading."""
        self.synced = 0
        """The number of the last reading that this month has seen."""
        self.frame: Frame | None = None
        self._store = store
        self._owners = owners
        self._shelf = shelf
        self._tail_rows = tail_rows
        self._identity: str | None = None
        self._base: Base | None = None
        self._tail = Tail(store, {}, ShardCodes())
        self._moved = no_flags()
        self._owner_version = 0

    @property
    def base_bytes(self) -> int:
        """Return the size of the base without its properties, 0 where there is none."""
        base = self._base
        return 0 if base is None else base.nbytes

    def report(self) -> dict[str, Any]:
        """Return the number of events and, while reading, how far that is."""
        base, tail, (passed, expected) = self._base, self._tail, self.progress
        is_reading = self.lock.locked()
        return {
            "events": (0 if base is None else len(base.segment)) + len(tail),
            "state": "preparing" if is_reading or self.frame is None else "ready",
            "progress": round(min(passed / expected, 1.0), 3) if is_reading and expected else 1.0,
            "columns": sorted({*([] if base is None else base.columns), *tail.columns}),
            "bytes": sum(size for _, size, _ in self.usage()),
        }

    def sync(self, partition: Partition) -> Frame:
        """Take in what the store has got since, and what owners have changed. Hold `lock`."""
        is_new = self._open(partition)
        changes, self._owner_version = self._owners.changes_since(self._owner_version)
        erasures = self._owners.erasures
        if changes.erased:
            self._begin(self._base)
            changes, self._owner_version = self._owners.changes_since(self._owner_version)
            is_new = True
        marks = self._tail.marks
        expected = sum(max(shard.checkpoint - marks.get(shard.id, -1), 0) for shard in partition.shards)
        self.progress = (0, expected)
        if self._base is None and expected > self._tail_rows:
            self._begin(None)
            self._tail.expect(expected)
        is_new |= self._tail.sync(partition, erasures, self._advance)
        if not self._tail.reads_ids and len(self._tail) <= self._tail_rows:
            self._begin(None)
            self._tail.sync(partition, erasures, self._advance)
        if self._base is not None and changes.is_any:
            is_new |= self._follow(self._base, changes)
        base = 0 if self._base is None else len(self._base.segment)
        if len(self._tail) > max(self._tail_rows, TAIL_SHARE * base) or self._has_erased(erasures):
            self._build_base(erasures)
            is_new = True
        if is_new or self.frame is None or self._tail.is_touched(changes):
            self.frame = self._build_frame()
        return self.frame

    def is_level_with(self, partition: Partition) -> bool:
        """Say whether everything settled has been read already."""
        marks = self._tail.marks
        is_read = all(marks.get(shard.id) == shard.checkpoint for shard in partition.shards)
        return self.frame is not None and self._identity == partition.identity and is_read

    def _open(self, partition: Partition) -> bool:
        """Begin anew where the storage is another one, or another process has sorted the month since."""
        self._partition = partition
        is_other = partition.identity != self._identity
        if not is_other and not self._shelf.has_newer():
            return False
        base = self._shelf.load(partition.identity, None if is_other else self._base)
        if base is None and not is_other:
            return False
        self._identity = partition.identity
        self._begin(base)
        return True

    def _begin(self, base: Base | None) -> None:
        """Stand on a base, with an empty tail; the owners of its pairs are all looked at again."""
        columns = self._tail.columns
        self._base = base
        if base is not None and not base.pairs.ids.is_read:
            base.pairs = replace(base.pairs, ids=IdTexts(lambda: self._read_ids(base)))
        marks, shards = ({}, ShardCodes()) if base is None else (dict(base.marks), base.shards)
        self._tail = Tail(self._store, marks, shards)
        self._tail.columns |= columns if base is None else columns | set(base.columns)
        self._moved = no_flags()
        self._owner_version = -1

    def _advance(self, numbers: int) -> None:
        self.progress = (self.progress[0] + numbers, self.progress[1])

    def _build_base(self, erasures: Erasures) -> None:
        """Sort everything final into a new base, unless another process has just done so."""
        with self._shelf.locked():
            base = None
            if self._shelf.has_newer():
                base = self._shelf.load(self._partition.identity, self._base)
            if base is not None:
                self._stand_on(base, erasures)
            if base is None or self._has_erased(erasures):
                base = self._sort(erasures)
                self._shelf.publish(self._partition.identity, base)
                self._stand_on(base, erasures)

    def _stand_on(self, base: Base, erasures: Erasures) -> None:
        """Begin anew on a base that was sorted a moment ago."""
        self._begin(base)
        # NOTE: what stands above its marks held codes of the old table of pairs; it is read again.
        self._tail.sync(self._partition, erasures, lambda numbers: None)
        changes, self._owner_version = self._owners.changes_since(self._owner_version)
        self._follow(base, changes)

    def _has_erased(self, erasures: Erasures) -> bool:
        """Say whether the base holds events that are erased by now."""
        base = self._base
        if base is None or base.erasures == erasures.ids:
            return False
        if erasures.cover_pairs(base.pairs, base.erasures).any():
            return True
        base.erasures = erasures.ids
        return False

    def _sort(self, erasures: Erasures) -> Base:
        old, tail = self._base, self._tail
        parts, pairs = [chunk.rows for chunk in tail.final], tail.index.snapshot()
        is_dropped = np.zeros(len(pairs), dtype=np.bool_)
        if old is not None:
            shifted = [rows.shift_pairs(len(old.pairs)) for rows in parts]
            parts, pairs = [old.segment.rows(), *shifted], join_pairs(old.pairs, pairs)
            is_dropped = np.concatenate((erasures.cover_pairs(old.pairs, old.erasures), is_dropped))
        owned, rows = self._owners.own(pairs), join_rows(parts)
        segment, order = build_segment(rows, owned, period_start(self._partition.period), is_dropped)
        segment, used = segment.prune_pairs(len(pairs))
        columns = {}
        for name in {"name"} if old is None else set(old.columns):
            column = tail.read_column(name, tail.final, self._partition)
            joined = column if old is None else join_columns([self.read_base(old, name), column])
            columns[name] = compact(joined.take(order))
        table, owners = pairs.take(used), owned.take(used)
        return Base(segment, table, owners, dict(tail.marks), tail.shards, columns, erasures.ids)

    def _follow(self, base: Base, changes: Changes) -> bool:
        """Flag the pairs of the base that are somebody else's now; say whether the overlay is affected."""
        pairs = base.affected(changes)
        if not len(pairs):
            return False
        now = self._owners.own(base.pairs.take(pairs))
        moved = self._moved.copy() if len(self._moved) else np.zeros(len(base.pairs), dtype=np.uint8)
        moved[pairs] = base.owned.keys[pairs] != now.keys
        were_split = np.isin(pairs, list(base.owned.splits))
        for place in {*np.flatnonzero(were_split).tolist(), *now.splits}:
            moved[pairs[place]] = base.owned.splits.get(int(pairs[place])) != now.splits.get(place)
        had_moved = len(self._moved) > 0
        self._moved = freeze(moved) if moved.any() else no_flags()
        return had_moved or len(self._moved) > 0

    def _build_frame(self) -> Frame:
        base, tail = self._base, self._tail
        chunks, partition = tail.chunks, self._partition
        pairs = tail.index.snapshot()
        rows = join_rows([chunk.rows for chunk in chunks])
        carried = np.empty(0, dtype=np.int64)
        if base is not None and len(self._moved):
            carried = base.find_moved(self._moved)
            taken, codes = base.segment.take_rows(carried).renumber_pairs()
            rows = join_rows([rows, taken.shift_pairs(len(pairs))])
            pairs = join_pairs(pairs, base.pairs.take(codes))
        segment, order = build_segment(rows, self._owners.own(pairs), period_start(partition.period))
        read_base = None if base is None else lambda name: self.read_base(base, name)
        source = OverlaySource(
            lambda name: tail.read_column(name, chunks, partition), read_base, carried, order
        )
        base_part = None
        if base is not None and read_base is not None:
            base_part = Part(base.segment, base.pairs, self._moved, read_base)
        return Frame(partition.period, base_part, Part(segment, pairs, no_flags(), source.read))

    def remove(self) -> None:
        """Forget the month and remove its files; frames that were given out stay whole."""
        with self.lock:
            self._shelf.remove()
            self._identity, self.frame, self.synced = None, None, 0
            self._begin(None)

    def usage(self) -> list[tuple[str, int, float]]:
        """Return what can be let go: names of columns, and "" for the rest, with bytes and time of use."""
        base = self._base
        if base is None:
            return []
        columns = [
            (name, column.nbytes, base.used.get(name, 0.0))
            for name, column in list(base.columns.items())
            if name != "name"
        ]
        return [("", base.nbytes, max(base.used.values(), default=0.0)), *columns]

    def drop_column(self, name: str) -> bool:
        """Let go of a column of the base; say whether it was there."""
        base = self._base
        if base is None:
            return False
        with base.lock:
            self._shelf.remove_column(base, name)
            return base.columns.pop(name, None) is not None

    def read_base(self, base: Base, name: str) -> Column:
        """Return a column of a base: from its files, or from the store when first asked for."""
        with base.lock:
            base.used[name] = time.monotonic()
            column = base.columns.get(name)
            if column is None:
                arrays = self._shelf.load_group(base, COLUMN_PREFIX + name)
                column = None if arrays is None else unpack_column(arrays)
            if column is None:
                target = (base.locator(), base.shards, len(base.segment))
                column = scan_column(self._store, self._partition, {}, (name, target))
                self._shelf.publish_group(base, COLUMN_PREFIX + name, pack_column(column))
            base.columns[name] = column
            return column

    def _read_ids(self, base: Base) -> tuple[Any, Any]:
        """Return the ids of the pairs of a base: from its files, or from the store when first needed."""
        found = self._shelf.load_group(base, IDS)
        if found is None:
            target = (base.locator(), base.shards, len(base.pairs))
            sessions, users = scan_ids(self._store, self._partition, target, base.segment.pair)
            found = {"session_texts": sessions, "user_texts": users}
            self._shelf.publish_group(base, IDS, found)
        return found["session_texts"], found["user_texts"]
