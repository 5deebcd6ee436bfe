"""The same events for our server and for ClickHouse (chDB, from PyPI: `pip install chdb-core`).

Ours are asked over HTTP in this process: parse, view, loops, answer as JSON. ClickHouse keeps a MergeTree
table ordered by user and time, and has as many threads as we have cores.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import falcon.testing
import numpy as np
import pyarrow as pa

from benchmarks.columns_clickhouse import Synthetic, make_table
from benchmarks.columns_fill import MONTH_MS, SPAN_MS
from openmetrics.app import create_app, read_settings
from openmetrics.testing.clock import FixedClock

PLANS = 5
RUNS = 9
Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
Query = Callable[[str], list[list[str]]]


def add_plans(table: pa.Table) -> pa.Table:
    """Give each event one of five plans, mostly the one of its user."""
    chance = np.random.default_rng(2)
    own = np.asarray(table["user_key"]) % PLANS
    plans = np.where(chance.integers(10, size=len(table)) == 0, chance.integers(PLANS, size=len(table)), own)
    texts = pa.array([[f"plan {n}"] for n in range(PLANS)]).take(pa.array(plans))
    kinds = pa.array([["plan\x01text"]]).take(pa.array(np.zeros(len(table), dtype=np.int32)))
    return table.append_column("props.plan", texts).append_column("kinds", kinds)


@contextmanager
def asking_ours(table: pa.Table) -> Iterator[Ask]:
    """Start a server on the events; give what asks it an analysis over HTTP."""
    with tempfile.TemporaryDirectory(prefix="openmetrics-") as folder:
        given = {"store": "memory", "data_dir": folder, "access_log": False, "query_timeout_s": 3_600}
        settings, manager = read_settings(given, {})
        app, server = create_app(settings, Synthetic(table), manager, FixedClock(MONTH_MS + 2 * SPAN_MS))
        client = falcon.testing.TestClient(app, headers={"Host": "127.0.0.1"})

        def ask(name: str, question: dict[str, Any]) -> dict[str, Any]:
            response = client.simulate_post(f"/v1/analyses/{name}", json=question)
            if response.status_code != 200:
                raise SystemExit(response.text)
            answer: dict[str, Any] = response.json
            return answer

        try:
            yield ask
        finally:
            server.close()


@contextmanager
def asking_theirs(table: pa.Table) -> Iterator[Query]:
    """Put the events into ClickHouse; give what asks it a query and returns rows of text."""
    if importlib.util.find_spec("chdb") is None:
        raise SystemExit("chDB is missing: pip install chdb-core")
    from chdb import session

    with tempfile.TemporaryDirectory(prefix="openmetrics-") as folder:
        connection = session.Session(str(Path(folder) / "chdb"))
        events = table.select(["user_id", "time", "name"])
        plans = table["props.plan"].combine_chunks().flatten()
        path = Path(folder) / "events.arrow"
        with pa.ipc.new_file(path, events.append_column("plan", plans).schema) as writer:
            writer.write_table(events.append_column("plan", plans))
        connection.query("CREATE DATABASE bench ENGINE = Atomic; USE bench")
        connection.query(
            "CREATE TABLE events (user String, time UInt64, name LowCardinality(String),"
            " plan LowCardinality(String)) ENGINE = MergeTree ORDER BY (user, time)"
        )
        connection.query(f"INSERT INTO events SELECT user_id, time, name, plan FROM file('{path}', 'Arrow')")
        connection.query("OPTIMIZE TABLE events FINAL")

        def query(text: str) -> list[list[str]]:
            limited = f"{text} SETTINGS max_threads = {os.cpu_count()}"
            answer = connection.query(limited, "TabSeparated").bytes().decode()
            return [line.split("\t") for line in answer.splitlines()]

        try:
            yield query
        finally:
            connection.close()


def time_all(works: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, float]]:
    """Run all works in turn, several times, so that noise meets them alike; return results and best times."""
    found = {name: work() for name, work in works.items()}
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(RUNS):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - begun)
    for name, taken in seconds.items():
        middle = statistics.median(taken)
        print(f"  {name:28} {min(taken):7.3f} s  (median {middle:.3f}, worst {max(taken):.3f})", flush=True)
    return found, {name: min(taken) for name, taken in seconds.items()}


def make_events(events: int) -> pa.Table:
    """Make events of one month, 50 a user."""
    return add_plans(make_table(events, events // 50))


def judge(label: str, ratio: float, most: float) -> None:
    """Print a ratio beside the bar that it is to stay below."""
    print(f"  {label:52} {ratio:5.2f}  (at most {most}) {'' if ratio <= most else '  TOO MUCH'}", flush=True)
