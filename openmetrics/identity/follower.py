"""Keep the facts of identity up to date from the store, by sequence number."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from openmetrics.identity.archive import Archive, archive_batches
from openmetrics.identity.crowds import Crowds
from openmetrics.identity.facts import Facts
from openmetrics.identity.layers import RECENT_FACTS, Layers
from openmetrics.store.base import FactKind, Partition, Store

if TYPE_CHECKING:
    import pyarrow

COLUMNS: dict[FactKind, tuple[str, ...]] = {
    "tombstone": ("id", "time", "user_ids", "session_ids"),
    "link": ("time", "user_id", "session_id", "explicit", "session_key", "user_key"),
    "op": ("id", "time", "user_id", "session_id", "target", "op", "raw"),
    "merge": ("id", "time", "user_id", "other"),
    "unmerge": ("id", "time", "user_id", "other"),
}
"""What is read of each kind: tombstones first, so that nothing erased is taken in."""
BATCH_ROWS = 5_000
FLUSH_ROWS = 2_000_000


class FactFollower:
    """Read new facts into `layers`. Thread-safe: readers hold `lock`, and only `sync` writes.

    Facts up to a shard's checkpoint are kept for good. Those above it serve in the tail until the next
    reading, which finds them again or does not: a failover may take them back.
    """

    def __init__(self, store: Store, recent_facts: int = RECENT_FACTS) -> None:
        self.lock = threading.RLock()
        self.version = 0
        """Grows whenever facts may have changed, for caches of what was folded from them."""
        self._store = store
        self._recent_facts = recent_facts
        self._reading = threading.Lock()
        self._begun = self._done = 0
        self._archive: Archive | None = None
        self._touched: set[tuple[str, str]] = set()
        self.crowds = Crowds()
        self._forget()

    def _forget(self) -> None:
        self.layers = Layers(self._recent_facts)
        self._since: dict[tuple[FactKind, str, str], dict[str, int]] = {}
        self._tombstones: set[str] = set()
        self._erased_users: dict[str, int] = {}
        self._erased_sessions: dict[str, int] = {}
        self.version += 1

    def sync(self) -> None:
        """Take in every fact written before the call. Callers who come together share one reading.

        Raises StoreUnavailableError; what was read until then stays, and is harmlessly read again.
        """
        begun = self._begun
        with self._reading:
            if self._done > begun:
                return
            self._begun += 1
            self._read()
            self._done = self._begun

    def _read(self) -> None:
        partitions = [partition for partition in self._store.partitions() if partition.kind in COLUMNS]
        self._store.refresh()
        if self._since.keys() - {_key_of(partition) for partition in partitions}:
            with self.lock:  # storage was dropped or restored
                self._forget()
        tail = Facts()
        for kind in COLUMNS:
            for partition in partitions:
                if partition.kind == kind:
                    self._read_partition(partition, tail)
        with self.lock:
            if not (tail.is_empty() and self.layers.tail.is_empty()):
                self.version += 1
            self.layers.tail = tail
            if self.layers.needs_move():
                self.layers.move(self.lock)
        self._look_for_crowds()

    def _look_for_crowds(self) -> None:
        if self.layers.archive is not self._archive:
            self._archive = self.layers.archive
            self.crowds.look_into(self._archive)
        with self.lock:
            self.crowds.look_at(self.layers, self._touched)
        self._touched.clear()

    def _read_partition(self, partition: Partition, tail: Facts) -> None:
        key = _key_of(partition)
        checkpoints = {shard.id: shard.checkpoint for shard in partition.shards}
        columns = COLUMNS[partition.kind]
        if partition.kind != "tombstone" and self._tombstones:
            columns = (*columns, "received")
        since = self._since.get(key, {})
        expected = sum(checkpoint - since.get(shard, -1) for shard, checkpoint in checkpoints.items())
        is_bulk = partition.kind == "link" and self.layers.is_much(expected)
        bulk: list[pyarrow.RecordBatch] = []
        for batch in self._store.scan(partition, since, columns):
            # PERF: very many links go into arrays as they are: 1 µs each, where one by one takes 5.
            if is_bulk and len(batch) >= BATCH_ROWS and _is_final(batch, checkpoints):
                bulk.append(self._without_erased(batch))
                if sum(map(len, bulk)) >= max(FLUSH_ROWS, len(self.layers.archive.links.times)):
                    self._flush(bulk)
            else:
                self._take_rows(partition.kind, batch, checkpoints, tail)
        self._flush(bulk)
        self._since[key] = checkpoints

    def _take_rows(self, kind: FactKind, batch: Any, checkpoints: dict[str, int], tail: Facts) -> None:
        rows = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        if kind == "tombstone":
            self._erase([row[2:] for row in rows])
            return
        has_received = "received" in batch.schema.names
        with self.lock:
            for shard, seq, *row in rows:
                layer = self.layers.recent if seq <= checkpoints.get(shard, -1) else tail
                if has_received and self._is_erased(kind, row):
                    continue
                _take(kind, row, layer)
                if kind == "link":
                    self._touched.add((row[2], row[1]))
            self.version += 1

    def _flush(self, bulk: list[pyarrow.RecordBatch]) -> None:
        if bulk:
            self.layers.settle()
            archive = self.layers.archive.joined(archive_batches(bulk))
            with self.lock:
                self.layers.archive = archive
                self.version += 1
            bulk.clear()

    def _erase(self, tombstones: Sequence[Sequence[Any]]) -> None:
        """Drop all that is here of who was erased since: it was stored, and so received, before."""
        new = [tombstone for tombstone in tombstones if tombstone[0] not in self._tombstones]
        if not new:
            return
        self.layers.settle()
        with self.lock:
            for _, until_ms, user_ids, session_ids in new:
                for ids, until in ((user_ids, self._erased_users), (session_ids, self._erased_sessions)):
                    until |= {id: max(until_ms, until.get(id, until_ms)) for id in ids or ()}
            users = {id for tombstone in new for id in tombstone[2] or ()}
            self.layers.erase(users, {id for tombstone in new for id in tombstone[3] or ()})
            self._tombstones.update(tombstone[0] for tombstone in new)
            self.version += 1

    def _is_erased(self, kind: FactKind, row: Sequence[Any]) -> bool:
        fact = dict(zip((*COLUMNS[kind], "received"), row, strict=True))
        named = [id for id in (fact.get("user_id"), fact.get("other")) if id is not None]
        until = [self._erased_users.get(id) for id in named]
        if not named:
            until = [self._erased_sessions.get(fact["session_id"])]
        return any(until_ms is not None and fact["received"] <= until_ms for until_ms in until)

    def _without_erased(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        import pyarrow

        if not self._erased_users:
            return batch
        users, received = batch.column("user_id").to_pylist(), batch.column("received").to_pylist()
        never = -(2**63)
        kept = [at > self._erased_users.get(id, never) for id, at in zip(users, received, strict=True)]
        return batch.filter(pyarrow.array(kept))


def _take(kind: FactKind, row: Sequence[Any], layer: Facts) -> None:
    if kind == "link":
        layer.add_link(row[:4])
    elif kind == "op":
        layer.add_operation(row[:7])
    else:
        layer.add_merge(row[:4], is_undone=kind == "unmerge")


def _is_final(batch: pyarrow.RecordBatch, checkpoints: dict[str, int]) -> bool:
    shards = batch.column("shard").dictionary_encode()
    places = shards.indices.to_numpy()
    limits = np.array([checkpoints.get(shard, -1) for shard in shards.dictionary.to_pylist()])
    return bool((batch.column("seq").to_numpy() <= limits[places]).all())


def _key_of(partition: Partition) -> tuple[FactKind, str, str]:
    return partition.kind, partition.period, partition.identity
