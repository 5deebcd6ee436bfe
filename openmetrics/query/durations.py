"""Read durations as questions write them: a number and `s m h d w mo`, such as `600s`, `14d`, `6mo`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from openmetrics.errors import invalid_query

UNITS_MS = {
    "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "mo": 2_592_000_000,
}  # fmt: skip
PATTERN = re.compile(r"([0-9]{1,12})(s|mo|m|h|d|w)", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS = -62_135_596_800_000
"""Year 1: no range begins before it."""


@dataclass(frozen=True, slots=True)
class Duration:
    """An amount of a unit; its text is what a question writes."""

    amount: int
    unit: str

    @property
    def ms(self) -> int:
        """Return the fixed length in milliseconds; a month has 30 days, a day 86,400 s."""
        return self.amount * UNITS_MS[self.unit]

    def __str__(self) -> str:
        """Return the form that `parse_duration` reads."""
        return f"{self.amount}{self.unit}"


def parse_duration(text: object, pointer: str) -> Duration:
    """Read a duration; raises OpenMetricsError `invalid-query` at `pointer` for anything else."""
    found = PATTERN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise invalid_query(
            pointer, "Write a whole number and one of s m h d w mo, such as 600s, 14d or 6mo."
        )
    return Duration(int(found[1]), found[2])


def subtract_duration(time_ms: int, duration: Duration, timezone: str = "UTC") -> int:
    """Go back from an instant: months are calendar months of the zone, all else is of fixed length.

    The 31st becomes the last day of a shorter month. Never earlier than the year 1.
    """
    if duration.unit != "mo":
        return max(time_ms - duration.ms, FIRST_MS)
    local = (EPOCH + timedelta(milliseconds=time_ms)).astimezone(ZoneInfo(timezone))
    month = local.year * 12 + local.month - 1 - duration.amount
    if month < 24:
        return FIRST_MS
    year, index = divmod(month, 12)
    last_day = (datetime(year + index // 11, (index + 1) % 12 + 1, 1) - timedelta(days=1)).day
    moved = local.replace(year=year, month=index + 1, day=min(local.day, last_day))
    return (moved.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)
