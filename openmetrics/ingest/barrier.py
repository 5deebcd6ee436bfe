"""Let a lookup see every event that was acknowledged before it began (ruling E10)."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.positions import Positions
from openmetrics.ingest.pump import POLL_S, Pump
from openmetrics.settings import Settings
from openmetrics.store.base import Store, StoreUnavailableError

_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Mark:
    """A folder and the position in it that the store must have reached."""

    path: Path
    positions: Positions
    acked: int

    @property
    def is_stored(self) -> bool:
        return self.positions.stored >= self.acked or not self.path.exists()


class Barrier:
    """Wait for the live folders of all processes that share the data folder.

    Thread-safe. Lookups that come together share one seal and one refresh. `pump` is this process' own,
    which then works at once; those of others look every few milliseconds.
    """

    def __init__(self, settings: Settings, store: Store, pump: Pump | None = None) -> None:
        self._root = settings.data_path / "spool"
        self._store = store
        self._pump = pump
        self._folders: dict[str, Positions] = {}
        self._visible: dict[str, int] = {}
        self._refresh_lock = threading.Lock()

    def wait(self, deadline: float) -> None:
        """Return when everything acknowledged before is visible; `deadline` is a `time.monotonic()` second.

        Raises OpenMetricsError `preparing` at the deadline, and StoreUnavailableError after two seconds in
        which the store takes nothing, so that waiting lookups do not hold all threads.
        PERF: 20 µs when nothing is pending.
        """
        marks = self._read_marks()
        if not marks:
            return
        self._wait_stored(marks, deadline)
        self._make_visible(marks, deadline)

    def _read_marks(self) -> list[_Mark]:
        marks = []
        folders = {}
        try:
            names = os.listdir(self._root)
        except FileNotFoundError:
            return []  # nobody has spooled anything yet
        for name in names:
            if not name.startswith("live-"):
                continue
            positions = self._folders.get(name)
            if positions is None:
                try:
                    positions = Positions(self._root / name / "positions")
                except (OSError, ValueError):
                    continue  # just being made or removed: nothing in it waits
            folders[name] = positions
            if (acked := positions.acked) > self._visible.get(name, 0):
                marks.append(_Mark(self._root / name, positions, acked))
        self._folders = folders
        return marks

    def _wait_stored(self, marks: list[_Mark], deadline: float) -> None:
        begun = time.monotonic()
        while True:
            seen = self._pump.settled if self._pump else 0
            marks = [mark for mark in marks if not mark.is_stored]
            if not marks:
                return
            now = time.monotonic()
            if now >= deadline:
                raise _preparing(marks)
            if now - begun > _PATIENCE_S and any(mark.positions.is_troubled for mark in marks):
                raise StoreUnavailableError()
            for mark in marks:
                if mark.positions.seal < mark.acked:
                    mark.positions.seal = mark.acked
            self._pause(seen, min(POLL_S, deadline - now))

    def _pause(self, seen: int, timeout_s: float) -> None:
        if self._pump is None:
            time.sleep(timeout_s)
        else:
            self._pump.wake()
            self._pump.wait_settled(seen, timeout_s)

    def _make_visible(self, marks: list[_Mark], deadline: float) -> None:
        if not self._refresh_lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise _preparing(marks)
        try:
            if all(self._visible.get(mark.path.name, 0) >= mark.acked for mark in marks):
                return  # a refresh that another lookup asked for began late enough
            stored = {name: positions.stored for name, positions in self._folders.items()}
            self._store.refresh()
            self._visible = stored
        finally:
            self._refresh_lock.release()


def _preparing(marks: list[_Mark]) -> OpenMetricsError:
    events = sum(mark.positions.backlog_events for mark in marks)
    size = sum(mark.positions.backlog_bytes for mark in marks)
    detail = (
        f"About {events:,} events ({size:,} bytes) that were accepted before are still being stored; "
        "ask again in a few seconds."
    )
    members = {"backlog_events": events, "backlog_bytes": size}
    return OpenMetricsError("preparing", detail, retry_after_s=2, members=members)
