"""Say where calendar intervals begin, in any time zone, across every change of its clocks.

Intervals follow each other without gap or overlap: one begins at the first instant at which the local
clock or calendar shows it, and lasts until the next begins. So an hour begins where the clock shows
:00 (Lord Howe's change makes one of 90 minutes), a day without midnight begins when the clocks
jump, and a day that a zone skipped does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy

from openmetrics.query.model import Interval

DAY_MS = 86_400_000
CLOCK_UNITS = {"minute": 60_000, "hour": 3_600_000}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS = -62_135_596_800_000 + 2 * DAY_MS
LAST_MS = 253_402_300_799_999 - 2 * DAY_MS
MONDAY = 3
"""1970-01-01 was a Thursday: this many days after a Monday."""
QUARTER_HOURS_SINCE_MS = 94_694_400_000
"""1973-01-01: since then every zone's offset from UTC is a multiple of 15 minutes."""


def interval_start(time_ms: int, interval: Interval) -> int:
    """Return the start of the interval that holds an instant."""
    if interval.unit in CLOCK_UNITS:
        return _clock_start(time_ms, interval)
    local_day = (time_ms + offset_ms(interval.timezone, time_ms)) // DAY_MS
    start, end = _bounds(_first_day(local_day, interval), interval)
    # NOTE: where the clocks go back over midnight, the old date shows again for a while.
    return end if time_ms >= end else start


def next_start(start_ms: int, interval: Interval) -> int:
    """Return the start of the interval after the one that begins at an instant."""
    zone = interval.timezone
    if interval.unit not in CLOCK_UNITS:
        local_day = (start_ms + offset_ms(zone, start_ms)) // DAY_MS
        return _bounds(_first_day(local_day, interval), interval)[1]
    size = CLOCK_UNITS[interval.unit]
    offset = offset_ms(zone, start_ms + size)
    if offset == offset_ms(zone, start_ms):
        return start_ms + size
    change = _change_between(zone, start_ms, start_ms + size)
    return change + -(change + offset) % size


def iter_intervals(start_ms: int, end_ms: int, interval: Interval) -> Iterator[int]:
    """Yield the starts of all intervals that touch `[start_ms, end_ms)`, the first maybe before it."""
    start = interval_start(start_ms, interval)
    while start < end_ms:
        yield start
        start = next_start(start, interval)


def interval_grain_ms(time_ms: int, interval: Interval) -> int:
    """Return a length such that no interval begins inside a multiple of it, at and after an instant."""
    if time_ms < QUARTER_HOURS_SINCE_MS:
        return 1_000
    return 60_000 if interval.unit == "minute" else 900_000


@lru_cache(maxsize=200_000)
def offset_ms(timezone: str, time_ms: int) -> int:
    """Return how far a zone's clocks are ahead of UTC at an instant."""
    if timezone == "UTC":
        return 0
    # NOTE: two days from the ends of the calendar the local date would leave it.
    instant = EPOCH + timedelta(milliseconds=min(max(time_ms, FIRST_MS), LAST_MS))
    offset = instant.astimezone(ZoneInfo(timezone)).utcoffset()
    return round((offset or timedelta()).total_seconds() * 1000)


def _clock_start(time_ms: int, interval: Interval) -> int:
    size = CLOCK_UNITS[interval.unit]
    zone = interval.timezone
    offset = offset_ms(zone, time_ms)
    start = time_ms - (time_ms + offset) % size
    if offset_ms(zone, start) == offset:
        return start
    change = _change_between(zone, start, time_ms)
    return _clock_start(change - 1, interval)


def _change_between(zone: str, before_ms: int, after_ms: int) -> int:
    """Find the first instant with the later offset, by bisection."""
    offset = offset_ms(zone, after_ms)
    while after_ms - before_ms > 1:
        middle = (before_ms + after_ms) // 2
        if offset_ms(zone, middle) == offset:
            after_ms = middle
        else:
            before_ms = middle
    return after_ms


def _first_day(day: int, interval: Interval) -> int:
    """Return the first local day (since 1970) of the day, week or month that holds a local day."""
    if interval.unit == "day":
        return day
    if interval.unit == "week":
        return day - (day + MONDAY - interval.week_start) % 7
    return int(numpy.datetime64(day, "D").astype("datetime64[M]").astype("datetime64[D]").astype(int))


@lru_cache(maxsize=100_000)
def _bounds(day: int, interval: Interval) -> tuple[int, int]:
    following = day + {"day": 1, "week": 7, "month": 31}[interval.unit]
    end_day = _first_day(following, interval) if interval.unit == "month" else following
    return _first_instant(day, interval.timezone), _first_instant(end_day, interval.timezone)


def _first_instant(day: int, zone: str) -> int:
    """Return the first instant at which a zone's calendar shows a local day or a later one."""
    midnight = day * DAY_MS
    before_ms, after_ms = midnight - DAY_MS, midnight + DAY_MS
    before, after = offset_ms(zone, before_ms), offset_ms(zone, after_ms)
    if before == after:
        return midnight - before
    change = _change_between(zone, before_ms, after_ms)
    if midnight - before < change:
        return midnight - before
    return max(change, midnight - after)
