"""Read new facts from the store, by sequence number: the only callers of `Store.scan` for columns.

A caller reads each shard's checkpoint first (`Store.partitions`), then refreshes, then reads what stands
above its own marks, without an upper bound. Facts up to the checkpoint are final; those above it serve
this answer only, for other writers may still fill gaps below them and a failover may take them back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from openmetrics.store.base import Partition, Store

if TYPE_CHECKING:
    import pyarrow

T = TypeVar("T")
Marks = Mapping[str, int]
"""Shard to the sequence number up to which everything has been read."""


def marks_of(partition: Partition) -> dict[str, int]:
    """Return the checkpoints of a partition."""
    return {shard.id: shard.checkpoint for shard in partition.shards}


def iter_batches(
    store: Store, partition: Partition, since: Marks, columns: Sequence[str]
) -> Iterator[tuple[str, pyarrow.RecordBatch]]:
    """Yield the facts above the marks, each batch of one shard."""
    for batch in store.scan(partition, since, columns):
        if not len(batch):
            continue
        shards = batch.column("shard")
        if shards[0] == shards[len(batch) - 1]:
            yield shards[0].as_py(), batch
        else:
            for shard in shards.unique().to_pylist():
                yield shard, batch.filter(_equals(shards, shard))


def read_ahead(batches: Iterator[T]) -> Iterator[T]:
    """Yield what an iterator gives, while another thread fetches the next one."""
    with ThreadPoolExecutor(1, "columns-scan") as pool:
        waiting = pool.submit(next, batches, None)
        while (found := waiting.result()) is not None:
            waiting = pool.submit(next, batches, None)
            yield found


def read_facts(
    store: Store, partition: Partition, since: Marks, columns: Sequence[str]
) -> Iterator[tuple[pyarrow.RecordBatch, bool]]:
    """Yield the facts above the marks, those up to the checkpoint (True) apart from the rest."""
    checkpoints = marks_of(partition)
    for shard, batch in iter_batches(store, partition, since, columns):
        final = count_final(batch, checkpoints.get(shard, -1))
        if final:
            yield batch.slice(0, final), True
        if final < len(batch):
            yield batch.slice(final), False


def count_final(batch: pyarrow.RecordBatch, checkpoint: int) -> int:
    """Return how many rows of a batch of one shard lie at or below its checkpoint."""
    return int(np.searchsorted(read_seq(batch), checkpoint, side="right"))


def read_seq(batch: pyarrow.RecordBatch) -> NDArray[np.int64]:
    """Return the sequence numbers of a batch."""
    numbers: NDArray[np.int64] = batch.column("seq").to_numpy()
    return numbers


def _equals(array: Any, value: str) -> Any:
    import pyarrow.compute as pc

    return pc.equal(array, value)
