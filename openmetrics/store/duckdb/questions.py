"""Answer questions about events with SQL: counts and sums, pages of events, lists of values."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import numpy
import pyarrow

from openmetrics.query.calendar import QUARTER_HOURS_SINCE_MS, interval_grain_ms, interval_start, next_start
from openmetrics.query.model import AggregateQuery, EventsQuery, Interval, Measure, ValuesQuery
from openmetrics.store.base import Page, QueryTooLargeError, Row, StoredEvent, ValueRow, Values
from openmetrics.store.duckdb.compile import (
    SCALARS,
    Bindings,
    compile_filter,
    key_sql,
    list_sql,
    number_sql,
)
from openmetrics.store.duckdb.load import read_sql

NO_LIMIT = 2**62
FIGURES = {
    "count": "count(*)",
    "numbers": "count({n})",
    "sum": "sum({n})",
    "min": "min({n})",
    "max": "max({n})",
}
REGROUPED = {"count": "sum", "numbers": "sum", "sum": "sum", "min": "min", "max": "max"}

Connection = duckdb.DuckDBPyConnection


def aggregate(connection: Connection, query: AggregateQuery) -> list[Row]:
    """Compute the rows of an aggregate, ordered by time and group."""
    bindings = Bindings()
    statement = _alike_sql(query, bindings)
    if query.interval is None:
        found = connection.execute(_regroup_sql(query, f"({statement})"), bindings.values).fetchall()
    else:
        table = connection.sql(statement, params=bindings.values).to_arrow_table()
        connection.register("alike", _replace_slots(table, query.interval, query.limit))
        found = connection.execute(_regroup_sql(query, "alike")).fetchall()
    if len(found) > query.limit:
        raise _too_many(query.limit)
    return [_read_row(row, query) for row in found]


def _alike_sql(query: AggregateQuery, bindings: Bindings) -> str:
    """Build the statement that gathers events alike: of one slot of time, with the same texts.

    PERF: lists are taken apart, and slots put into intervals, once for all events that are alike.
    """
    columns = [f"{_slot_sql(query.interval)} AS start"]
    columns += [f"{key_sql(field, bindings)} AS g{index}" for index, field in enumerate(query.breakdown)]
    figures = []
    for index, measure in enumerate(query.measures):
        if measure.of is not None:
            columns.append(f"{number_sql(measure.of, bindings)} AS n{index}")
        kind = measure.kind if measure.of is not None else "count"
        figures.append(f"{FIGURES[kind].format(n=f'n{index}')} AS f{index}")
    keys = ", ".join(_keys(query))
    source = f"SELECT {', '.join(columns)} FROM event WHERE {_where(query, bindings)}"
    statement = f"SELECT {keys + ', ' if keys else ''}{', '.join(figures)} FROM ({source})"
    return f"{statement} GROUP BY {keys}" if keys else statement


def _regroup_sql(query: AggregateQuery, source: str) -> str:
    """Build the statement that puts each distinct text of a list into a group of its own."""
    for index, field in enumerate(query.breakdown):
        if field.kind not in SCALARS:
            texts = f"coalesce(nullif(list_distinct({list_sql(f'g{index}')}), []), [NULL::VARCHAR])"
            source = f"(SELECT * REPLACE (unnest({texts}) AS g{index}) FROM {source})"
    keys = _keys(query)
    figures = [f"{REGROUPED[measure.kind]}(f{index})" for index, measure in enumerate(query.measures)]
    statement = f"SELECT {', '.join(keys + figures)} FROM {source}"
    if keys:
        order = ", ".join(f"{key} NULLS LAST" for key in keys)
        statement += f" GROUP BY {', '.join(keys)} ORDER BY {order}"
    return f"{statement} LIMIT {query.limit + 1}"


def _keys(query: AggregateQuery) -> list[str]:
    start = ["start"] if query.interval is not None else []
    return start + [f"g{index}" for index in range(len(query.breakdown))]


def _slot_sql(interval: Interval | None) -> str:
    """Build the start of the slot that holds an event: a stretch of time that no interval divides."""
    if interval is None:
        return "NULL"
    coarse = interval_grain_ms(QUARTER_HOURS_SINCE_MS, interval)
    fine = interval_grain_ms(QUARTER_HOURS_SINCE_MS - 1, interval)
    # NOTE: the remainder of a negative time is negative.
    early = f"time - (time % {fine} + {fine}) % {fine}"
    return f"CASE WHEN time >= {QUARTER_HOURS_SINCE_MS} THEN time - time % {coarse} ELSE {early} END"


def _replace_slots(table: pyarrow.Table, interval: Interval, limit: int) -> pyarrow.Table:
    """Replace the start of each slot by the start of the interval that holds it."""
    column = table.column("start").to_numpy()
    slots = numpy.unique(column)
    starts: list[int] = []
    place = 0
    while place < len(slots):
        starts.append(interval_start(int(slots[place]), interval))
        place = int(numpy.searchsorted(slots, next_start(starts[-1], interval)))
        if len(starts) > limit:
            raise _too_many(limit)
    if starts:
        column = numpy.array(starts, dtype="int64")[numpy.searchsorted(starts, column, side="right") - 1]
    return table.set_column(table.column_names.index("start"), "start", pyarrow.array(column))


def _too_many(limit: int) -> QueryTooLargeError:
    return QueryTooLargeError(f"The answer has more than {limit} rows; ask for less at once.")


def _read_row(row: tuple[Any, ...], query: AggregateQuery) -> Row:
    cells = row if query.interval is not None else (None, *row)
    start, group, figures = cells[0], cells[1 : 1 + len(query.breakdown)], cells[1 + len(query.breakdown) :]
    return Row(start, group, tuple(map(_figure, figures, query.measures)))


def _figure(value: Any, measure: Measure) -> int | float | None:
    if measure.kind in ("count", "numbers") or measure.of is None:
        return int(value)
    if measure.kind == "sum" and value is None:
        return 0.0
    return value if value is not None and math.isfinite(value) else None


def read_events(connection: Connection, query: EventsQuery) -> Page:
    """Read one page of events."""
    bindings = Bindings()
    where = _where(query, bindings)
    direction, sign = ("DESC", "<") if query.newest_first else ("ASC", ">")
    if query.cursor is not None:
        time, received, id = (bindings.add(part) for part in query.cursor)
        # PERF: the first condition skips row groups, which a comparison of rows does not.
        where += f" AND time {sign}= {time} AND (time, received, id) {sign} ({time}, {received}, {id})"
    order = ", ".join(f"{column} {direction}" for column in ("time", "received", "id"))
    statement = read_sql("events").format(where=where, order=order)
    rows = connection.execute(statement, {**bindings.values, "rows": query.limit + 1}).fetchall()
    events = tuple(StoredEvent(*row) for row in rows[: query.limit])
    if len(rows) <= query.limit or not events:
        return Page(events, None)
    return Page(events, (events[-1].time_ms, events[-1].received_ms, events[-1].event_id))


def read_values(connection: Connection, query: ValuesQuery) -> Values:
    """List names, property names or values with counts."""
    bindings = Bindings()
    parts = {"where": _where(query, bindings), "kinds": list_sql("kinds")}
    if query.what == "values":
        assert query.field is not None
        parts["key"] = key_sql(query.field, bindings)
        is_text = query.field.kind in SCALARS
        parts["texts"] = "CASE WHEN key IS NOT NULL THEN [key] END" if is_text else list_sql("key")
    limit = NO_LIMIT if query.limit is None else query.limit
    parameters = {**bindings.values, "prefix": query.prefix, "rows": limit + 1}
    statement = read_sql(f"values_{query.what}").format(**parts)
    rows = [
        ValueRow(value, count, last, tuple(kinds))
        for value, count, last, kinds in connection.execute(statement, parameters).fetchall()
    ]
    return Values(tuple(rows[:limit]), len(rows) <= limit)


def _where(query: AggregateQuery | EventsQuery | ValuesQuery, bindings: Bindings) -> str:
    conditions = [compile_filter(query.filter, bindings)]
    if query.start_ms is not None:
        conditions.append(f"time >= {bindings.add(query.start_ms)}")
    if query.end_ms is not None:
        conditions.append(f"time < {bindings.add(query.end_ms)}")
    return " AND ".join(conditions)
