"""Read the text form of tags, `name:value,name=value,name`, and numbers written as text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

_SEPARATOR = re.compile("[:=]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
MAX_DIGITS = 1_000


def iter_pairs(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield (name, value) of each item; the value is None where the item is a bare name.

    An item is split at its first `:` or `=`, the rest is kept whole; empty items are left out.
    """
    for item in text.split(","):
        if not item.strip():
            continue
        match = _SEPARATOR.search(item)
        if match:
            yield item[: match.start()], item[match.end() :]
        else:
            yield item, None


def parse_pairs(text: str) -> dict[str, Any]:
    """Return the map that a text stands for: a bare name is true, the last of equal names wins."""
    return {name: True if value is None else value for name, value in iter_pairs(text)}


def has_pairs(text: str) -> bool:
    """Say whether a text holds at least one pair."""
    return _SEPARATOR.search(text) is not None


def parse_number(text: str) -> int | float | None:
    """Return the number that a text stands for (`12`, ` 7 `, `1e3`, `.5`), or None."""
    text = text.strip()
    if len(text) > MAX_DIGITS or not _NUMBER.fullmatch(text):
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
