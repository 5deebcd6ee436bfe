"""The forms in which clients write times (semantics E2)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmetrics.query.times import MAX_MS, MIN_MS, format_time, parse_time

NOON = "2026-11-25T12:00:00.000Z"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("2026-11-25T12:00:00Z", NOON),
        ("2026-11-25t12:00:00z", NOON),
        ("2026-11-25 12:00", NOON),
        ("2026-11-25T13:00:00+01:00", NOON),
        ("2026-11-25T13+01", NOON),
        ("20261125T120000Z", NOON),
        ("2026-W48-3T12:00:00Z", NOON),
        ("2026-329T12:00:00Z", NOON),
        ("2026-11-25T12:00:00.0009Z", NOON),
        ("2026-11-24T24:00:00Z", "2026-11-25T00:00:00.000Z"),
        ("2026-11-25", "2026-11-25T00:00:00.000Z"),
        ("2026-11", "2026-11-01T00:00:00.000Z"),
        ("2026", "2026-01-01T00:00:00.000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
        ("Wed, 25 Nov 2026 13:00:00 +0100", NOON),
        ("Wed, 25 Nov 2026 12:00:00 GMT", NOON),
        ("25 Nov 2026 07:00 EST", NOON),
        ("Wed Nov 25 2026 13:00:00 GMT+0100 (Central European Standard Time)", NOON),
        ("November 25, 2026 12:00 PM", NOON),
        ("Nov 25, 2026 12:00:00.000 AM", "2026-11-25T00:00:00.000Z"),
        ("11/25/2026 12:00", NOON),
        ("2026/11/25 12:00", NOON),
        (1795608000, NOON),
        (1795608000.0009, NOON),
        (1795608000000, NOON),
        (1795608000000999, NOON),
        ("1795608000000", NOON),
        ("1795608000", NOON),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.000Z"),
    ],
)
def test_parse_time_accepted_form_gives_milliseconds(sent: object, meant: str) -> None:
    assert format_time(parse_time(sent)) == meant


@pytest.mark.parametrize(
    "sent",
    [
        "", "yesterday", "2026-02-30", "2026-13-01", "2026-11-25T25:00:00Z", "25 Nov", "10", "Feb 30 2026",
        "2026-11-25T12:60:00Z", "2026-11-25T12:00:00+99:99", "13/25/2026", "Nov Dec 25 2026", "25 Nov 26",
        "0000-01-01", 1e17, 10**17, -(10**18), float("nan"), float("inf"), True, None, [], {},
    ],
)  # fmt: skip
def test_parse_time_what_does_not_exist_is_refused_with_what_is_accepted(sent: object) -> None:
    with pytest.raises(ValueError, match=r"a time|epoch number"):
        parse_time(sent)


@given(st.integers(MIN_MS, MAX_MS))
def test_format_time_any_moment_is_read_back(time_ms: int) -> None:
    assert parse_time(format_time(time_ms)) == time_ms


@given(st.datetimes(timezones=st.just(UTC)))
def test_parse_time_python_iso_text_truncates_to_milliseconds(moment: datetime) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_time(moment.isoformat()) == parse_time(whole.isoformat())


@given(st.text(max_size=40) | st.from_regex(r"[0-9A-Za-z :/+.-]{0,30}", fullmatch=True))
def test_parse_time_any_text_is_a_time_or_a_clear_refusal(text: str) -> None:
    said = ""
    try:
        time_ms = parse_time(text)
    except ValueError as error:
        said = str(error)
    assert said or MIN_MS <= time_ms <= MAX_MS
