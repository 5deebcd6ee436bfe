"""Answer the reports by day, hour or minute: aggregate, groupby and conversions, and their CSV twins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from openmetrics.plugin import (
    AggregateQuery,
    Comparison,
    Field,
    Filter,
    Interval,
    Measure,
    OpenMetricsError,
    Row,
    ValuesQuery,
    format_time,
    invalid_query,
)
from openmetrics_plugins.micro_metrics.filters import FILTER_KEYS, PERIOD_KEY, TEXT
from openmetrics_plugins.micro_metrics.lookups import Question, Reply, reply_json
from openmetrics_plugins.micro_metrics.ranges import PERIODS, Span, parse_period, parse_range
from openmetrics_plugins.micro_metrics.tables import CSV, write_table

AGGREGATE_KEYS = {**FILTER_KEYS, **PERIOD_KEY}
GROUPBY_KEYS = {"groupby": TEXT | {"description": "The tag to group by."}, **AGGREGATE_KEYS}
CONVERSION_KEYS = {
    "name": TEXT | {"description": "Name of the conversion.", "x-required": True},
    **PERIOD_KEY,
    **{key: FILTER_KEYS[key] for key in ("last", "startDate", "endDate")},
}
VALUE = Field("value")
FIGURES = (Measure("sum", VALUE), Measure("numbers", VALUE), Measure("max", VALUE), Measure("min", VALUE))
OPTION, EVENT = Field("props", "option"), Field("props", "event")
MAX_BUCKETS, MAX_CELLS = 100_000, 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def aggregate(question: Question) -> Reply:
    """Answer one bucket a period with sum, avg, max and min of the value; empty ones are zeros."""
    return reply_json(list_buckets(question, question.filter()))


def aggregate_csv(question: Question) -> Reply:
    """Answer the buckets as CSV."""
    buckets = list_buckets(question, question.filter())
    rows = [[bucket[key] for key in ("dateString", "sum", "avg", "max", "min")] for bucket in buckets]
    return Reply(write_table(("Date", "Sum", "Avg", "Max", "Min"), rows), CSV)


def list_buckets(question: Question, filter: Filter | None) -> list[dict[str, Any]]:
    """Return the buckets of a question's range and period, ascending, without a gap."""
    period = parse_period(question.query)
    span = _parse_span(question, period)
    rows = {row.time_ms: row for row in _aggregate(question, span, period, filter)}
    starts = _iter_starts(span, period, list(rows), question.now_ms)
    return [{**_date(start), **_figures(rows.get(start))} for start in starts]


def groupby(question: Question) -> Reply:
    """Answer the buckets of each value that a tag ever had; empty buckets are left out."""
    return reply_json({value: list(buckets.values()) for value, buckets in _group(question).items()})


def groupby_csv(question: Question) -> Reply:
    """Answer the sums by date and tag value as CSV; each row is one date."""
    groups = _group(question)
    values = sorted(groups)
    starts = sorted({start for buckets in groups.values() for start in buckets})
    header = ["Date", *(value[:1].upper() + value[1:] for value in values)]
    rows = [
        [
            _short_date(start),
            *(groups[value][start]["sum"] if start in groups[value] else 0 for value in values),
        ]
        for start in starts
    ]
    return Reply(write_table(header, rows), CSV)


def _group(question: Question) -> dict[str, dict[int, dict[str, Any]]]:
    tag = question.query.get("groupby")
    period = parse_period(question.query)
    span = _parse_span(question, period)
    filter = question.filter()
    if tag is None:
        return {}
    groups: dict[str, dict[int, dict[str, Any]]] = {value: {} for value in _list_values(question, tag, None)}
    for row in _aggregate(question, span, period, filter, (Field("props", tag),)):
        value = row.group[0]
        if value is not None and row.time_ms is not None:
            bucket = {"_id": _parts(row.time_ms, period), **_figures(row)}
            groups.setdefault(value, {})[row.time_ms] = bucket
    return groups


def conversion(question: Question) -> Reply:
    """Answer, for each bucket, the sum of each option and event of a conversion."""
    _, rows = _list_conversions(question)
    return reply_json(rows)


def conversion_csv(question: Question) -> Reply:
    """Answer the conversion report as CSV."""
    columns, rows = _list_conversions(question)
    cells = [[row["dateString"], *(row[column] for column in columns)] for row in rows]
    return Reply(write_table(("dateString", *columns), cells), CSV)


def conversion_totals(question: Question) -> Reply:
    """Answer, for each option of a conversion, the total of each event."""
    return reply_json(_list_totals(question)[1])


def conversion_totals_csv(question: Question) -> Reply:
    """Answer the totals of a conversion as CSV."""
    events, rows = _list_totals(question)
    cells = [[row["option"], *(row[event] for event in events)] for row in rows]
    return Reply(write_table(("option", *events), cells), CSV)


def _list_conversions(question: Question) -> tuple[list[str], list[dict[str, Any]]]:
    filter = _conversion_filter(question)
    period = parse_period(question.query)
    span = _parse_span(question, period)
    events, options = (_list_values(question, tag, filter) for tag in ("event", "option"))
    columns = {(option, event): f"{option} - {event}" for event in events for option in options}
    sums: dict[int, dict[str, Any]] = {}
    for row in _aggregate(question, span, period, filter, (OPTION, EVENT)):
        if row.time_ms is not None and row.group in columns:
            of_bucket = sums.setdefault(row.time_ms, {})
            of_bucket[columns[row.group]] = of_bucket.get(columns[row.group], 0) + (_figures(row)["sum"] or 0)
    if not columns:
        return [], []
    starts = list(_iter_starts(span, period, list(sums), question.now_ms))
    if len(starts) * len(columns) > MAX_CELLS:
        raise _too_large(f"{len(starts)} buckets of {len(columns)} columns, more than {MAX_CELLS} figures")
    zeros = dict.fromkeys(columns.values(), 0)
    return list(zeros), [{**_date(start), **zeros, **sums.get(start, {})} for start in starts]


def _list_totals(question: Question) -> tuple[list[str], list[dict[str, Any]]]:
    filter = _conversion_filter(question)
    span = _parse_span(question, parse_period(question.query))
    events, options = (_list_values(question, tag, filter) for tag in ("event", "option"))
    if len(events) * len(options) > MAX_CELLS:
        raise _too_large(f"{len(events)} events of {len(options)} options, more than {MAX_CELLS} figures")
    totals = {option: {"option": option, **dict.fromkeys(events, 0)} for option in options}
    for row in _aggregate(question, span, None, filter, (OPTION, EVENT)):
        option, event = row.group
        if option is not None and event is not None:
            totals[option][event] = _figures(row)["sum"]
    return events, list(totals.values())


def _conversion_filter(question: Question) -> Filter:
    name = question.query.get("name")
    if name is None:
        raise invalid_query("/name", "name is missing; it takes the name of a conversion")
    return Comparison(Field("name"), "eq", f"conversion.{name}")


def _parse_span(question: Question, period: str) -> Span:
    return parse_range(question.query, question.now_ms, PERIODS[period][2])


def _aggregate(
    question: Question,
    span: Span,
    period: str | None,
    filter: Filter | None,
    breakdown: tuple[Field, ...] = (),
) -> Sequence[Row]:
    interval = Interval(PERIODS[period][0]) if period else None  # type: ignore[arg-type]
    query = AggregateQuery(
        FIGURES, span.start_ms, span.end_ms, filter, interval, breakdown, deadline=question.deadline
    )
    return question.store.aggregate(query)


def _list_values(question: Question, tag: str, filter: Filter | None) -> list[str]:
    query = ValuesQuery("values", Field("props", tag), filter=filter, deadline=question.deadline)
    return sorted(row.value for row in question.store.values(query).rows)


def _iter_starts(span: Span, period: str, found: Sequence[int | None], now_ms: int) -> Iterator[int]:
    """Yield the starts of all buckets: of the range where it is bounded, else as far as there is data.

    A range without an end reaches to now, or to later data. Raises `query-too-large`.
    """
    size = PERIODS[period][1]
    starts = sorted(start for start in found if start is not None)
    if span.start_ms is None and not starts:
        return iter(())
    first = starts[0] if span.start_ms is None else span.start_ms - span.start_ms % size
    end = max([now_ms, *starts[-1:]]) + 1 if span.end_ms is None else span.end_ms
    if (end - first) // size > MAX_BUCKETS:
        raise _too_large(f"{(end - first) // size} buckets, more than {MAX_BUCKETS}")
    return iter(range(first, end, size))


def _too_large(what: str) -> OpenMetricsError:
    detail = f"This asks for {what}; ask for a shorter range (last=7d) or a longer period (period=d)."
    return OpenMetricsError("query-too-large", detail)


def _date(start_ms: int) -> dict[str, str]:
    return {"dateString": format_time(start_ms), "date": str(start_ms)}


def _short_date(start_ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=start_ms)
    return f"{moment.day}/{moment.month}/{moment.year}"


def _parts(start_ms: int, period: str) -> dict[str, int]:
    moment = EPOCH + timedelta(milliseconds=start_ms)
    parts = {"day": moment.day, "month": moment.month, "year": moment.year}
    if period in "hm":
        parts["hour"] = moment.hour
    if period == "m":
        parts["minute"] = moment.minute
    return parts


def _figures(row: Row | None) -> Mapping[str, int | float | None]:
    """Return sum, avg, max and min: zeros where there is no number, null for a sum beyond all numbers."""
    total, numbers, greatest, least = row.figures if row else (0, 0, 0, 0)
    average = total / numbers if total is not None and numbers else total
    figures = {"sum": total, "avg": average, "max": greatest, "min": least}
    if not numbers:
        return dict.fromkeys(figures, 0)
    return {name: _plain(figure) for name, figure in figures.items()}


def _plain(figure: int | float | None) -> int | float | None:
    """Return a whole float as an integer, so that JSON shows 3 and not 3.0."""
    if isinstance(figure, float) and figure.is_integer() and abs(figure) < 2**53:
        return int(figure)
    return figure
