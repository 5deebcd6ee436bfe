"""Turn JSON values into the canonical text and the number that filters compare (semantics E5).

Examples: `true` is "true", `1.0` is "1", `1e21` is "1e+21", `-0.0` is "0"; "12" has the number 12,
"007" has none.
"""

from __future__ import annotations

import math
import re
from typing import Any

JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
MAX_TEXT = 1024
"""Longest text, in code points, that filters see; a longer one is kept and only `exists` finds it."""

KINDS = ("text", "number", "boolean", "list", "object", "null")


def kind_of(value: Any) -> str:
    """Return the JSON kind: text, number, boolean, list, object or null."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if value is None:
        return "null"
    return "list" if isinstance(value, list) else "object"


def canonical_text(value: Any) -> str | None:
    """Return the text that filters compare, or None for what is no scalar."""
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    return None


def number_text(value: float) -> str:
    """Print a finite float as JavaScript does. Source: ECMA-262, Number::toString."""
    text = repr(value)
    if "e" in text:
        return _shortest(value)
    return (text[:-2] if text[-2:] == ".0" else text) if value else "0"


def _shortest(value: float) -> str:
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0)
    point -= len(whole + fraction) - len((whole + fraction).lstrip("0"))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    head = digits[0] if count == 1 else f"{digits[0]}.{digits[1:]}"
    return sign + head + power


def numeric_value(value: Any) -> float | None:
    """Return the number that a scalar stands for, or None: finite, and text only if it is a JSON number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, str) and len(value) <= MAX_TEXT and JSON_NUMBER.fullmatch(value):
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def is_indexable_name(name: str) -> bool:
    """Say whether filters can see a property of this name (semantics E6).

    U+0001 separates names from kinds in the index, so a name that holds it is not indexed either.
    """
    return 0 < len(name) <= 200 and "\0" not in name and "\x01" not in name and not name.isspace()


def index_value(value: Any) -> tuple[list[str], list[float]]:
    """Return the texts and the numbers under which a property value is filterable.

    A scalar gives one text, a list one for each scalar element; texts over `MAX_TEXT` are left out.
    """
    texts: list[str] = []
    numbers: list[float] = []
    for element in value if isinstance(value, list) else (value,):
        text = canonical_text(element)
        if text is None or len(text) > MAX_TEXT:
            continue
        texts.append(text)
        number = numeric_value(element)
        if number is not None:
            numbers.append(number)
    return texts, numbers
