"""Read the rows of a Parquet file as JSON objects."""

from __future__ import annotations

import base64
import datetime
import decimal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openmetrics.plugin import OpenMetricsError, format_time

ROWS_A_BATCH = 2_000


def read_columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns. Raises OpenMetricsError where the file is damaged."""
    return tuple(_open(path).schema_arrow.names)


def iter_table(path: Path) -> Iterator[tuple[int, float, dict[str, Any]]]:
    """Yield the number of each row, how much of the file is read, and the row."""
    import pyarrow

    file = _open(path)
    total = max(1, file.metadata.num_rows)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=ROWS_A_BATCH):
            columns = [_read_cells(column) for column in batch.columns]
            for cells in zip(*columns, strict=True):
                number += 1
                yield number, number / total, dict(zip(batch.schema.names, cells, strict=True))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _damaged() from error


def _read_cells(column: Any) -> list[Any]:
    import pyarrow

    types = pyarrow.types
    if types.is_timestamp(column.type):
        number = column.cast(pyarrow.timestamp("ms", column.type.tz), safe=False).cast(pyarrow.int64())
        return [None if time_ms is None else _to_time(time_ms) for time_ms in number.to_pylist()]
    is_plain = any(test(column.type) for test in (types.is_string, types.is_integer, types.is_boolean))
    return list(column.to_pylist()) if is_plain else list(map(to_json_value, column.to_pylist()))


def _to_time(time_ms: int) -> str:
    try:
        return format_time(time_ms)
    except OverflowError:
        return str(time_ms)  # no time that exists: refused as such, with its row


def to_json_value(value: Any) -> Any:
    """Return a cell as JSON holds it: times as text, decimals as numbers where these are exact."""
    match value:
        case datetime.datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
            return format_time((moment - _EPOCH) // datetime.timedelta(milliseconds=1))
        case datetime.date() | datetime.time() | uuid.UUID():
            return str(value)
        case datetime.timedelta():
            return value.total_seconds()
        case decimal.Decimal():
            number = int(value) if value == value.to_integral_value() else float(value)
            return number if number == value else str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case dict():
            return {str(name): to_json_value(member) for name, member in value.items()}
        case list() | tuple():
            return [to_json_value(element) for element in value]
        case _:
            return value


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def _open(path: Path) -> Any:
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _damaged() from error


def _damaged() -> OpenMetricsError:
    return OpenMetricsError("malformed-json", "The Parquet file is damaged or cut off; fetch it again.")
