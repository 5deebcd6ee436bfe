"""Are trends over HTTP as fast as ClickHouse, and are the answers the same?

Both get the same events: 10 million of 200,000 users by default, 20 names, 300 pages, 30 days. ClickHouse
(chDB, from PyPI: `pip install chdb-core`) keeps them in a MergeTree table ordered by user and time, users as
numbers, and has as many threads as we have cores; it is asked in process, we are asked over HTTP, both warm.
The questions: daily distinct users with one filter, the same for each page, and the same for the 25 greatest
pages with one more row for all others.

    python -m benchmarks.trends [--events 10000000] [--users 200000]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import numpy as np
import pyarrow as pa

from benchmarks.columns_clickhouse import Synthetic, best_of, make_table
from benchmarks.columns_fill import MONTH_MS, SPAN_MS, measure
from openmetrics.app import create_app, read_settings
from openmetrics.query.times import format_time
from openmetrics.testing.clock import FixedClock

PAGES = 300
SHOWN = 25
DAYS = 30
PATH = "/v1/analyses/trends"
FILTER = {"field": "name", "op": "in", "value": ["view", "search", "cart", "checkout", "buy"]}
RANGE = {"from": format_time(MONTH_MS), "to": format_time(MONTH_MS + SPAN_MS)}
BY_DAY = {"range": RANGE, "interval": "day", "series": [{"measure": "users"}], "filter": FILTER}
WHERE = "name IN ('view', 'search', 'cart', 'checkout', 'buy')"
DAILY = f"SELECT toDate(time) AS day, uniqExact(user) FROM events WHERE {WHERE} GROUP BY day ORDER BY day"
BY_PAGE = f"SELECT page, toDate(time) AS day, uniqExact(user) FROM events WHERE {WHERE} GROUP BY page, day"
BY_TOP = f"""
WITH top AS (
    SELECT page FROM events WHERE {WHERE} GROUP BY page ORDER BY uniqExact(user) DESC, page LIMIT {SHOWN}
)
SELECT if(page IN top, page, '') AS shown, toDate(time) AS day, uniqExact(user) FROM events WHERE {WHERE}
GROUP BY shown, day ORDER BY shown, day
"""


class Quiet(WSGIRequestHandler):
    """Answer without a line for each request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def make_events(events: int, users: int) -> pa.Table:
    """Make events of one month with a page each, some pages more often than others."""
    table = make_table(events, users)
    chance = np.random.default_rng(2)
    pages = (PAGES * chance.random(events) ** 2).astype(np.int32)
    names = pa.array([f"/page/{n}" for n in range(PAGES)])
    return table.append_column("props.page", pa.DictionaryArray.from_arrays(pages, names).cast(pa.string()))


@contextmanager
def serving(store: Synthetic, folder: Path) -> Iterator[str]:
    """Serve a store over HTTP, and yield the address."""
    settings, manager = read_settings(
        {"store": "memory", "data_dir": str(folder), "query_timeout_s": 600, "access_log": False}, {}
    )
    app, server = create_app(settings, store, manager, FixedClock(MONTH_MS + SPAN_MS))
    http = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        server.close()


def ask(address: str, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ask over HTTP, and return the rows."""
    request = urllib.request.Request(address + PATH, json.dumps(question).encode())
    with urllib.request.urlopen(request) as response:
        rows: list[dict[str, Any]] = json.loads(response.read())["series"]
    return rows


def open_clickhouse(table: pa.Table, folder: Path) -> Any:
    """Load the events into chDB."""
    from chdb import session

    connection = session.Session(str(folder))
    connection.query("CREATE DATABASE bench ENGINE = Atomic; USE bench")
    connection.query(
        "CREATE TABLE events (user Int64, time DateTime64(3, 'UTC'), name LowCardinality(String),"
        " page LowCardinality(String)) ENGINE = MergeTree ORDER BY (user, time)"
    )
    events = table.select(["user_key", "time", "name", "props.page"])
    path = folder / "events.arrow"
    with pa.ipc.new_file(path, events.schema) as writer:
        writer.write_table(events)
    connection.query(
        "INSERT INTO events SELECT user_key, fromUnixTimestamp64Milli(time, 'UTC'), name, `props.page`"
        f" FROM file('{path}', 'Arrow')"
    )
    connection.query("OPTIMIZE TABLE events FINAL")
    return connection


def ask_clickhouse(connection: Any, label: str, query: str) -> tuple[list[list[str]], float]:
    """Ask chDB, with as many threads as there are cores."""
    whole = f"{query} SETTINGS max_threads = {os.cpu_count()}"
    answer, seconds = best_of(f"chDB: {label}", lambda: connection.query(whole, "TSV").bytes())
    return [line.split("\t") for line in answer.decode().splitlines()], seconds


def to_figures(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """Return group, day and figure of each point that has any."""
    return sorted(
        ("" if row["other"] or not row["group"] else row["group"][0], point["time"][:10], point["value"])
        for row in rows
        for point in row["points"]
        if point["value"]
    )


def main() -> None:
    """Compare both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=200_000)
    given = parser.parse_args()
    if importlib.util.find_spec("chdb") is None:
        raise SystemExit("chDB is missing: pip install chdb-core")
    table = make_events(given.events, given.users)
    by_page = {**BY_DAY, "breakdown": ["props.page"]}
    questions = {
        "by day": (BY_DAY, DAILY),
        "by day and page": ({**by_page, "limit": PAGES}, BY_PAGE),
        "by day and the greatest pages": ({**by_page, "limit": SHOWN}, BY_TOP),
    }
    ours = {}
    with tempfile.TemporaryDirectory(prefix="openmetrics-") as folder:
        with serving(Synthetic(table), Path(folder) / "data") as address:
            measure("ours: fill", lambda: ask(address, by_page), len(table))
            for label, (question, _) in questions.items():
                ours[label] = best_of(f"ours: {label}", lambda asked=question: ask(address, asked))
        connection = open_clickhouse(table, Path(folder))
        for label, (_, query) in questions.items():
            rows, their_s = ask_clickhouse(connection, label, query)
            theirs = sorted((row[-3] if len(row) > 2 else "", row[-2], int(row[-1])) for row in rows)
            found, our_s = ours[label]
            print(f"{label}: chDB takes {their_s / our_s:.1f} times as long")
            if to_figures(found) != theirs:
                raise SystemExit("the answers differ")
        connection.close()


if __name__ == "__main__":
    main()
