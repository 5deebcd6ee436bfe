"""Write rows as CSV or Parquet: one kind a file, JSON as text, times as text in CSV."""

from __future__ import annotations

import io
from typing import Any

from openmetrics.plugin import parse_document, to_json
from openmetrics_plugins.exporter.lines import format_times
from openmetrics_plugins.exporter.question import Kind

MEMBERS = ("value", "properties", "fields", "data", "context", "client_time")
"""What the stored text of an event holds, each a column of JSON text."""
NAMES: dict[Kind, tuple[tuple[str, str], ...]] = {
    "events": (
        ("event_id", "id"), ("time", "time"), ("received", "received"), ("name", "name"),
        ("user_id", "owner"), ("sent_user_id", "user_id"), ("session_id", "session_id"),
        ("source", "source"), ("active", "active"),
    ),
    "links": (
        ("time", "time"), ("received", "received"), ("session_id", "session_id"), ("user_id", "user_id"),
        ("explicit", "explicit"),
    ),
    "operations": (
        ("id", "id"), ("time", "time"), ("received", "received"), ("user_id", "user_id"),
        ("session_id", "session_id"), ("target", "target"), ("op", "op"), ("content", "raw"),
    ),
    "merges": (
        ("id", "id"), ("time", "time"), ("received", "received"), ("user_id", "user_id"), ("from", "other"),
    ),
    "profiles": (("user_id", "user_id"), ("properties", "properties")),
}  # fmt: skip
"""The columns of each table, and what they are made from."""
SINGULAR: dict[Kind, str] = {
    "events": "event", "links": "link", "operations": "operation", "merges": "merge", "profiles": "profile",
}  # fmt: skip


def shape_table(kind: Kind, table: Any) -> Any:
    """Return a piece with the columns that files have: times as timestamps, JSON as text."""
    import pyarrow

    rows = len(table)
    kinds = table["kind"] if kind == "merges" else pyarrow.array([SINGULAR[kind]] * rows, pyarrow.string())
    columns: dict[str, Any] = {"kind": kinds}
    for name, origin in NAMES[kind]:
        column = table[origin]
        is_time = name in ("time", "received")
        columns[name] = column.cast(pyarrow.timestamp("ms", "UTC")) if is_time else column
    if kind == "events":
        columns |= _take_apart(table["raw"].to_pylist())
    return pyarrow.table(columns)


def render_csv(table: Any, has_header: bool) -> bytes:
    """Return a shaped piece as CSV; null is an empty cell."""
    import pyarrow
    from pyarrow import csv

    columns = {
        name: format_times(column.cast(pyarrow.int64()))
        if pyarrow.types.is_timestamp(column.type)
        else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    content = io.BytesIO()
    csv.write_csv(pyarrow.table(columns), content, csv.WriteOptions(include_header=has_header))
    return content.getvalue()


def empty_table(kind: Kind) -> Any:
    """Return a shaped table without rows."""
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    types = {"time": number, "received": number, "active": pyarrow.bool_(), "explicit": pyarrow.bool_()}
    origins = {origin for _, origin in NAMES[kind]} | {"raw", "kind"}
    empty = {origin: pyarrow.array([], types.get(origin, text)) for origin in origins}
    return shape_table(kind, pyarrow.table(empty))


def _take_apart(texts: list[str]) -> dict[str, Any]:
    import pyarrow

    columns: dict[str, list[str | None]] = {name: [] for name in MEMBERS}
    for text in texts:
        raw = parse_document(text.encode())
        for name, column in columns.items():
            column.append(to_json(raw[name]).decode() if name in raw else None)
    columns["properties"] = [text or "{}" for text in columns["properties"]]
    return {name: pyarrow.array(column, pyarrow.string()) for name, column in columns.items()}
