"""Compute figures over events, spread by the cluster over its shards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from openmetrics.query.calendar import interval_start
from openmetrics.query.model import AggregateQuery, Field, Interval, Measure
from openmetrics.store.base import QueryTooLargeError, Row
from openmetrics.store.elastic.buckets import Grouping, iter_buckets, text_of
from openmetrics.store.elastic.connection import Connection
from openmetrics.store.elastic.filters import TIME, compile_query, number_path, text_path
from openmetrics.store.elastic.offsets import BLOCK_MS, Stretch, split_range

LONG_MS = 10 * BLOCK_MS
"""A range of more years than this is cut to the events that are there, before it is split."""
Key = tuple[int | None, tuple[str | None, ...]]


@dataclass(slots=True)
class _Stats:
    count: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, found: Mapping[str, Any]) -> None:
        """Add the answer of a `stats` aggregation, which writes an infinite sum as text."""
        if found["count"]:
            self.count += found["count"]
            self.total += float(found["sum"])
            self.low = min(self.low, found["min"])
            self.high = max(self.high, found["max"])

    def figure(self, kind: str) -> int | float | None:
        """Return one figure as `Row` defines it."""
        if kind == "numbers":
            return self.count
        if kind == "sum":
            return self.total if math.isfinite(self.total) else None
        if not self.count:
            return None
        return self.low if kind == "min" else self.high


@dataclass(slots=True)
class _Group:
    count: int = 0
    stats: dict[str, _Stats] = field(default_factory=dict)

    def add(self, bucket: Mapping[str, Any], paths: Mapping[str, str]) -> None:
        """Add one bucket, whose figures are named by `paths`."""
        self.count += bucket["doc_count"]
        for path, name in paths.items():
            self.stats.setdefault(path, _Stats()).add(bucket[name]["stats"])

    def figure(self, measure: Measure) -> int | float | None:
        """Return the figure of a measure."""
        if measure.kind == "count" or measure.of is None:
            return self.count
        stats = self.stats.get(number_path(measure.of) or "", _Stats())
        return stats.figure(measure.kind)


def aggregate(connection: Connection, index: str, query: AggregateQuery) -> list[Row]:
    """Compute figures, ordered by time and then group (None last)."""
    fields = {path: of for measure in query.measures if (of := measure.of) and (path := number_path(of))}
    paths = {path: f"f{number}" for number, path in enumerate(fields)}
    figures = {paths[path]: _compile_stats(path, of) for path, of in fields.items()}
    groups: dict[Key, _Group] = {}
    if query.interval is None and not query.breakdown:
        groups[None, ()] = _Group()
    for key, bucket in _iter_groups(connection, index, query, figures):
        groups.setdefault(key, _Group()).add(bucket, paths)
        if len(groups) > query.limit:
            raise QueryTooLargeError(f"The answer has more than {query.limit} rows; ask for less at once.")
    rows = [
        Row(start, group, tuple(found.figure(measure) for measure in query.measures))
        for (start, group), found in groups.items()
    ]
    return sorted(rows, key=_order)


def _order(row: Row) -> tuple[int, list[tuple[bool, str]]]:
    return row.time_ms or 0, [(text is None, text or "") for text in row.group]


def _compile_stats(path: str, of: Field) -> dict[str, Any]:
    """Compute `stats` over the events on which the field is no list, for a list has no numeric value."""
    name = of.name if of.kind == "props" else ""
    is_scalar = {"bool": {"must_not": [{"term": {"kinds": f"{name}\x01list"}}]}}
    return {"filter": is_scalar, "aggs": {"stats": {"stats": {"field": path}}}}


def _iter_groups(
    connection: Connection, index: str, query: AggregateQuery, figures: Mapping[str, Any]
) -> Iterator[tuple[Key, dict[str, Any]]]:
    if query.interval is not None:
        yield from _iter_intervals(connection, index, query, figures)
        return
    condition = compile_query(query.start_ms, query.end_ms, query.filter)
    if query.breakdown:
        grouping = Grouping(condition, _compile_breakdown(query), figures, query.deadline)
        for bucket in iter_buckets(connection, index, grouping):
            yield (None, _group_of(bucket)), bucket
        return
    body = {"size": 0, "track_total_hits": True, "query": condition, "aggs": figures}
    answer = connection.search(index, body, query.deadline)
    count = answer["hits"]["total"]["value"]
    if count:
        yield (None, ()), {"doc_count": count, **answer.get("aggregations", {})}


def _iter_intervals(
    connection: Connection, index: str, query: AggregateQuery, figures: Mapping[str, Any]
) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Group by calendar interval, one stretch between two changes of the clocks after the other."""
    assert query.interval is not None
    bounds = _read_bounds(connection, index, query)
    for stretch in split_range(*bounds, query.interval.timezone) if bounds else ():
        condition = compile_query(stretch.start_ms, stretch.end_ms, query.filter)
        histogram = {"date_histogram": _compile_interval(query.interval, stretch)}
        sources = [{"time": histogram}, *_compile_breakdown(query)]
        grouping = Grouping(condition, sources, figures, query.deadline)
        for bucket in iter_buckets(connection, index, grouping):
            first = max(bucket["key"].pop("time"), stretch.start_ms)
            yield (interval_start(first, query.interval), _group_of(bucket)), bucket


def _read_bounds(connection: Connection, index: str, query: AggregateQuery) -> tuple[int, int] | None:
    """Return the times between which the events lie: the question's own, or those found."""
    if query.start_ms is not None and query.end_ms is not None and query.end_ms - query.start_ms < LONG_MS:
        return query.start_ms, query.end_ms
    condition = compile_query(query.start_ms, query.end_ms, query.filter)
    figures = {name: {name: {"field": TIME}} for name in ("min", "max")}
    body = {"size": 0, "track_total_hits": False, "query": condition, "aggs": figures}
    found = connection.search(index, body, query.deadline).get("aggregations", {})
    low, high = (found.get(name, {}).get("value") for name in ("min", "max"))
    return None if low is None or high is None else (int(low), int(high) + 1)


def _compile_breakdown(query: AggregateQuery) -> list[dict[str, Any]]:
    fields = enumerate(query.breakdown)
    return [{str(n): {"terms": {"field": text_path(of), "missing_bucket": True}}} for n, of in fields]


def _compile_interval(interval: Interval, stretch: Stretch) -> dict[str, Any]:
    compiled = {
        "field": TIME,
        "calendar_interval": interval.unit,
        "time_zone": stretch.time_zone,
    }
    if interval.unit == "week" and interval.week_start:
        compiled["offset"] = f"{interval.week_start - 7}d"
    return compiled


def _group_of(bucket: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(text_of(key) for key in bucket["key"].values())
