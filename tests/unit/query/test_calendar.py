"""Intervals across clock changes, skipped days and the ends of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmetrics.query.calendar import (
    EPOCH,
    QUARTER_HOURS_SINCE_MS,
    interval_grain_ms,
    interval_start,
    iter_intervals,
    next_start,
)
from openmetrics.query.model import Interval

ZONES = (
    "UTC", "America/New_York", "America/Sao_Paulo", "America/St_Johns", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "Africa/Monrovia", "Europe/Amsterdam",
    "Asia/Gaza", "America/Havana",
)  # fmt: skip
UNITS = ("minute", "hour", "day", "week", "month")

# fmt: off
STARTS = [
    ("a day of 23 hours", "day", "America/New_York", "2026-03-08T05:00", "2026-03-09T12:00",
     ["2026-03-08T05:00", "2026-03-09T04:00"]),
    ("a day of 25 hours", "day", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:30",
     ["2026-10-24T22:00", "2026-10-25T23:00"]),
    ("an hour of 90 minutes in spring", "hour", "Australia/Lord_Howe", "2026-10-03T14:00", "2026-10-03T16:01",
     ["2026-10-03T13:30", "2026-10-03T14:30", "2026-10-03T16:00"]),
    ("an hour of 90 minutes in autumn", "hour", "Australia/Lord_Howe", "2026-04-04T14:00", "2026-04-04T15:31",
     ["2026-04-04T14:00", "2026-04-04T15:30"]),
    ("an hour that shows twice", "hour", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T02:00",
     ["2026-10-25T00:00", "2026-10-25T01:00"]),
    ("a day without midnight", "day", "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:01",
     ["2018-11-04T03:00", "2018-11-05T02:00"]),
    ("a midnight that shows twice", "day", "America/Havana", "2026-11-01T04:00", "2026-11-02T05:01",
     ["2026-11-01T04:00", "2026-11-02T05:00"]),
    ("a date that shows twice", "day", "America/St_Johns", "2008-11-02T02:29", "2008-11-02T03:31",
     ["2008-11-01T02:30", "2008-11-02T02:30"]),
    ("a day that a zone skipped", "day", "Pacific/Apia", "2011-12-29T10:00", "2011-12-31T10:00",
     ["2011-12-29T10:00", "2011-12-30T10:00"]),
    ("weeks from Monday", "week", "UTC", "2026-11-10T00:00", "2026-11-17T00:00",
     ["2026-11-09T00:00", "2026-11-16T00:00"]),
    ("months and a leap day", "month", "Asia/Kathmandu", "2028-02-01T00:00", "2028-04-01T00:00",
     ["2028-01-31T18:15", "2028-02-29T18:15", "2028-03-31T18:15"]),
    ("minutes under an offset with seconds", "minute", "Africa/Monrovia", "1971-01-01T00:00",
     "1971-01-01T00:01",
     ["1970-12-31T23:59:30", "1971-01-01T00:00:30"]),
]
# fmt: on


def _ms(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


CASES = [pytest.param(*row[1:], id=row[0]) for row in STARTS]


@pytest.mark.parametrize(("unit", "zone", "start", "end", "expected"), CASES)
def test_intervals_across_clock_changes(
    unit: str, zone: str, start: str, end: str, expected: list[str]
) -> None:
    found = list(iter_intervals(_ms(start), _ms(end), Interval(unit, zone)))
    assert found == [_ms(text) for text in expected]


def test_weeks_may_begin_on_sunday() -> None:
    sunday = Interval("week", "America/New_York", week_start=6)
    assert interval_start(_ms("2026-11-10T00:00"), sunday) == _ms("2026-11-08T05:00")
    assert next_start(_ms("2026-11-08T05:00"), sunday) == _ms("2026-11-15T05:00")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("time", [-62_135_596_800_000, 253_402_300_799_999, -1, 0, QUARTER_HOURS_SINCE_MS])
def test_intervals_at_the_ends_of_time_hold_their_instant(unit: str, zone: str, time: int) -> None:
    interval = Interval(unit, zone)
    start = interval_start(time, interval)
    assert start <= time < next_start(start, interval)


instants = st.one_of(
    st.integers(_ms("1900-01-01"), _ms("2060-01-01")),
    st.sampled_from([_ms(row[3]) for row in STARTS]).flatmap(
        lambda base: st.integers(base - 200_000_000, base + 200_000_000)
    ),
)


@settings(max_examples=1500, deadline=None)
@given(instants, st.sampled_from(ZONES), st.sampled_from(UNITS), st.sampled_from((0, 6)))
def test_intervals_tile_the_time(time: int, zone: str, unit: str, week_start: int) -> None:
    interval = Interval(unit, zone, week_start)
    start = interval_start(time, interval)
    end = next_start(start, interval)
    assert start <= time < end
    assert interval_start(start, interval) == start
    assert interval_start(end - 1, interval) == start
    assert interval_start(end, interval) == end
    grain = interval_grain_ms(start, interval)
    assert start % grain == 0


@settings(max_examples=300, deadline=None)
@given(instants, st.sampled_from(ZONES))
def test_hours_begin_where_the_clock_shows_zero_minutes(time: int, zone: str) -> None:
    start = EPOCH + timedelta(milliseconds=interval_start(time, Interval("hour", zone)))
    local = start.astimezone(ZoneInfo(zone))
    assert (local.minute, local.second, local.microsecond) == (0, 0, 0)
