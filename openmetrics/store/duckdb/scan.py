"""Read facts in the order of their sequence numbers, in steps that bound the memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow

from openmetrics.store.base import Partition
from openmetrics.store.duckdb.compile import Bindings, list_sql, member_sql
from openmetrics.store.duckdb.load import period_number
from openmetrics.store.duckdb.questions import Connection
from openmetrics.store.scan import schema_of

SHARD = "0"
SCAN_NUMBERS = 500_000
"""How many sequence numbers one step of a scan covers: bounds its memory."""
RAW_NUMBERS = 50_000
"""The same where what was sent is read: that takes ten times the room."""


def iter_batches(
    connection: Connection, partition: Partition, since: Mapping[str, int], columns: Sequence[str]
) -> Iterator[pyarrow.RecordBatch]:
    """Yield facts of a partition above a sequence number, as `Store.scan` says."""
    schema = schema_of(partition.kind, columns)
    bindings = Bindings()
    chosen = ", ".join(_column_sql(column, bindings) for column in columns)
    is_event = partition.kind == "event"
    source = "event WHERE period = $part" if is_event else "fact WHERE kind = $part"
    part = period_number(partition.period) if is_event else partition.kind
    statement = f"SELECT seq{', ' if chosen else ''}{chosen} FROM {source} AND seq > $after AND seq <= $until"
    step = RAW_NUMBERS if "raw" in columns else SCAN_NUMBERS
    after = since.get(SHARD, -1)
    last = read_last_seq(connection)
    while after < last:
        parameters = {**bindings.values, "part": part, "after": after, "until": after + step}
        table = _put_in_order(connection.sql(statement, params=parameters).to_arrow_table())
        table = table.add_column(0, "shard", pyarrow.repeat(SHARD, len(table)))
        yield from table.rename_columns(schema.names).cast(schema).to_batches()
        after += step
        if not len(table):  # other partitions' facts lie here, perhaps very many
            after = _read_next_seq(connection, source, {"part": part, "after": after}, last)


def read_last_seq(connection: Connection) -> int:
    """Return the greatest sequence number, or -1."""
    rows = connection.execute(
        "SELECT greatest((SELECT max(seq) FROM event), (SELECT max(seq) FROM fact), -1)"
    ).fetchall()
    return int(rows[0][0])


def _put_in_order(table: pyarrow.Table) -> pyarrow.Table:
    """Order rows by number. PERF: they nearly always are; sorting all cost half of a scan."""
    numbers = table.column("seq").to_numpy()
    return table if (numbers[1:] > numbers[:-1]).all() else table.sort_by("seq")


def _read_next_seq(connection: Connection, source: str, place: Mapping[str, Any], last: int) -> int:
    """Return the number before the next fact of a source, or `last` where there is none."""
    rows = connection.execute(f"SELECT min(seq) FROM {source} AND seq > $after", place).fetchall()
    return last if rows[0][0] is None else int(rows[0][0]) - 1


def _column_sql(column: str, bindings: Bindings) -> str:
    if column.startswith(("props.", "num.")):
        kind, _, name = column.partition(".")
        return member_sql(kind, name, "VARCHAR" if kind == "props" else "DOUBLE", bindings)
    if column in ("value", "kinds"):
        return list_sql(column)
    return list_sql(column, "DOUBLE") if column == "value_num" else column
