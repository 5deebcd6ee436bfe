"""Read the forms in which clients write times (semantics E2); all give Unix milliseconds, UTC.

Accepted: ISO 8601, RFC 2822, the date strings that JavaScript parses, and epoch numbers (below 1e11
seconds, below 1e14 milliseconds, below 1e17 microseconds). A text without zone is UTC.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIN_MS = -62_135_596_800_000  # 0001-01-01
MAX_MS = 253_402_300_799_999  # 9999-12-31
FORMS = "ISO 8601 text (2026-11-25T14:00:00Z), RFC 2822 text, or an epoch number"
_DIGITS = re.compile(r"[+-]?[0-9]{9,}(?:\.[0-9]+)?")
_ISO = re.compile(
    r"(?P<date>[0-9]{4}(?:-?[0-9]{2}(?:-?[0-9]{2})?|-?W[0-9]{2}(?:-?[0-9])?|-[0-9]{3})?)"
    r"(?:[Tt ](?P<time>[0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]+)?)?)?)"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_TOKEN = re.compile(
    r"(?P<clock>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r"|(?P<slashed>[0-9]{1,4}[/-][0-9]{1,2}[/-][0-9]{1,4})"
    r"|(?P<offset>(?<![0-9])[+-][0-9]{2}:?[0-9]{2})"
    r"|(?P<number>[0-9]+)(?:st|nd|rd|th)?"
    r"|(?P<word>[A-Za-z]+)"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
    "pst": -8, "pdt": -7,
}  # fmt: skip


def parse_time(value: Any) -> int:
    """Return the Unix milliseconds of a time in any accepted form.

    Raises ValueError, with a sentence that says what is accepted.
    """
    if isinstance(value, str):
        return _checked(_parse_text(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a time is {FORMS}")
    return _checked(_parse_number(value))


def format_time(time_ms: int) -> str:
    """Return ISO 8601 UTC with milliseconds and `Z`."""
    return (EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds")[:-6] + "Z"


def to_ms(moment: datetime) -> int:
    """Return the Unix milliseconds of an aware datetime, finer parts cut off."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def _checked(time_ms: int) -> int:
    if not MIN_MS <= time_ms <= MAX_MS:
        raise ValueError("a time lies in the years 1 to 9999")
    return time_ms


def _parse_number(number: int | float) -> int:
    size = abs(number)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"a time is {FORMS}")
    if size < 1e11:
        return math.floor(number * 1000)
    if size < 1e14:
        return math.floor(number)
    if size < 1e17:
        return math.floor(number / 1000) if isinstance(number, float) else number // 1000
    raise ValueError("an epoch number is below 1e17: seconds, milliseconds or microseconds")


def _parse_text(text: str) -> int:
    try:  # PERF: the common form takes 0.4 µs this way
        if len(text) >= 19 and text[10] == "T":
            moment = datetime.fromisoformat(text)
            return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        pass
    text = text.strip()
    if _DIGITS.fullmatch(text):
        return _parse_number(float(text) if "." in text else int(text))
    try:
        iso = _ISO.fullmatch(text)
        return _parse_iso(iso) if iso else _parse_words(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:60]!r} is no time that exists; a time is {FORMS}") from error


def _parse_iso(match: re.Match[str]) -> int:
    date, time, zone = match["date"], match["time"], match["zone"]
    if len(date) == 4:
        date += "-01-01"
    elif re.fullmatch(r"[0-9]{4}-[0-9]{2}", date):
        date += "-01"
    if re.fullmatch(r"[0-9]{4}-[0-9]{3}", date):
        day = datetime.strptime(date, "%Y-%j").replace(tzinfo=UTC)
    else:
        day = datetime.fromisoformat(date).replace(tzinfo=UTC)
    parts = re.findall(r"[0-9]{2}", (time or "").partition(".")[0].partition(",")[0])
    hour, minute, second = [int(part) for part in parts] + [0] * (3 - len(parts))
    fraction = re.search(r"[.,]([0-9]+)", time or "")
    ms = int((fraction[1] + "000")[:3]) if fraction else 0
    return _combine(day, (hour, minute, second, ms), _offset_minutes(zone))


def _combine(day: datetime, clock: tuple[int, int, int, int], offset_minutes: int) -> int:
    hour, minute, second, ms = clock
    is_midnight = (hour, minute, second, ms) == (24, 0, 0, 0)
    if (hour > 23 and not is_midnight) or minute > 59 or second > 59 or abs(offset_minutes) >= 1440:
        raise ValueError("no such time of day")
    of_day = ((hour * 60 + minute) * 60 + second) * 1000 + ms
    return to_ms(day) + of_day - offset_minutes * 60_000


def _offset_minutes(zone: str | None) -> int:
    if not zone or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return -minutes if zone[0] == "-" else minutes


def _parse_words(text: str) -> int:
    """Read RFC 2822 and the loose forms of JavaScript: month names or slashes, a clock, a zone."""
    found = _Words()
    rest = re.sub(r"\([^()]*\)", " ", text)
    end = 0
    for match in _TOKEN.finditer(rest):
        if rest[end : match.start()].strip(" ,.\t"):
            raise ValueError("unknown text between the parts")
        end = match.end()
        found.take(match.lastgroup or "", match[match.lastgroup or 0])
    if rest[end:].strip(" ,.\t"):
        raise ValueError("unknown text at the end")
    return found.to_ms()


class _Words:
    """Collect the parts of a date in words, whatever their order."""

    def __init__(self) -> None:
        self.month: int | None = None
        self.numbers: list[str] = []
        self.clock: tuple[int, int, int, int] | None = None
        self.half: str | None = None
        self.offset = 0

    def take(self, kind: str, part: str) -> None:
        if kind == "clock":
            if self.clock:
                raise ValueError("two times of day")
            pieces = part.partition(".")
            hour, minute, *second = (int(piece) for piece in pieces[0].split(":"))
            self.clock = (hour, minute, second[0] if second else 0, int((pieces[2] + "000")[:3]))
        elif kind == "slashed":
            if self.numbers or self.month:
                raise ValueError("two dates")
            a, b, c = re.split("[/-]", part)
            year, month, day = (a, b, c) if len(a) == 4 else (c, a, b)
            self.month, self.numbers = int(month), [day, year]
        elif kind == "offset":
            self.offset = _offset_minutes(part)
        elif kind == "number":
            self.numbers.append(part)
        else:
            self.take_word(part.lower())

    def take_word(self, word: str) -> None:
        if word in ("am", "pm"):
            self.half = word
        elif word in _ZONES:
            self.offset = self.offset or _ZONES[word] * 60
        elif word in _MONTH_NAMES or word in _MONTHS or word == "sept":
            if self.month:
                raise ValueError("two months")
            self.month = _MONTHS.index(word[:3]) + 1
        elif word != "t" and not (len(word) >= 3 and any(day.startswith(word) for day in _WEEKDAYS)):
            raise ValueError("unknown word")

    def to_ms(self) -> int:
        if self.month is None or len(self.numbers) != 2:
            raise ValueError("a day, a month and a year are needed")
        first, second = self.numbers
        day, year = (second, first) if len(first) > 2 else (first, second)
        if len(year) != 4:
            raise ValueError("the year has four digits")
        hour, minute, seconds, ms = self.clock or (0, 0, 0, 0)
        if self.half:
            if not 1 <= hour <= 12:
                raise ValueError("am and pm go with 1 to 12")
            hour = hour % 12 + (12 if self.half == "pm" else 0)
        date = datetime(int(year), self.month, int(day), tzinfo=UTC)
        return _combine(date, (hour, minute, seconds, ms), self.offset)
