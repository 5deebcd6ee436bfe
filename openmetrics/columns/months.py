"""All months of one process: made when first asked for, kept within a budget."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from openmetrics.columns.frame import Frame
from openmetrics.columns.owners import Owners
from openmetrics.columns.partition import Month
from openmetrics.columns.segment import period_start
from openmetrics.columns.shelf import Shelf
from openmetrics.ingest.event import OLD_BEFORE_MS
from openmetrics.query.model import AggregateQuery, Measure
from openmetrics.store.base import Partition, QueryTooLargeError, Store

BYTES_AN_EVENT = 24
AHEAD = 8
"""So many of the columns that are asked for most often are made for every month ahead of time."""


class Months:
    """Sync months, report on them, and let go of what was not asked for lately. Thread-safe."""

    def __init__(
        self,
        store: Store,
        owners: Owners,
        folder: Path | None,
        limits: tuple[int, int],
        stop: threading.Event,
    ) -> None:
        self._store = store
        self._owners = owners
        self._folder = folder
        self._budget_bytes, self._tail_rows = limits
        self._stop = stop
        self._months: dict[str, Month] = {}
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        self._has_looked = False
        self._let_go: set[str] = set()
        """Months that had to go and that nobody has asked for since: they are not made ahead of time."""

    def sync(self, partition: Partition, number: int) -> Frame:
        """Return the month as the reading of that number has found it, or newer."""
        month = self._month(partition.period)
        self._let_go.discard(partition.period)
        with month.lock:
            if month.synced >= number and month.frame is not None:
                return month.frame
            frame = month.sync(partition)
            month.synced = number
            return frame

    def note_columns(self, names: Iterable[str]) -> None:
        """Count which columns questions need."""
        with self._lock:
            self._asked.update(names)

    def prepare(self, partition: Partition, number: int) -> None:
        """Bring a month up to date, with the columns that are asked for most, unless it had to go."""
        if partition.period in self._let_go:
            return
        month = self._month(partition.period)
        frame = month.frame
        if frame is None or not month.is_level_with(partition):
            frame = self.sync(partition, number)
        for part in frame.parts:
            part.pairs.ids.get()
            for name in self._most_asked():
                part.read(name)

    def drop_absent(self, partitions: Sequence[Partition]) -> None:
        """Forget the months that the store has no more."""
        present = {partition.period for partition in partitions if partition.kind == "event"}
        with self._lock:
            gone = [self._months.pop(period) for period in self._months.keys() - present]
        for month in gone:
            month.remove()
        if not self._has_looked and self._folder is not None and self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in present:
                    shutil.rmtree(path, ignore_errors=True)
        self._has_looked = True

    def check_size(self, partitions: Sequence[Partition], deadline: float) -> None:
        """Refuse a question whose base columns exceed the budget. Raises QueryTooLargeError."""
        months = [self._month(partition.period) for partition in partitions]
        known = sum(month.base_bytes for month in months)
        new = [partition for partition, month in zip(partitions, months, strict=True) if month.frame is None]
        most = sum(shard.checkpoint + 1 for partition in new for shard in partition.shards)
        if new and known + most * BYTES_AN_EVENT > self._budget_bytes:
            starts = [period_start(partition.period) for partition in new]
            first = None if starts[0] is None else min(start for start in starts if start is not None)
            end = OLD_BEFORE_MS if starts[-1] is None else _month_end(starts[-1])
            query = AggregateQuery((Measure("count"),), first, end, deadline=deadline)
            known += int(self._store.aggregate(query)[0].figures[0] or 0) * BYTES_AN_EVENT
        if known > self._budget_bytes:
            raise QueryTooLargeError(
                f"The columns of this range take about {known // 1_000_000} MB, more than the setting "
                f"columns_budget allows ({self._budget_bytes // 1_000_000} MB); ask for a shorter range or "
                "raise it."
            )

    def enforce_budget(self, kept: Iterable[str]) -> None:
        """Let go of columns, then of whole months but those kept, least recently used first."""
        with self._lock:
            months = dict(self._months)
        usage = [
            (period, name, size, used)
            for period, month in months.items()
            for name, size, used in month.usage()
        ]
        total = sum(size for _, _, size, _ in usage)
        for period, name, size, _ in sorted(usage, key=lambda row: row[3]):
            if total > self._budget_bytes and name and months[period].drop_column(name):
                total -= size
        spared = set(kept)
        whole: dict[str, float] = {}
        for row in usage:
            whole[row[0]] = max(row[3], whole.get(row[0], row[3]))
        for period in sorted(whole.keys() - spared, key=lambda period: whole[period]):
            if total > self._budget_bytes:
                total -= sum(size for _, size, _ in months[period].usage())
                months[period].remove()
                self._let_go.add(period)
                with self._lock:
                    self._months.pop(period, None)

    def progress(self) -> float:
        """Return how far the months that are being read are, from 0 to 1."""
        with self._lock:
            busy = [month.progress for month in self._months.values() if month.lock.locked()]
        expected = sum(total for _, total in busy)
        return min(sum(passed for passed, _ in busy) / expected, 1.0) if expected else 0.0

    def report(self, partitions: Sequence[Partition]) -> list[dict[str, Any]]:
        """Return how far each month is, those that nobody asked for yet included."""
        with self._lock:
            months = dict(self._months)
        waiting = {"events": 0, "state": "waiting", "progress": 0.0, "columns": [], "bytes": 0}
        periods = sorted({p.period for p in partitions if p.kind == "event"} | months.keys())
        return [
            {"period": period, **(months[period].report() if period in months else waiting)}
            for period in periods
        ]

    def _month(self, period: str) -> Month:
        with self._lock:
            month = self._months.get(period)
            if month is None:
                shelf = Shelf(None if self._folder is None else self._folder / period, self._stop)
                month = self._months[period] = Month(self._store, self._owners, shelf, self._tail_rows)
            return month

    def _most_asked(self) -> list[str]:
        with self._lock:
            return [name for name, _ in self._asked.most_common(AHEAD)]


def _month_end(start_ms: int) -> int:
    return start_ms + 31 * 86_400_000
