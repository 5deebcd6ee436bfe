"""Split time where a zone's clocks change, so that the cluster computes with fixed offsets only.

Its own calendar intervals are wrong where clocks move by half an hour, and depend on the time zone
data of its Java.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from openmetrics.query.calendar import DAY_MS, offset_ms

BLOCK_MS = 365 * DAY_MS
NO_CHANGE_BEFORE_MS = -5_364_662_400_000
"""1800-01-01: no zone had changed its clocks yet."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time during which a zone's clocks do not change, `[start_ms, end_ms)`."""

    start_ms: int
    end_ms: int
    offset_ms: int

    @property
    def time_zone(self) -> str:
        """Return the offset as Elasticsearch writes it."""
        seconds = abs(self.offset_ms) // 1_000
        hours, minutes, rest = seconds // 3_600, seconds // 60 % 60, seconds % 60
        text = f"{'-' if self.offset_ms < 0 else '+'}{hours:02d}:{minutes:02d}"
        return f"{text}:{rest:02d}" if rest else text


def split_range(start_ms: int, end_ms: int, timezone: str) -> list[Stretch]:
    """Return the stretches of a range, oldest first."""
    first = max(start_ms, NO_CHANGE_BEFORE_MS) // BLOCK_MS
    blocks = range(first, end_ms // BLOCK_MS + 1) if timezone != "UTC" else ()
    changes = (change for block in blocks for change in _find_changes(timezone, block))
    borders = [start_ms, *(change for change in changes if start_ms < change < end_ms), end_ms]
    return [Stretch(begin, end, offset_ms(timezone, begin)) for begin, end in pairwise(borders)]


@lru_cache(maxsize=10_000)
def _find_changes(timezone: str, block: int) -> tuple[int, ...]:
    """Return the instants at which the clocks change within a block; none changes twice within a day."""
    days = range(block * BLOCK_MS, (block + 1) * BLOCK_MS, DAY_MS)
    return tuple(
        _find_change(timezone, day, day + DAY_MS)
        for day in days
        if offset_ms(timezone, day) != offset_ms(timezone, day + DAY_MS)
    )


def _find_change(timezone: str, before_ms: int, after_ms: int) -> int:
    offset = offset_ms(timezone, after_ms)
    while after_ms - before_ms > 1:
        middle = (before_ms + after_ms) // 2
        if offset_ms(timezone, middle) == offset:
            after_ms = middle
        else:
            before_ms = middle
    return after_ms
