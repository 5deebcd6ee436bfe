"""What `Store.scan` yields: the Arrow type of each column of each kind of fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

ROWS_A_BATCH = 10_000
EVENT_COLUMNS = (
    "id", "time", "received", "name", "user_id", "session_id", "source", "user_key", "session_key",
    "active", "value", "value_num", "kinds", "raw",
)  # fmt: skip
FACT_COLUMNS: dict[str, tuple[str, ...]] = {
    "event": EVENT_COLUMNS,
    "link": ("id", "time", "received", "user_id", "session_id", "user_key", "session_key", "explicit"),
    "op": ("id", "time", "received", "user_id", "session_id", "target", "op", "raw"),
    "merge": ("id", "time", "received", "user_id", "other"),
    "unmerge": ("id", "time", "received", "user_id", "other"),
    "tombstone": ("id", "time", "received", "number", "user_ids", "session_ids"),
}
"""All columns of each kind of fact, but for `props.X` and `num.X` of events."""

_INTEGERS = ("time", "received", "user_key", "session_key", "number")
_BOOLEANS = ("active", "explicit")
_TEXT_LISTS = ("value", "kinds", "user_ids", "session_ids")


def schema_of(kind: str, columns: Sequence[str]) -> pyarrow.Schema:
    """Build the schema of a scan: `shard`, `seq`, then the columns. Raises ValueError for an unknown one."""
    import pyarrow

    fields = [("shard", pyarrow.string()), ("seq", pyarrow.int64())]
    for column in columns:
        is_property = kind == "event" and column.startswith(("props.", "num."))
        if not is_property and column not in FACT_COLUMNS[kind]:
            raise ValueError(f"facts of kind {kind} have no column {column}")
        fields.append((column, _type_of(column)))
    return pyarrow.schema(fields)


def _type_of(column: str) -> pyarrow.DataType:
    import pyarrow

    if column.startswith("num.") or column == "value_num":
        return pyarrow.list_(pyarrow.float64())
    if column.startswith("props.") or column in _TEXT_LISTS:
        return pyarrow.list_(pyarrow.string())
    if column in _INTEGERS:
        return pyarrow.int64()
    return pyarrow.bool_() if column in _BOOLEANS else pyarrow.string()


def iter_batches(facts: Sequence[Mapping[str, Any]], schema: pyarrow.Schema) -> Iterator[pyarrow.RecordBatch]:
    """Yield batches of parsed lines to which `shard` and `seq` were added."""
    import pyarrow

    for first in range(0, len(facts), ROWS_A_BATCH):
        rows = facts[first : first + ROWS_A_BATCH]
        arrays = [
            pyarrow.array([_cell(fact, name) for fact in rows], type)
            for name, type in zip(schema.names, schema.types, strict=True)
        ]
        yield pyarrow.RecordBatch.from_arrays(arrays, schema=schema)


def _cell(fact: Mapping[str, Any], column: str) -> Any:
    if column.startswith(("props.", "num.")):
        member, _, name = column.partition(".")
        return fact.get(member, {}).get(name)
    return fact.get(column)
