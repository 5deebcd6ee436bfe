"""Read JSON so that nothing is lost or made up: exact integers, no lone surrogates, no infinities."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from openmetrics.errors import OpenMetricsError

MAX_DEPTH = 64
MAX_DIGITS = 1_000
_DIGITS_AS_ZERO = bytes(48 if 48 <= byte < 58 else byte for byte in range(256))
_LONG_NUMBER = re.compile(rb"(?:[\[:,\s-]|^)[0-9]{16}")
_HUGE_NUMBER = re.compile(rb"[0-9]{309}")
_BOM = b"\xef\xbb\xbf"


def parse_document(data: bytes | memoryview) -> Any:
    """Return the JSON value of a body. Raises OpenMetricsError `malformed-json`, saying where.

    orjson reads first; a document with a number of more than 15 digits is read again by `json`, which
    keeps integers of any size exact.
    """
    data = bytes(data).removeprefix(_BOM)
    try:
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            if not _HUGE_NUMBER.search(data):  # the only thing that orjson refuses and we take
                raise
            return _read_exactly(data)
        # PERF: the first test takes 0.1 ms for 300 kB, the expression alone 0.5.
        has_digits = b"0" * 16 in data.translate(_DIGITS_AS_ZERO)
        return _read_exactly(data) if has_digits and _LONG_NUMBER.search(data) else document
    except (orjson.JSONDecodeError, UnicodeError) as error:
        raise OpenMetricsError("malformed-json", f"This is no JSON: {_describe(error, data)}.") from error
    except RecursionError as error:
        raise OpenMetricsError("malformed-json", f"JSON may nest {MAX_DEPTH} levels deep.") from error


def _read_exactly(data: bytes) -> Any:
    try:
        document = json.loads(
            data.decode(), parse_int=_parse_int, parse_float=_parse_float, parse_constant=_parse_float
        )
        json.dumps(document, ensure_ascii=False).encode()  # refuses lone surrogates
    except json.JSONDecodeError as error:
        raise orjson.JSONDecodeError(error.msg, error.doc, error.pos) from error
    return document


def _parse_int(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise OpenMetricsError(
            "malformed-json", f"A number has more than {MAX_DIGITS} digits; send it as text."
        )
    return int(digits)


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise OpenMetricsError("malformed-json", f"The number {text[:40]} is out of range; send it as text.")
    return number


def _describe(error: Exception, data: bytes) -> str:
    if not data.strip():
        return "the body is empty"
    return str(error)[:200]


def check_depth(value: Any, depth: int) -> bool:
    """Say whether an object or list at `depth` (1 is the top) nests no deeper than `MAX_DEPTH`."""
    level = [value]
    while level:
        inner: list[Any] = []
        for container in level:
            inner.extend(container.values() if type(container) is dict else container)
        if depth > MAX_DEPTH:
            return False
        level = [item for item in inner if type(item) is dict or type(item) is list]
        depth += 1
    return True
