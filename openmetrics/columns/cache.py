"""Keep columns of all months up to date, for all questions of one process."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from openmetrics.columns.actors import Segment
from openmetrics.columns.frame import Frame
from openmetrics.columns.months import Months
from openmetrics.columns.owners import Owners
from openmetrics.columns.partition import TAIL_ROWS
from openmetrics.columns.segment import period_start
from openmetrics.columns.view import ColumnView, Surroundings, join_keys
from openmetrics.errors import OpenMetricsError
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import OLD_BEFORE_MS, period_of
from openmetrics.settings import Settings
from openmetrics.store.base import Capability, Partition, Store

DEFAULT_BUDGET = 20 * 1000**3
READERS = 4
READER_NAME = "columns-reader"
WARM_PAUSE_S = 5.0
JOINS = 8
"""So many unions of the actors of several months are remembered."""
log = logging.getLogger("openmetrics.columns")


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of all checkpoints, followed by a refresh: what was written before it is seen."""

    number: int
    partitions: Sequence[Partition]

    def months(self, start_ms: int | None, end_ms: int | None) -> list[Partition]:
        """Return the months of events that a range touches, oldest first."""
        return [
            partition
            for partition in self.partitions
            if partition.kind == "event" and _touches(partition.period, start_ms, end_ms)
        ]


@dataclass(frozen=True, slots=True)
class Question:
    """What a view is opened for: its deadline, and how it finds saved segments."""

    deadline: float
    segment: Callable[[str], Segment]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the cache may hold, and how many new rows a month may have before it is sorted anew."""

    budget_bytes: int = DEFAULT_BUDGET
    tail_rows: int = TAIL_ROWS


def open_cache(settings: Settings, store: Store, identity: IdentityTable) -> ColumnCache:
    """Open the cache that settings describe: on disk where the store is, else in memory."""
    folder = settings.data_path / "columns" if Capability.DURABLE in store.capabilities else None
    budget = int(settings.columns_budget)
    if budget < 0:
        budget = DEFAULT_BUDGET
        if folder is not None:
            settings.data_path.mkdir(parents=True, exist_ok=True)
            budget = min(shutil.disk_usage(settings.data_path).free // 2, DEFAULT_BUDGET)
    return ColumnCache(store, identity, folder, Limits(budget))


class ColumnCache:
    """Open views of any range. Thread-safe."""

    def __init__(
        self,
        store: Store,
        identity: IdentityTable,
        folder: Path | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._store = store
        self._identity = identity
        self._stop = threading.Event()
        self._owners = Owners(store, identity)
        budget = (limits.budget_bytes, limits.tail_rows)
        self._months = Months(store, self._owners, folder, budget, self._stop)
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._begun = 0
        self._moment = Moment(0, ())
        self._keys: dict[tuple[int, ...], Any] = {}
        self.is_compiled: Callable[[float], bool] = lambda deadline: True
        """Wait until the loops are compiled, at most to a `time.monotonic()` second; say whether they are."""
        self._readers = ThreadPoolExecutor(READERS, READER_NAME)
        self._kernels = ThreadPoolExecutor(os.cpu_count() or 1, "columns-kernel")

    def view(self, start_ms: int | None, end_ms: int | None, question: Question) -> ColumnView:
        """Return the columns of a range, with everything that was stored before the call.

        Raises OpenMetricsError `preparing` where that takes longer than the deadline, and
        `query-too-large` where the range exceeds the budget.
        """
        if not self.is_compiled(question.deadline):
            detail = "The server compiles its loops, once after it was installed; ask again in half a minute."
            raise OpenMetricsError("preparing", detail, retry_after_s=30, members={"progress": 0.0})
        begun = self._begun
        moment = self._read(lambda: self._observe(begun), question.deadline)
        return self._open((start_ms, end_ms), moment, question)

    def warm(self) -> None:
        """Bring every month up to date, the newest first, as far as the budget allows."""
        moment = self._observe(self._begun)
        for partition in reversed(moment.months(None, None)):
            if self._stop.is_set():
                return
            self._months.prepare(partition, moment.number)
            self._months.enforce_budget((partition.period,))

    def follow(self, pause_s: float = WARM_PAUSE_S) -> None:
        """Begin to warm the columns again and again, until `close`."""
        threading.Thread(target=self._follow, args=(pause_s,), name="columns-warm", daemon=True).start()

    def report(self) -> dict[str, Any]:
        """Return every month and how far it is prepared."""
        return {"months": self._months.report(self._moment.partitions)}

    def close(self) -> None:
        """Stop the threads. Idempotent."""
        self._stop.set()
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._kernels.shutdown(wait=False, cancel_futures=True)

    def _follow(self, pause_s: float) -> None:
        took_s = 0.0
        while not self._stop.is_set() and not self.is_compiled(time.monotonic() + pause_s):
            pass
        # PERF: at most a tenth of a core: warming that never rests halves the rate at which events come in.
        while not self._stop.wait(max(pause_s, 9 * took_s)):
            begun = time.monotonic()
            try:
                self.warm()
            except OpenMetricsError as error:
                log.info("warming the columns waits: %s", error.detail)
            except Exception:
                if not self._stop.is_set():
                    log.exception("warming the columns failed; questions prepare them themselves")
            took_s = time.monotonic() - begun

    def _observe(self, begun: int) -> Moment:
        """Read checkpoints and refresh; callers who come together share one reading."""
        with self._reading:
            if self._moment.number > begun:
                return self._moment
            self._begun += 1
            partitions = self._store.partitions()
            self._store.refresh()
            self._owners.sync(partitions)
            self._moment = Moment(self._begun, partitions)
            self._months.drop_absent(partitions)
            return self._moment

    def _open(self, bounds: tuple[int | None, int | None], moment: Moment, question: Question) -> ColumnView:
        partitions = moment.months(*bounds)
        self._months.check_size(partitions, question.deadline)
        waiting = [self._begin(partial(self._months.sync, found, moment.number)) for found in partitions]
        frames = [self._wait(future, question.deadline) for future in waiting]
        around = Surroundings(
            self._identity,
            self._owners.names,
            self._kernels.submit,
            lambda work: self._read(work, question.deadline),
            lambda start_ms, end_ms: self._open((start_ms, end_ms), moment, question),
            question.segment,
            question.deadline,
            self._months.note_columns,
        )
        return ColumnView(frames, bounds, self._join(frames), around)

    def _begin(self, work: Callable[[], Any]) -> Future[Any]:
        """Do a task on a reader's thread; what a task needs itself is done at once, lest all wait for all."""
        if not threading.current_thread().name.startswith(READER_NAME):
            return self._readers.submit(work)
        done: Future[Any] = Future()
        done.set_result(work())
        return done

    def _read(self, work: Callable[[], Any], deadline: float) -> Any:
        return self._wait(self._begin(work), deadline)

    def _wait(self, future: Future[Any], deadline: float) -> Any:
        try:
            return future.result(max(deadline - time.monotonic(), 0))
        except TimeoutError:
            if future.done():
                raise
        progress = self._months.progress()
        detail = f"The columns for this are being prepared ({progress:.0%} done); ask again in a few seconds."
        members = {"progress": round(progress, 3)}
        raise OpenMetricsError("preparing", detail, retry_after_s=5, members=members)

    def _join(self, frames: Sequence[Frame]) -> Any:
        """Join the actors of months, or return what was joined before."""
        key = tuple(map(id, frames))
        with self._lock:
            found = self._keys.get(key)
        if found is None:
            found = (list(frames), join_keys(frames))
            with self._lock:
                self._keys = {**dict(list(self._keys.items())[-(JOINS - 1) :]), key: found}
        return found[1]


def _touches(period: str, start_ms: int | None, end_ms: int | None) -> bool:
    begin = period_start(period)
    if end_ms is not None and begin is not None and begin >= end_ms:
        return False
    if start_ms is None:
        return True
    if begin is None:
        return start_ms < OLD_BEFORE_MS
    return start_ms < begin or period == period_of(start_ms)
