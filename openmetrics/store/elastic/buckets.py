"""Read all buckets of a composite aggregation: exact lists, whatever the number of shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openmetrics.store.elastic.connection import Connection

MAX_BUCKETS = 60_000
"""Below `search.max_buckets`, which is 65,536 unless an operator lowers it."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """What to group by, over which documents, and what to compute for each group."""

    query: Mapping[str, Any]
    sources: Sequence[Mapping[str, Any]]
    figures: Mapping[str, Any] = field(default_factory=dict)
    deadline: float | None = None


def iter_buckets(connection: Connection, index: str, grouping: Grouping) -> Iterator[dict[str, Any]]:
    """Yield every bucket, page by page."""
    size = MAX_BUCKETS // (1 + len(grouping.figures))
    composite: dict[str, Any] = {"size": size, "sources": list(grouping.sources)}
    groups: dict[str, Any] = {"composite": composite}
    if grouping.figures:
        groups["aggs"] = grouping.figures
    body = {"size": 0, "track_total_hits": False, "query": grouping.query, "aggs": {"groups": groups}}
    while True:
        answer = connection.search(index, body, grouping.deadline)
        found = answer.get("aggregations", {}).get("groups", {})
        yield from found.get("buckets", ())
        if len(found.get("buckets", ())) < size:
            return
        composite["after"] = found["after_key"]


def text_of(key: str | bool | None) -> str | None:
    """Return the canonical text of a bucket's key; only `active` has keys that are none."""
    return str(key).lower() if isinstance(key, bool) else key
