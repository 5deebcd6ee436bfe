"""Read files of records in bounded memory: lines of JSON, a JSON list, CSV, Parquet; plain or gzip."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openmetrics.plugin import OpenMetricsError, parse_document
from openmetrics_plugins.importer.array import iter_array
from openmetrics_plugins.importer.parquet import iter_table, read_columns

Container = Literal["json", "list", "csv", "parquet"]
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
BOM = b"\xef\xbb\xbf"
BOMB_BYTES = 256 << 20
BOMB_RATIO = 200
"""A gzip file that unpacks to more than `BOMB_BYTES`, and this many times its size, is refused."""
DELIMITERS = ",;\t|"


class DamagedError(OpenMetricsError):
    """Say why a file cannot be read any further."""

    def __init__(self, detail: str) -> None:
        super().__init__("malformed-json", detail)


@dataclass(frozen=True, slots=True)
class Row:
    """One record: the line at which it begins (a row's number in Parquet), and what it is told apart by.

    `content` is an object, or None where `code` and `detail` say what is wrong with it.
    """

    line: int
    key: bytes
    content: dict[str, Any] | None
    code: str = ""
    detail: str = ""


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, for as long as it grows reasonably."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw = raw
        self._gzip = gzip.GzipFile(fileobj=raw)
        self._size = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer. Raises DamagedError."""
        try:
            content = self._gzip.read1(
                len(buffer)
            )  # SAFETY: `read` loses what it has when the file ends early
        except EOFError as error:
            raise DamagedError("The gzip data ends early: the file is cut off; fetch it again.") from error
        except (OSError, zlib.error) as error:
            raise DamagedError("The gzip data is damaged; pack or fetch the file again.") from error
        self._size += len(content)
        if self._size > BOMB_BYTES and self._size > BOMB_RATIO * self._raw.tell():
            detail = f"The file unpacks to more than {BOMB_RATIO} times its size; unpack it yourself first."
            raise DamagedError(detail)
        buffer[: len(content)] = content
        return len(content)


class Source:
    """A file of records. `line_bytes` bounds one of them; `position` says how far it is read."""

    def __init__(self, path: Path, line_bytes: int) -> None:
        self.path = path
        self.line_bytes = line_bytes
        self._raw = path.open("rb")
        self.size = path.stat().st_size
        self.delimiter = ","
        self.columns: tuple[str, ...] = ()
        """The names of a table's columns."""
        try:
            self._look()
        except BaseException:
            self._raw.close()
            raise

    def _look(self) -> None:
        """Tell what kind of file it is."""
        head = self._raw.read(4)
        self.is_packed = head.startswith(GZIP)
        self.container: Container = "parquet" if head == PARQUET else self._tell(self._peek())
        self._read_header()

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._raw.close()

    def progress(self) -> float:
        """Return how much of the file is read, from 0 to 1."""
        if self.container == "parquet":
            return self._share
        return min(1.0, self._raw.tell() / max(1, self.size))

    def iter_rows(self) -> Iterator[Row]:
        """Read all records from the beginning. Raises DamagedError."""
        self._share = 0.0
        if self.container == "parquet":
            yield from self._iter_parquet()
            return
        stream = self._open()
        if self.container == "json":
            yield from self._iter_json(stream)
        elif self.container == "list":
            for line, text, value in iter_array(stream, self.line_bytes):
                yield _row_of(line, text, value)
        else:
            yield from self._iter_csv(stream)

    def _open(self) -> io.BufferedReader:
        self._raw.seek(0)
        stream = io.BufferedReader(_Unpacked(self._raw), 1 << 20) if self.is_packed else self._raw
        if stream.peek(3)[:3] == BOM:
            stream.read(3)
        return stream

    def _peek(self) -> bytes:
        return self._open().peek(64)

    def _tell(self, head: bytes) -> Container:
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DamagedError("The file is UTF-16 text; save it as UTF-8.")
        if head[:4] in (b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zX"):
            raise DamagedError("The file is packed in a form that is not read here; unpack it, or use gzip.")
        text = head.lstrip()
        return "json" if text.startswith(b"{") else "list" if text.startswith(b"[") else "csv"

    def _read_header(self) -> None:
        if self.container == "parquet":
            self.columns = read_columns(self.path)
        if self.container != "csv":
            return
        line = self._open().readline(self.line_bytes)
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise DamagedError("The file is neither JSON, nor Parquet, nor text in UTF-8.") from error
        if "\0" in text:
            raise DamagedError("The file is neither JSON, nor CSV, nor Parquet.")
        self.delimiter = max(DELIMITERS, key=text.count)
        names = next(csv.reader([text], delimiter=self.delimiter), [])
        self.columns = tuple(name.strip() for name in names)
        if not any(self.columns):
            raise DamagedError("The file is empty, or its first line names no columns.")

    def _iter_json(self, stream: io.BufferedReader) -> Iterator[Row]:
        for number, line in _iter_lines(stream, self.line_bytes):
            if line is None:
                detail = f"The line is longer than {self.line_bytes} bytes."
                yield Row(number, b"", None, "payload-too-large", detail)
            elif not line.isspace():
                try:
                    yield _row_of(number, line.strip(), parse_document(line))
                except OpenMetricsError as error:
                    yield Row(number, line, None, error.code, error.detail)

    def _iter_csv(self, stream: io.BufferedReader) -> Iterator[Row]:
        csv.field_size_limit(self.line_bytes)
        text = _Text(stream, self.line_bytes)
        reader = csv.reader(text, delimiter=self.delimiter)
        width = len(self.columns)
        next(reader, None)
        while True:
            number, text.fault = text.number + 1, ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                detail = f"The row cannot be read ({error}): is a quote not closed?"
                yield Row(number, b"", None, "malformed-json", detail)
                continue
            if not cells:
                continue
            fault = text.fault
            if not fault and len(cells) != width:
                fault = f"The row has {len(cells)} cells, the header {width}: is a quote missing?"
            if fault:
                yield Row(number, b"", None, "malformed-json", fault)
            else:
                content = dict(zip(self.columns, cells, strict=True))
                yield Row(number, "\x1f".join(cells).encode(), content)

    def _iter_parquet(self) -> Iterator[Row]:
        for number, share, content in iter_table(self.path):
            self._share = share
            yield _row_of(number, repr(content).encode(), content)

    _share = 0.0


class _Text:
    """The lines of a file as text; `fault` says what was wrong with one since it was last cleared."""

    def __init__(self, stream: io.BufferedReader, line_bytes: int) -> None:
        self._lines = _iter_lines(stream, line_bytes)
        self._line_bytes = line_bytes
        self.number = 0
        self.fault = ""

    def __iter__(self) -> Iterator[str]:
        """Iterate over the lines."""
        return self

    def __next__(self) -> str:
        """Return the next line; one that cannot be read is replaced."""
        self.number, line = next(self._lines)
        if line is None:
            self.fault = f"Line {self.number} is longer than {self._line_bytes} bytes."
            return "\n"
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.fault = f"Line {self.number} is no UTF-8."
            return line.decode(errors="replace")


def _row_of(line: int, key: bytes, value: Any) -> Row:
    if isinstance(value, dict):
        return Row(line, key, value)
    return Row(line, key, None, "schema-violation", "A record is a JSON object.")


def _iter_lines(stream: io.BufferedReader, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield numbered lines; None stands for one that is too long, whose rest is passed over."""
    number = 0
    while line := stream.readline(limit + 1):
        number += 1
        if len(line) <= limit:
            yield number, line
            continue
        while not line.endswith(b"\n") and (line := stream.readline(limit + 1)):
            pass
        yield number, None
