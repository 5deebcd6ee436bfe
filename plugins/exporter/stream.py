"""Turn pieces into the bytes of a CSV or Parquet file, one after the other."""

from __future__ import annotations

import io
from collections.abc import Iterator

from openmetrics_plugins.exporter.question import Kind
from openmetrics_plugins.exporter.reading import Piece
from openmetrics_plugins.exporter.tables import empty_table, render_csv, shape_table

PARQUET = "parquet"
COMPRESSION = "zstd"


def iter_csv(kind: Kind, pieces: Iterator[Piece], is_rest: bool) -> Iterator[bytes]:
    """Yield CSV; the header stands at the beginning of the whole, even where there are no rows."""
    if not is_rest:
        yield render_csv(empty_table(kind), True)
    for _, table, _ in pieces:
        if len(table):
            yield render_csv(shape_table(kind, table), False)


def iter_parquet(kind: Kind, pieces: Iterator[Piece]) -> Iterator[bytes]:
    """Yield a Parquet file with a row group for each piece."""
    from pyarrow import parquet

    sink = _Sink()
    with parquet.ParquetWriter(sink, empty_table(kind).schema, compression=COMPRESSION) as writer:
        for _, table, _ in pieces:
            if len(table):
                writer.write_table(shape_table(kind, table))
                yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A file that is read away while it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def tell(self) -> int:
        """Return how much was ever written."""
        return self._size

    def write(self, content: bytes) -> int:  # type: ignore[override]
        """Take some bytes."""
        self._parts.append(bytes(content))
        self._size += len(content)
        return len(content)

    def take(self) -> bytes:
        """Return what was written since."""
        content, self._parts = b"".join(self._parts), []
        return content
