"""Read the objects of one JSON list, one after the other, in bounded memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from openmetrics.plugin import OpenMetricsError, parse_document

CHUNK = 1 << 18
_BLANK = " \t\r\n"


class _Text:
    """A window of the text: grows at its end, and is cut at its beginning."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._reader = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        self.window = ""
        self.place = 0
        self.line = 1

    def grow(self) -> bool:
        """Read more and forget what was passed; say whether there was more."""
        more = self._reader.read(CHUNK)
        self.window, self.place = self.window[self.place :] + more, 0
        return bool(more)

    def next_sign(self) -> str:
        """Pass over blanks and return the next character, or nothing at the end."""
        while True:
            while self.place < len(self.window) and self.window[self.place] in _BLANK:
                self.line += self.window[self.place] == "\n"
                self.place += 1
            if self.place < len(self.window) or not self.grow():
                return self.window[self.place : self.place + 1]

    def take(self, end: int) -> str:
        """Return the text up to a place, and go there."""
        text = self.window[self.place : end]
        self.line += text.count("\n")
        self.place = end
        return text

    def detach(self) -> None:
        """Leave the stream open when this is gone."""
        self._reader.detach()


def iter_array(stream: io.BufferedReader, limit: int) -> Iterator[tuple[int, bytes, Any]]:
    """Yield the line, the text and the value of each element. Raises OpenMetricsError `malformed-json`."""
    text = _Text(stream)
    try:
        text.next_sign()
        text.take(text.place + 1)
        while (sign := text.next_sign()) and sign != "]":
            line = text.line
            content = _take_value(text, limit).encode()
            yield line, content, parse_document(content)
            if text.next_sign() == ",":
                text.take(text.place + 1)
        if not sign:
            raise OpenMetricsError("malformed-json", "The list does not end: the file is cut off.")
    except UnicodeError as error:
        raise OpenMetricsError("malformed-json", "The file is no UTF-8.") from error
    finally:
        text.detach()


def _take_value(text: _Text, limit: int) -> str:
    decoder = json.JSONDecoder()
    while True:
        try:
            _, end = decoder.raw_decode(text.window, text.place)
        except RecursionError as error:
            raise OpenMetricsError("malformed-json", "JSON nests too deep here.") from error
        except json.JSONDecodeError as error:
            size = len(text.window) - text.place
            if size > limit or not text.grow():
                detail = f"The list cannot be read from here on ({error.msg})."
                raise OpenMetricsError("malformed-json", detail) from error
            continue
        size = end - text.place
        if end < len(text.window) or not text.grow():  # a number may go on behind the window
            return text.take(text.place + size)
