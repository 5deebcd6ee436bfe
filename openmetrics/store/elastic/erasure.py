"""Delete facts for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from openmetrics.store.base import Deletion, StoreUnavailableError
from openmetrics.store.elastic.connection import Connection, reason_of
from openmetrics.store.elastic.filters import Query, compile_erasure, compile_filter
from openmetrics.store.elastic.naming import Names
from openmetrics.store.elastic.schema import Schema

HITS_A_SEARCH = 10_000
BULK = "/_bulk?refresh=true&filter_path=errors,items.*.status,items.*.error"
DELETION = b'{"delete":{"_index":"%b","_id":"%b"}}\n'


class Eraser:
    """Find what a deletion names, and delete it until nothing is found any more."""

    def __init__(self, connection: Connection, names: Names, schema: Schema) -> None:
        self._connection = connection
        self._names = names
        self._schema = schema

    def delete(self, deletion: Deletion) -> int:
        """Delete facts and whole periods; return how many facts that were."""
        count = sum(self._drop_period(period) for period in deletion.periods)
        if deletion.filter is None:
            return count
        condition = compile_filter(deletion.filter)
        if "event" in deletion.kinds:
            count += self._delete_found(self._names.events, condition)
        kinds = [kind for kind in deletion.kinds if kind != "event"]
        if kinds:
            of_kinds = {"bool": {"filter": [{"terms": {"kind": kinds}}, condition]}}
            count += self._delete_found(self._names.facts, of_kinds)
        return count

    def erase(self, user_ids: Sequence[str], session_ids: Sequence[str], until_ms: int) -> int:
        """Delete all facts but tombstones that these users, or sessions of nobody, sent until then."""
        condition = compile_erasure(user_ids, session_ids, until_ms)
        facts = {"bool": {"filter": [condition], "must_not": [{"term": {"kind": "tombstone"}}]}}
        return self._delete_found(self._names.events, condition) + self._delete_found(
            self._names.facts, facts
        )

    def _drop_period(self, period: str) -> int:
        index = self._names.month(period)
        self._connection.ask("POST", f"/{index}/_refresh", accept=(404,))
        answer = self._connection.ask("GET", f"/{index}/_count", accept=(404,))
        if answer.status == 404:
            return 0
        self._connection.ask("DELETE", f"/{index}", accept=(404,))
        self._schema.forget_month(period)
        count: int = answer.json()["count"]
        return count

    def _delete_found(self, index: str, condition: Query) -> int:
        count = 0
        body: dict[str, Any] = {"query": condition, "size": HITS_A_SEARCH, "_source": False}
        while True:
            self._connection.ask("POST", f"/{index}/_refresh?ignore_unavailable=true")
            hits = self._connection.search(index, body)["hits"]["hits"]
            if not hits:
                return count
            count += self._delete_hits(hits)

    def _delete_hits(self, hits: list[dict[str, Any]]) -> int:
        actions = b"".join(
            DELETION % (hit["_index"].encode(), orjson.dumps(hit["_id"])[1:-1]) for hit in hits
        )
        items = self._connection.ask("POST", BULK, actions).json()["items"]
        outcomes = [item["delete"] for item in items]
        for outcome in outcomes:
            if outcome["status"] not in (200, 404):
                reason = ": ".join(reason_of(outcome.get("error")))
                raise StoreUnavailableError(f"Elasticsearch does not delete facts now ({reason}); repeat it.")
        return sum(outcome["status"] == 200 for outcome in outcomes)
