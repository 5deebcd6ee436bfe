"""Read the JSON out of `?q=`, as real clients write it: often without any escaping. Pure.

| the text of q | sent by | read so |
|---|---|---|
| holds an unescaped `"` | the Node client, `curl -g` | nothing is escaped |
| holds an unescaped `{` only | the browser client | blanks, quotes, `<`, `>` and non-ASCII are escaped |
| neither | a client that escapes properly | form decoding: `+` is a blank, `&` ends it |

In the first two forms `+` is a plus, `&` belongs to the text, and `%41` stays as it is. Where a text does
not parse that way, all escapes in it are decoded instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import JSONDecoder
from typing import Any
from urllib.parse import unquote_to_bytes

from openmetrics.plugin import Incoming, OpenMetricsError, parse_document

_START = re.compile(r"(?:^|&)q=")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BROWSER_ESCAPES = re.compile(r"(?:%(?:2[027]|3[CEce]|7[Ff]|[89A-Fa-f][0-9A-Fa-f]))+")
_SCANNER = JSONDecoder(strict=False)


def read_document(incoming: Incoming) -> Any:
    """Return the JSON of a request: the body of a POST, or else `?q=`.

    Raises OpenMetricsError `malformed-json`.
    """
    body = incoming.body.strip()
    if body.startswith(b"q="):
        return parse_query(body.decode("utf-8", "replace"))
    return parse_document(body) if body else parse_query(incoming.query)


def parse_query(query: str) -> Any:
    """Return the JSON value of `q` in a raw query string. Raises OpenMetricsError `malformed-json`."""
    start = _START.search(query)
    if start is None:
        raise OpenMetricsError("malformed-json", 'q is missing; send ?q={"sessionId": ...}')
    text = query[start.end() :]
    head = text.partition("&")[0]
    readings: tuple[Callable[[], str], ...]
    if '"' in head:
        readings = (lambda: text, lambda: _unescape(text, _ESCAPES))
    elif "{" in head:
        readings = (lambda: _unescape(text, _BROWSER_ESCAPES), lambda: _unescape(text, _ESCAPES))
    else:
        plain = head.replace("+", " ")
        readings = (lambda: _unescape(plain, _ESCAPES), lambda: _unescape(text, _ESCAPES))
    return _parse_first(readings)


def _parse_first(readings: tuple[Callable[[], str], ...]) -> Any:
    refusal: OpenMetricsError | None = None
    for reading in readings:
        try:
            return _parse(reading())
        except OpenMetricsError as error:
            refusal = refusal or error
    assert refusal is not None
    detail = f"q is no JSON; it takes an object with double quotes, best percent-encoded. {refusal.detail}"
    raise OpenMetricsError("malformed-json", detail)


def _parse(text: str) -> Any:
    """Parse a text that may go on, after the JSON, with `&` and other parameters."""
    try:
        return parse_document(text.encode())
    except OpenMetricsError:
        try:
            _, end = _SCANNER.raw_decode(text)
        except (ValueError, RecursionError):
            end = len(text)
        if text[end : end + 1] != "&":
            raise
        return parse_document(text[:end].encode())


def _unescape(text: str, escapes: re.Pattern[str]) -> str:
    """Decode runs of escapes that are UTF-8; a byte that is not stays written as it was sent."""
    return escapes.sub(lambda run: _decode_run(run[0]), text)


def _decode_run(run: str) -> str:
    decoded = unquote_to_bytes(run).decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", decoded)
