"""Read the ranges of reports, all in UTC as the original had it: `last`, `startDate`, `endDate`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from openmetrics.plugin import invalid_query, parse_time

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
UNITS = {"w": 7 * DAY_MS, "d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS}
PERIODS = {"d": ("day", DAY_MS, "30d"), "h": ("hour", HOUR_MS, "1d"), "m": ("minute", MINUTE_MS, "1h")}
"""Period to its calendar unit, its length, and the range of a report that names none."""
FIRST_MS = -62_135_596_800_000  # the year 1
_PART = re.compile(r"\s*([0-9]{1,9})([wdhm])")
_EPOCH = re.compile(r"[0-9]{5,15}")


@dataclass(frozen=True, slots=True)
class Span:
    """A range `[start_ms, end_ms)`; None means unbounded."""

    start_ms: int | None = None
    end_ms: int | None = None


def parse_range(query: Mapping[str, str], now_ms: int, default_last: str = "0") -> Span:
    """Return the range that a question asks for: dates win over `last`, which wins over the default."""
    start_ms, end_ms = (parse_date(query, key) for key in ("startDate", "endDate"))
    last = parse_last(query.get("last", default_last), now_ms)
    if start_ms is None and end_ms is None:
        return last
    return Span(start_ms, None if end_ms is None else end_ms + 1)


def parse_date(query: Mapping[str, str], key: str) -> int | None:
    """Return the instant of a date, inclusive; a date alone is its midnight, digits are milliseconds."""
    text = query.get(key)
    if text is None:
        return None
    if _EPOCH.fullmatch(text.strip()):
        return int(text)
    try:
        return parse_time(text)
    except ValueError as error:
        raise invalid_query(f"/{key}", f"{key}: {error}") from error


def parse_last(text: str, now_ms: int) -> Span:
    """Return the range of `30d`, `12h`, `45m`, `4w`, `1d12h`; `0` means all time.

    Days and weeks alone begin at midnight, `1d` being yesterday's; with hours or minutes the range
    begins that long before this minute. It ends with this minute.
    """
    if text.strip() == "0":
        return Span()
    amounts: dict[str, int] = {}
    end = 0
    while match := _PART.match(text, end):
        if match[2] in amounts:
            break
        amounts[match[2]] = int(match[1])
        end = match.end()
    if not amounts or text[end:].strip():
        detail = (
            f"last takes 0 (all time) or amounts of w, d, h and m such as 30d or 1d12h, not {text[:40]!r}"
        )
        raise invalid_query("/last", detail)
    minute = now_ms - now_ms % MINUTE_MS
    is_of_days = amounts.keys().isdisjoint("hm")
    base = now_ms - now_ms % DAY_MS if is_of_days else minute
    start = base - sum(amount * UNITS[unit] for unit, amount in amounts.items())
    return Span(max(start, FIRST_MS), minute + MINUTE_MS)


def parse_period(query: Mapping[str, str]) -> str:
    """Return the period of a report's buckets: d, h or m."""
    period = query.get("period", "d")
    if period not in PERIODS:
        raise invalid_query("/period", f"period takes d (day), h (hour) or m (minute), not {period[:20]!r}")
    return period
