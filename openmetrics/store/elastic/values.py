"""List event names, property names and property values, with counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from openmetrics.query.model import Field, ValuesQuery
from openmetrics.store.base import ValueRow, Values
from openmetrics.store.elastic.buckets import Grouping, iter_buckets, text_of
from openmetrics.store.elastic.connection import Connection
from openmetrics.store.elastic.filters import TIME, compile_query, text_path

FIRST_TERMS = 10_000
NO_PROPERTY = ("fields\x01", "context\x01")
NEWEST = {"newest": {"max": {"field": TIME}}}


def read_values(connection: Connection, index: str, query: ValuesQuery) -> Values:
    """List what the question asks for, by count and then by value; counts are exact."""
    reader = _Reader(connection, index, query)
    if query.what == "properties":
        rows = reader.read_properties()
    else:
        path = "name" if query.what == "names" else text_path(query.field or Field("value"))
        rows = reader.read_field(path)
    rows = [row for row in rows if row.value.startswith(query.prefix)]
    rows.sort(key=lambda row: (-row.count, row.value))
    return Values(tuple(rows[: query.limit]), query.limit is None or len(rows) <= query.limit)


class _Reader:
    def __init__(self, connection: Connection, index: str, query: ValuesQuery) -> None:
        self._connection = connection
        self._index = index
        self._query = query
        self._condition = compile_query(query.start_ms, query.end_ms, query.filter)

    def read_field(self, path: str) -> list[ValueRow]:
        figures = NEWEST if self._query.what == "names" else {}
        return [
            ValueRow(value, bucket["doc_count"], int(bucket["newest"]["value"]) if figures else None)
            for value, bucket in self._iter_values(path, figures)
        ]

    def read_properties(self) -> list[ValueRow]:
        kinds: dict[str, list[str]] = defaultdict(list)
        for entry, _ in self._iter_values("kinds"):
            name, _, kind = entry.rpartition("\x01")
            kinds[name].append(kind)
        return [
            ValueRow(name, bucket["doc_count"], None, tuple(sorted(kinds[name])))
            for name, bucket in self._iter_values("has")
            if not name.startswith(NO_PROPERTY)
        ]

    def _iter_values(self, path: str, figures: Any = None) -> Iterator[tuple[str, dict[str, Any]]]:
        condition = self._condition
        if self._query.prefix and path != "active":
            condition = {"bool": {"filter": [condition, {"prefix": {path: self._query.prefix}}]}}
        sources = [{"value": {"terms": {"field": path}}}]
        grouping = Grouping(condition, sources, figures or {}, self._query.deadline)
        for bucket in iter_buckets(self._connection, self._index, grouping):
            yield text_of(bucket["key"]["value"]) or "", bucket
