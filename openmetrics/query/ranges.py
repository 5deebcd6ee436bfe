"""Read ranges: `{"last": "30d"}` or `{"from": ..., "to": ...}` (semantics section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from openmetrics.errors import invalid_query
from openmetrics.query.durations import parse_duration, subtract_duration
from openmetrics.query.times import parse_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS = -62_104_060_800_000
END_MS = 253_370_764_800_000
"""The years 2 to 9998: beyond them intervals have no neighbours in the calendar."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When and in which time zone a question is asked."""

    now_ms: int
    timezone: str = "UTC"


def parse_timezone(name: Any, pointer: str = "/timezone") -> str:
    """Return the name of a time zone that exists. Raises OpenMetricsError `invalid-query`."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError, TypeError) as error:
        detail = "There is no such time zone; write one such as Europe/Berlin."
        raise invalid_query(pointer, detail) from error
    return str(name)


def parse_range(range: Any, moment: Moment, pointer: str = "/range") -> tuple[int, int]:
    """Return the bounds of a range: `last`, or `from` and perhaps `to` (now, where it is missing)."""
    if not isinstance(range, Mapping):
        raise invalid_query(pointer, 'A range is {"last": "30d"} or {"from": "2026-11-01", "to": ...}.')
    for name in range:
        if name not in ("last", "from", "to"):
            raise invalid_query(f"{pointer}/{name}", "A range takes `last`, or `from` and `to`.")
    if "last" in range:
        other = next((name for name in ("from", "to") if name in range), None)
        if other is not None:
            raise invalid_query(f"{pointer}/{other}", "Give either `last`, or `from` and `to`.")
        duration = parse_duration(range["last"], f"{pointer}/last")
        if duration.amount == 0:
            raise invalid_query(f"{pointer}/last", "`last` is more than nothing, such as 30d.")
        return max(subtract_duration(moment.now_ms, duration, moment.timezone), FIRST_MS), moment.now_ms
    if "from" not in range:
        detail = 'Say when the range begins: {"from": "2026-11-01"} or {"last": "30d"}.'
        raise invalid_query(f"{pointer}/from", detail)
    start_ms = parse_instant(range["from"], moment.timezone, f"{pointer}/from")
    end_ms = moment.now_ms
    if range.get("to") is not None:
        end_ms = parse_instant(range["to"], moment.timezone, f"{pointer}/to")
    if start_ms >= end_ms:
        raise invalid_query(f"{pointer}/to", "The end of a range lies after its start.")
    return start_ms, end_ms


def parse_instant(value: Any, timezone: str, pointer: str) -> int:
    """Return the Unix milliseconds of a time; without a zone of its own it is in the question's."""
    try:
        local = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        local = None
    try:
        if local is None or local.tzinfo is not None:
            time_ms = parse_time(value)
        else:
            time_ms = (local.replace(tzinfo=ZoneInfo(timezone)) - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError) as error:
        words = str(error)
        raise invalid_query(pointer, f"{words[:1].upper()}{words[1:]}.") from error
    if not FIRST_MS <= time_ms < END_MS:
        raise invalid_query(pointer, "A range lies in the years 2 to 9998.")
    return time_ms
