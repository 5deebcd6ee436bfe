"""Cut a range into intervals, and find the period that it is compared with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from openmetrics.plugin import Interval, OpenMetricsError, interval_start, iter_intervals, next_start
from openmetrics_plugins.trends.model import Period

MAX_CELLS = 500_000
"""Most figures of an answer."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def build_period(start_ms: int, end_ms: int, interval: Interval | None) -> Period:
    """Return a range with its intervals. Raises OpenMetricsError `query-too-large`."""
    if interval is None:
        return Period(start_ms, end_ms)
    starts = tuple(islice(iter_intervals(start_ms, end_ms, interval), MAX_CELLS + 1))
    check_cells(len(starts))
    return Period(start_ms, end_ms, (*starts, next_start(starts[-1], interval)))


def check_cells(count: int) -> None:
    """Refuse an answer with too many figures. Raises OpenMetricsError `query-too-large`."""
    if count > MAX_CELLS:
        raise OpenMetricsError(
            "query-too-large",
            f"The answer would have more than {MAX_CELLS:,} figures; ask for a coarser interval, a shorter"
            " range, fewer series or fewer groups.",
        )


def find_previous(period: Period, interval: Interval | None) -> Period:
    """Return the period before: as many calendar units where both ends lie on them, else as long."""
    length = period.end_ms - period.start_ms
    start_ms = period.start_ms - length
    if interval is not None and period.edges[0] == period.start_ms and period.edges[-1] == period.end_ms:
        start_ms = period.start_ms
        for _ in range(period.width):
            start_ms = interval_start(start_ms - 1, interval)
    return build_period(start_ms, period.start_ms, interval)


def find_last_year(period: Period, interval: Interval | None, timezone: str) -> Period:
    """Return the same local dates of the year before; what that leaves empty is as long as it was."""
    start_ms, end_ms = (_go_back(time_ms, timezone) for time_ms in (period.start_ms, period.end_ms))
    if end_ms <= start_ms:
        end_ms = start_ms + period.end_ms - period.start_ms
    return build_period(start_ms, end_ms, interval)


def _go_back(time_ms: int, timezone: str) -> int:
    local = (EPOCH + timedelta(milliseconds=time_ms)).astimezone(ZoneInfo(timezone))
    day = 28 if (local.month, local.day) == (2, 29) else local.day
    moved = local.replace(year=local.year - 1, day=day)
    return (moved.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)
