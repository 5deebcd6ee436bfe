"""Answer `/api/report`, `/api/report.csv`, `/api/report/count` and `/api/report/unique`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from openmetrics.plugin import (
    AggregateQuery,
    Measure,
    OpenMetricsError,
    StoredEvent,
    canonical_text,
    invalid_query,
    to_json,
)
from openmetrics_plugins.micro_metrics.answers import stored_to_metric
from openmetrics_plugins.micro_metrics.filters import FILTER_KEYS, PERIOD_KEY, TEXT
from openmetrics_plugins.micro_metrics.lookups import Question, Reply, iter_pages, reply_json
from openmetrics_plugins.micro_metrics.ranges import parse_range
from openmetrics_plugins.micro_metrics.tables import CSV, iter_metrics_csv

REPORT_KEYS = {**FILTER_KEYS, **PERIOD_KEY}
UNIQUE_KEYS = {
    "unique": TEXT
    | {"description": "What to count by: `userId`, `type`, `tags.plan`, `data.k`, ...", "x-required": True},
    **REPORT_KEYS,
}
ROOTS = ("type", "tags", "tagKeys", "fields", "value", "data", "createdOn", "userId", "sessionId", "_id")
SETS = {"types": "type", "tags": "tags", "values": "value", "data": "data"}
MAX_HELD_BYTES = 256 * 1024 * 1024


def report(question: Question) -> Reply:
    """Answer all matching metrics, ascending by time, however many there are."""
    pages = iter_pages(question, parse_range(question.query, question.now_ms), question.filter())
    first = next(pages)
    second = next(pages, None)
    if second is None:
        metrics = [stored_to_metric(event) for event in first]
        return reply_json({"count": len(metrics), "results": metrics})
    return Reply(_stream_report(chain((first, second), pages)))


def _stream_report(pages: Iterable[tuple[StoredEvent, ...]]) -> Iterator[bytes]:
    count = 0
    yield b'{"results":['
    for page in pages:
        yield _write_page(page, count)
        count += len(page)
    yield b'],"count":%d}' % count


def _write_page(page: tuple[StoredEvent, ...], count: int) -> bytes:
    joined = b",".join(to_json(stored_to_metric(event)) for event in page)
    return b"," + joined if count and joined else joined


def report_csv(question: Question) -> Reply:
    """Answer all matching metrics as CSV, one column a path."""
    pages = iter_pages(question, parse_range(question.query, question.now_ms), question.filter())
    metrics = (stored_to_metric(event) for page in pages for event in page)
    table = iter_metrics_csv(metrics)
    first = next(table, b"")  # all that can be refused is refused before the status is sent
    return Reply(chain((first,), table), CSV)


def count(question: Question) -> Reply:
    """Answer how many metrics match."""
    span = parse_range(question.query, question.now_ms)
    query = AggregateQuery(
        (Measure("count"),), span.start_ms, span.end_ms, question.filter(), deadline=question.deadline
    )
    return reply_json({"count": question.store.aggregate(query)[0].figures[0]})


@dataclass(slots=True)
class _Distinct:
    """What was seen under one distinct value, each thing once, by its JSON text."""

    id: Any
    count: int = 0
    seen: dict[str, dict[bytes, Any]] = field(default_factory=lambda: {name: {} for name in SETS})

    def add(self, metric: dict[str, Any]) -> int:
        """Take a metric in and return how many bytes it added."""
        self.count += 1
        added = 0
        for name, values in self.seen.items():
            value = metric[SETS[name]]
            key = _key(value)
            if key not in values:
                values[key] = value
                added += len(key)
        return added

    def to_json(self) -> dict[str, Any]:
        """Return the result of this value."""
        return {
            "_id": self.id,
            **{name: list(values.values()) for name, values in self.seen.items()},
            "count": self.count,
        }


def unique(question: Question) -> Reply:
    """Answer the distinct values of a path, each with all that was seen with it.

    It reads the matching metrics, since engines cannot group by whole objects (`tags`, `data`).
    """
    path = question.query.get("unique")
    if path is None:
        raise invalid_query("/unique", f"unique is missing; it takes one of {', '.join(ROOTS)}, or tags.NAME")
    if path.partition(".")[0] not in ROOTS:
        raise invalid_query(
            "/unique", f"unique takes one of {', '.join(ROOTS)}, or tags.NAME, not {path[:60]!r}"
        )
    pages = iter_pages(question, parse_range(question.query, question.now_ms), question.filter())
    question.server.identity.sync()
    groups: dict[bytes, _Distinct] = {}
    held = 0
    for page in pages:
        for event in page:
            metric = stored_to_metric(event)
            found = _find(metric, path) if path != "userId" else _find_owner(question, event)
            for value in found:
                group = groups.setdefault(_key(value), _Distinct(value))
                held += group.add(metric)
        _check_cost(held, question)
    return reply_json({"count": len(groups), "results": [group.to_json() for group in groups.values()]})


def _key(value: Any) -> bytes:
    """Return what makes a value distinct: its kind and text, 1 and 1.0 being one number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (canonical_text(value) or "").encode() if is_number else to_json(value)


def _find_owner(question: Question, event: StoredEvent) -> list[Any]:
    owner = question.server.identity.owner(event.session_id, event.time_ms, event.user_id)
    return [] if owner is None else [owner]


def _find(value: Any, path: str) -> list[Any]:
    """Return the value at a path as a list of one, or of none; a name may itself hold dots."""
    if not isinstance(value, dict):
        return []
    if path in value:
        return [value[path]]
    for end in (index for index, char in enumerate(path) if char == "."):
        if path[:end] in value and (found := _find(value[path[:end]], path[end + 1 :])):
            return found
    return []


def _check_cost(held_bytes: int, question: Question) -> None:
    if held_bytes > MAX_HELD_BYTES:
        detail = "This finds too many distinct things at once; ask for one type or a shorter range (last=7d)."
        raise OpenMetricsError("query-too-large", detail)
    if time.monotonic() > question.deadline:
        detail = "Reading all matching metrics takes too long; ask for one type or a shorter range (last=7d)."
        raise OpenMetricsError("query-timeout", detail)
