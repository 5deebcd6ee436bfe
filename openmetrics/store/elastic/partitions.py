"""List partitions and read the sequence numbers up to which their shards are complete."""

from __future__ import annotations

from typing import Any

from openmetrics.ingest.event import OLD_PERIOD
from openmetrics.store.base import FACT_KINDS, Partition, Shard
from openmetrics.store.elastic.connection import Connection
from openmetrics.store.elastic.naming import Names

SHARD = "indices.*.shards.*"
WANTED = f"indices.*.uuid,{SHARD}.routing.primary,{SHARD}.commit.user_data,{SHARD}.seq_no"


def read_partitions(connection: Connection, names: Names) -> list[Partition]:
    """List months of events, oldest first, and then each other kind of facts, as numbered now."""
    target = f"_stats?level=shards&filter_path={WANTED}"
    answer = connection.ask("GET", f"/{names.events},{names.facts}/{target}", accept=(404,))
    if answer.status == 404:  # no month yet
        answer = connection.ask("GET", f"/{names.facts}/{target}")
    indices = answer.json()["indices"]
    facts = _number(indices.pop(names.facts))
    months = sorted(indices, key=lambda index: (names.period(index) != OLD_PERIOD, index))
    found = [Partition("event", names.period(index), *_number(indices[index])) for index in months]
    return [*found, *(Partition(kind, "", *facts) for kind in FACT_KINDS if kind != "event")]


def _number(stats: dict[str, Any]) -> tuple[str, tuple[Shard, ...]]:
    """Return the identity of an index and its shards; another history is another identity."""
    histories, shards = [stats["uuid"]], []
    for id, copies in sorted(stats["shards"].items(), key=lambda entry: int(entry[0])):
        primary = next(copy for copy in copies if copy["routing"]["primary"])
        histories.append(primary["commit"]["user_data"]["history_uuid"])
        shards.append(Shard(id, primary["seq_no"]["global_checkpoint"]))
    return ":".join(histories), tuple(shards)
