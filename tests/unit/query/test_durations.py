"""Durations as questions write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openmetrics.errors import OpenMetricsError
from openmetrics.query.durations import FIRST_MS, parse_duration, subtract_duration


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("600s", 600_000), ("45m", 2_700_000), ("12h", 43_200_000), ("14d", 1_209_600_000),
        ("2w", 1_209_600_000), ("6mo", 15_552_000_000), ("0d", 0),
    ],
)  # fmt: skip
def test_parse_duration_reads_all_units(text: str, ms: int) -> None:
    duration = parse_duration(text, "/window")
    assert (duration.ms, str(duration)) == (ms, text)


@pytest.mark.parametrize(
    "text", ["", "5", "d", "-1d", "1.5h", "1 d", "1y", "１d", "1D", "9" * 13 + "d", 5, None, ["1d"]]
)
def test_parse_duration_refuses_anything_else(text: object) -> None:
    with pytest.raises(OpenMetricsError) as caught:
        parse_duration(text, "/steps/1/within")
    assert caught.value.code == "invalid-query"
    assert caught.value.faults[0].pointer == "/steps/1/within"
    assert "14d" in caught.value.detail


@pytest.mark.parametrize(
    ("now", "text", "zone", "expected"),
    [
        ("2026-11-10T12:00", "30d", "UTC", "2026-10-11T12:00"),
        ("2026-03-31T12:00", "1mo", "UTC", "2026-02-28T12:00"),
        ("2028-03-31T12:00", "1mo", "UTC", "2028-02-29T12:00"),
        ("2026-01-31T12:00", "1mo", "UTC", "2025-12-31T12:00"),
        ("2026-12-31T12:00", "12mo", "UTC", "2025-12-31T12:00"),
        ("2026-12-31T12:00", "6mo", "UTC", "2026-06-30T12:00"),
        ("2026-04-01T03:00", "1mo", "America/New_York", "2026-03-01T04:00"),
        ("2026-11-10T12:00", "4w", "America/New_York", "2026-10-13T12:00"),
    ],
)
def test_subtract_duration_goes_back(now: str, text: str, zone: str, expected: str) -> None:
    assert subtract_duration(_ms(now), parse_duration(text, ""), zone) == _ms(expected)


@pytest.mark.parametrize("text", ["999999999999d", "999999999999mo", "24300mo"])
def test_subtract_duration_stops_at_the_year_1(text: str) -> None:
    assert subtract_duration(_ms("2026-11-10T12:00"), parse_duration(text, "")) == FIRST_MS
