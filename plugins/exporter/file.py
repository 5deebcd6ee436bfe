"""Write an export into a file, so that a run that was killed can be gone on with.

Until the end the content stands in `<file>.part`, and `<file>.part.mark` says how much of it is whole and
where the next part begins.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from openmetrics_plugins.exporter.question import Question
from openmetrics_plugins.exporter.stream import COMPRESSION, PARQUET
from openmetrics_plugins.exporter.tables import empty_table

SYNC_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """Content, and the cursor of what follows; no cursor where nothing does."""

    content: bytes
    following: str


def write_file(name: str, question: Question, read: Callable[[str | None], Iterator[Part]]) -> int:
    """Write the parts that `read` gives from a cursor on, and return the size of the whole file."""
    target, part, mark = Path(name), Path(f"{name}.part"), Path(f"{name}.part.mark")
    cursor, size = _read_mark(mark, part, question)
    with part.open("r+b" if cursor else "w+b") as file:
        file.truncate(size)
        file.seek(size)
        written = 0
        for piece in read(cursor):
            content = piece.content
            if question.format == PARQUET:  # each a file of its own, put together at the end
                content = len(content).to_bytes(8, "little") + content
            file.write(content)
            size += len(content)
            written += len(content)
            if written >= SYNC_BYTES:
                written = 0
                _write_mark(file, mark, [question.mark, piece.following, size])
        file.flush()
        os.fsync(file.fileno())
    if question.format == PARQUET:
        _join_parquet(part, question)
    part.rename(target)
    mark.unlink(missing_ok=True)
    return target.stat().st_size


def _read_mark(mark: Path, part: Path, question: Question) -> tuple[str | None, int]:
    try:
        asked, cursor, size = orjson.loads(mark.read_bytes())
        if asked == question.mark and part.stat().st_size >= size:
            return cursor, size
    except (OSError, ValueError):
        pass
    return None, 0


def _write_mark(file: io.BufferedRandom, mark: Path, content: list[object]) -> None:
    """Say how far the file is, once so much of it survives a crash."""
    file.flush()
    os.fsync(file.fileno())
    fresh = mark.with_suffix(".new")
    fresh.write_bytes(orjson.dumps(content))
    fresh.rename(mark)


def _join_parquet(part: Path, question: Question) -> None:
    """Put the files in a part together, row group by row group."""
    from pyarrow import parquet

    whole = part.with_suffix(".whole")
    schema = empty_table(question.kinds[0]).schema
    with part.open("rb") as file, parquet.ParquetWriter(whole, schema, compression=COMPRESSION) as writer:
        while head := file.read(8):
            table = parquet.read_table(io.BytesIO(file.read(int.from_bytes(head, "little"))))
            if len(table):
                writer.write_table(table)
    whole.rename(part)
