"""Is a five-step funnel over columns as fast as ClickHouse's `windowFunnel`, and is the answer the same?

Both get the same events: 10 million of 200,000 users by default, 20 names, one month. ClickHouse (chDB, from
PyPI: `pip install chdb-core`) keeps them in a MergeTree table ordered by user and time, and has as many
threads as we have cores. Ours is the greedy loop below over `ColumnView.map`, which finds the same depth for
windows as long as the month; the funnel plugin has kernels of its own.

    python -m benchmarks.columns_clickhouse [--events 10000000] [--users 200000]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from benchmarks.columns_fill import MONTH_MS, NAME, NAMES, SPAN_MS, measure
from openmetrics.columns.cache import ColumnCache, Limits, Question
from openmetrics.columns.slices import Plan, Slice
from openmetrics.columns.view import ColumnView
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import key_of
from openmetrics.query.model import Comparison
from openmetrics.store.base import Partition, Shard
from openmetrics.store.memory import MemoryStore

STEPS = 5
BATCH = 100_000
QUERY = """
SELECT depth, count() FROM (
    SELECT user, windowFunnel(3000000000)(time, {steps}) AS depth FROM events GROUP BY user
) GROUP BY depth ORDER BY depth SETTINGS max_threads = {threads}
"""


class Synthetic(MemoryStore):
    """A store whose events are made up of arrays: the columns read it as they read any other."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__()
        self.table = table

    def partitions(self) -> list[Partition]:
        """List one month."""
        return [Partition("event", "2026.11", "synthetic", (Shard("0", len(self.table) - 1),))]

    def scan(self, partition: Partition, since: Mapping[str, int], columns: Sequence[str]) -> Iterator[Any]:
        """Read batches of the month."""
        first = since.get("0", -1) + 1
        chosen = self.table.select(["shard", "seq", *columns])
        yield from chosen.slice(first).to_batches(max_chunksize=BATCH)


def make_table(events: int, users: int) -> pa.Table:
    """Make events of one month by time."""
    chance = np.random.default_rng(1)
    ids = pa.array([f"u{n}" for n in range(users)])
    keys = np.array([key_of("u", f"u{n}") for n in range(users)])
    who = chance.integers(users, size=events)
    names = np.minimum(chance.integers(40, size=events), 19).astype(np.int32)
    nothing = pa.nulls(events, pa.string())
    return pa.table(
        {
            "shard": pa.repeat("0", events),
            "seq": np.arange(events),
            "time": MONTH_MS + np.sort(chance.integers(SPAN_MS, size=events)),
            "user_key": keys[who],
            "session_key": pa.nulls(events, pa.int64()),
            "user_id": ids.take(pa.array(who)),
            "session_id": nothing,
            "active": pa.array(np.ones(events, dtype=np.bool_)),
            "name": pa.array(NAMES).take(pa.array(names)),
        }
    )


@numba.njit(nogil=True)
def find_depths(offsets: Any, bits: Any, depths: Any) -> None:
    """Count units by how many steps they did in order."""
    for unit in range(len(offsets) - 1):
        depth = 0
        for row in range(offsets[unit], offsets[unit + 1]):
            if depth < len(depths) - 1 and bits[row] & (np.uint64(1) << np.uint64(depth)):
                depth += 1
        depths[depth] += 1


def ask(view: ColumnView, plan: Plan) -> list[int]:
    """Return the number of users by depth, from 1."""

    def count(slice: Slice) -> Any:
        depths = np.zeros(STEPS + 1, dtype=np.int64)
        find_depths(slice.offsets, slice.bits, depths)
        return depths

    return sum(view.map(plan, count)).tolist()[1:]


def best_of(label: str, work: Callable[[], Any], runs: int = 5) -> tuple[Any, float]:
    """Run some work several times and return its result and the best time."""
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - begun)
    print(f"{label}: best {min(seconds):.3f} s, worst {max(seconds):.3f} s", flush=True)
    return found, min(seconds)


def ask_clickhouse(table: pa.Table, folder: Path) -> tuple[list[int], float]:
    """Ask chDB the same question."""
    from chdb import session

    connection = session.Session(str(folder))
    events = table.select(["user_id", "time", "name"])
    connection.query("CREATE DATABASE bench ENGINE = Atomic; USE bench")
    connection.query(
        "CREATE TABLE events (user String, time UInt64, name LowCardinality(String))"
        " ENGINE = MergeTree ORDER BY (user, time)"
    )
    path = folder / "events.arrow"
    with pa.ipc.new_file(path, events.schema) as writer:
        writer.write_table(events)
    insert = f"INSERT INTO events SELECT user_id, time, name FROM file('{path}', 'Arrow')"
    measure("chDB: insert", lambda: connection.query(insert), len(table))
    connection.query("OPTIMIZE TABLE events FINAL")
    steps = ", ".join(f"name = '{name}'" for name in NAMES[:STEPS])
    query = QUERY.format(steps=steps, threads=os.cpu_count())
    answer, seconds = best_of("chDB: windowFunnel", lambda: connection.query(query, "CSV").bytes())
    depths = dict(tuple(map(int, line.split(","))) for line in answer.decode().split())
    connection.close()
    return [depths.get(depth, 0) for depth in range(1, STEPS + 1)], seconds


def main() -> None:
    """Compare both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=200_000)
    given = parser.parse_args()
    if importlib.util.find_spec("chdb") is None:
        raise SystemExit("chDB is missing: pip install chdb-core")
    table = make_table(given.events, given.users)
    with tempfile.TemporaryDirectory(prefix="openmetrics-") as folder:
        store = Synthetic(table)
        cache = ColumnCache(store, IdentityTable(MemoryStore()), Path(folder) / "columns", Limits())
        question = Question(time.monotonic() + 3_600, lambda id: ())
        fill = measure("ours: fill", lambda: cache.view(MONTH_MS, MONTH_MS + SPAN_MS, question), len(table))
        plan = Plan(tuple(Comparison(NAME, "eq", name) for name in NAMES[:STEPS]))
        ours, our_s = best_of("ours: five steps", lambda: ask(fill, plan))
        cache.close()
        theirs, their_s = ask_clickhouse(table, Path(folder))
    print(f"ours {ours}, chDB {theirs}; chDB takes {their_s / our_s:.1f} times as long")
    if ours != theirs:
        raise SystemExit("the answers differ")


if __name__ == "__main__":
    main()
