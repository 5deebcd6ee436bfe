"""A clock that stands still until it is told to move."""

from __future__ import annotations

import itertools
import threading


class FixedClock:
    """Give a set time, and ids that count up from it. Thread-safe."""

    def __init__(self, now_ms: int = 1_795_600_000_000) -> None:
        self.time_ms = now_ms
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Return the set time."""
        return self.time_ms

    def advance(self, ms: int) -> None:
        """Move the time on."""
        self.time_ms += ms

    def new_event_ids(self, count: int) -> list[str]:
        """Return `count` new ids in ascending order."""
        with self._lock:
            return [f"{next(self._numbers):032x}" for _ in range(count)]
