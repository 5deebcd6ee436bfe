"""Write CSV as micro-metrics does: quoted text, bare numbers, `\\n` between lines, none at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from openmetrics.plugin import OpenMetricsError, parse_document, to_json

CSV = "application/csv"
MEMORY_BYTES = 8 * 1024 * 1024
MAX_COLUMNS = 10_000
CHUNK_ROWS = 500


def write_cell(value: Any) -> str:
    """Return one cell: missing and null are empty, numbers and booleans bare, all else quoted."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return to_json(value).decode()
    text = value if isinstance(value, str) else to_json(value).decode()
    return '"' + text.replace('"', '""') + '"'


def write_row(cells: Iterable[Any]) -> str:
    """Return one line, without its end."""
    return ",".join(write_cell(cell) for cell in cells)


def write_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a whole table."""
    return "\n".join([write_row(header), *(write_row(row) for row in rows)]).encode()


def iter_metrics_csv(metrics: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Write metrics as CSV, with columns in the order in which they are first seen.

    The columns are known once all rows are: rows wait in memory, and beyond 8 MiB in a temporary file.
    Nothing is read before the first `next`.
    """
    columns: dict[str, None] = {}
    with tempfile.SpooledTemporaryFile(MEMORY_BYTES) as held:
        for metric in metrics:
            row = flatten_metric(metric)
            columns.update(dict.fromkeys(row))
            _check_columns(columns)
            held.write(to_json(row) + b"\n")
        if not columns:
            return
        held.seek(0)
        lines = [write_row(columns)]
        for line in held:
            row = parse_document(line)
            lines.append(write_row(row.get(column) for column in columns))
            if len(lines) > CHUNK_ROWS:
                yield "\n".join(lines).encode()
                lines = [""]
        if lines != [""]:
            yield "\n".join(lines).encode()


def _check_columns(columns: dict[str, None]) -> None:
    if len(columns) > MAX_COLUMNS:
        detail = f"This table has more than {MAX_COLUMNS} columns; ask for one type, or /api/report as JSON."
        raise OpenMetricsError("query-too-large", detail)


def flatten_metric(metric: dict[str, Any]) -> dict[str, Any]:
    """Return a metric as one flat row: dotted columns, no `_id`, tag keys joined, fields as text."""
    row: dict[str, Any] = {}
    for key, value in metric.items():
        if key == "_id":
            continue
        if key == "tagKeys":
            row[key] = ",".join(value)
        elif key == "fields":
            row[key] = to_json(value).decode().replace("{", "", 1).replace("}", "", 1)
        elif isinstance(value, dict):
            _flatten(value, f"{key}.", row)
        else:
            row[key] = value
    return row


def _flatten(members: dict[str, Any], prefix: str, row: dict[str, Any]) -> None:
    for name, value in members.items():
        if isinstance(value, dict):
            _flatten(value, f"{prefix}{name}.", row)
        else:
            row[f"{prefix}{name}"] = value
