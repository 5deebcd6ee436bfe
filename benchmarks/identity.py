"""What do ten million linked sessions cost, a link of a very long session, and a storm of links?

Three parts: the identity table fed with synthetic links (time, memory, look-ups); a session with 100,000
events among many others on DuckDB that gets its first links (the answer, and the next question); and the
rate of single events over HTTP, alone and with 1,000 links a second among them.

    python -m benchmarks.identity [--links 10000000] [--events 10000000] [--seconds 5] \\
        [--parts table,session,storm]
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow

from benchmarks.columns_fill import MONTH_MS, NAMES, SPAN_MS, ask, fill_store, measure
from benchmarks.ingest import CONNECTIONS, make_event, serving
from benchmarks.load import post, run_load
from openmetrics.columns.cache import Question
from openmetrics.columns.slices import Plan
from openmetrics.identity.arrays import to_keys
from openmetrics.identity.table import IdentityTable
from openmetrics.query.model import Comparison, Field
from openmetrics.store.base import Partition, Shard
from openmetrics.testing.client import running
from openmetrics.testing.journeys import make_event as make_fact
from openmetrics.testing.journeys import to_lines

BATCH = 200_000
NEW = 10_000
LONG = 100_000
LINKS_A_SECOND = 1_000


class LinkStore:
    """A store of nothing but links, made as they are asked for: two sessions a user."""

    def __init__(self, count: int) -> None:
        self.count = count

    def refresh(self) -> None:
        """Do nothing."""

    def partitions(self) -> list[Partition]:
        """Return the one partition."""
        return [Partition("link", "", "links", (Shard("0", self.count - 1),))]

    def scan(self, partition: Any, since: Any, columns: Any) -> Iterator[pyarrow.RecordBatch]:
        """Yield the links above a number."""
        for first in range(since.get("0", -1) + 1, self.count, BATCH):
            yield make_batch(range(first, min(first + BATCH, self.count)), columns)


def make_batch(numbers: range, columns: Any) -> pyarrow.RecordBatch:
    """Make links with ids of 18 and 10 characters."""
    sessions = [f"session-{n * 7_919 % 10**10:010d}" for n in numbers]
    users = [f"user{n // 2:06d}" for n in numbers]
    count = len(numbers)
    values: dict[str, Any] = {
        "shard": ["0"] * count, "seq": np.array(numbers), "time": MONTH_MS + np.array(numbers),
        "user_id": users, "session_id": sessions, "explicit": [True] * count,
        "session_key": to_keys("s", sessions), "user_key": to_keys("u", users),
    }  # fmt: skip
    names = ("shard", "seq", *columns)
    return pyarrow.RecordBatch.from_arrays([pyarrow.array(values[name]) for name in names], names=list(names))


def measure_table(links: int) -> None:
    """Load links, look some up, and take newer ones in."""
    made = time.perf_counter()
    for first in range(0, links, BATCH):
        make_batch(range(first, min(first + BATCH, links)), ("session_id",))
    print(f"making {links:,} links alone: {time.perf_counter() - made:.1f} s")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store: Any = LinkStore(links)
    table = IdentityTable(store)
    measure(f"reading {links:,} links (the making included)", table.sync, links)
    layers = table._follower.layers
    archive = layers.archive
    held = sum(part.nbytes for part in (
        archive.links.sessions, archive.links.users, archive.links.times, archive.links.explicit,
        archive.links.by_user, archive.links.users_in_order, archive.links.texts,
        archive.names.keys, archive.names.texts,
    ))  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"held: {held / links:.0f} bytes a link; peak while reading: {peak / 1024:,.0f} MB more")
    chance = random.Random(1)
    sessions = [f"session-{chance.randrange(links) * 7_919 % 10**10:010d}" for _ in range(1_000)]
    users = [f"user{chance.randrange(links // 2):06d}" for _ in range(1_000)]
    print_each("owner of a session's event", lambda n: table.owner(sessions[n], MONTH_MS))
    print_each("user with its sessions", lambda n: table.user(users[n]))
    for _ in range(3):
        store.count += NEW
        measure(f"{NEW:,} newer links", table.sync)
    store.count += max(50_000, links // 50)
    measure("enough newer ones to move", table.sync)
    print_each("owner of an event, while they move", lambda n: table.owner(sessions[n], MONTH_MS))
    measure("until they are moved", layers.settle)


def print_each(label: str, work: Callable[[int], Any]) -> None:
    """Print the median and the longest of a thousand calls."""
    took = []
    for n in range(1_000):
        begun = time.perf_counter()
        work(n)
        took.append(time.perf_counter() - begun)
    print(f"{label}: {statistics.median(took) * 1e6:.0f} µs, at most {max(took) * 1e3:.1f} ms", flush=True)


def measure_session(events: int) -> None:
    """Link a session with 100,000 events that is one of very many, and ask again."""
    with tempfile.TemporaryDirectory(prefix="openmetrics-bench-") as folder:
        measure(f"filling a store with {events:,} events", lambda: fill_store(Path(folder), events, 200_000))
        with running(store="duckdb", data_dir=folder, query_timeout_s=600, journal_days=0) as server:
            times = range(MONTH_MS, MONTH_MS + SPAN_MS, SPAN_MS // LONG)
            for first in range(0, LONG, 10_000):
                chunk = [
                    make_fact(NAMES[n % 5], times[n], session_id="long", event_id=f"long {n}")
                    for n in range(first, first + 10_000)
                ]
                server.server.pipeline.append(to_lines(*chunk))
            plan = Plan(tuple(Comparison(Field("name"), "eq", name) for name in NAMES[:5]))

            def question() -> int:
                server.server.reading()
                asked = Question(time.monotonic() + 600, lambda id: ())
                return ask(server.server.columns.view(MONTH_MS, MONTH_MS + SPAN_MS, asked), plan)

            measure("first question", question)
            for _ in range(3):
                measure("question", question)
            print_posts(
                server.client, "an event", "/v1/collect", lambda n: {"name": "e", "session_id": f"x{n}"}
            )
            measure("question after 50 events", question)
            for times_of in (lambda n: 0, lambda n: n):  # first one user, then fifty
                print_posts(
                    server.client, "a link of the long session", "/v1/identify",
                    lambda n, of=times_of: {
                        "session_id": "long", "user_id": f"user {of(n)}", "time": MONTH_MS + of(n) * 1_000
                    },
                )  # fmt: skip
                measure("question after its links", question)
                measure("and again", question)


def print_posts(client: Any, label: str, path: str, make: Callable[[int], Any]) -> None:
    """Print how long 50 requests take, one by one."""
    took = []
    for n in range(50):
        begun = time.perf_counter()
        result = client.simulate_post(path, body=orjson.dumps(make(n)))
        took.append(time.perf_counter() - begun)
        assert result.status_code == 202, result.text
    print(f"{label}: {statistics.median(took) * 1e3:.2f} ms, at most {max(took) * 1e3:.1f} ms", flush=True)


def measure_storm(seconds: float) -> None:
    """Compare the rate of events alone with that beside 1,000 links a second."""
    chance = random.Random(7)
    events = [post("/v1/collect", orjson.dumps(make_event(n, chance))) for n in range(5_000)]
    with serving("gunicorn", "openmetrics.wsgi:build_app") as port:
        run_load(port, events, CONNECTIONS, 1.0)
        for _ in range(2):
            alone = run_load(port, events, CONNECTIONS, seconds).rate
            share = min(0.5, LINKS_A_SECOND / alone)
            mixed = [
                make_link(n) if chance.random() < share else event for n, event in enumerate(events * 20)
            ]
            both = run_load(port, mixed, CONNECTIONS, seconds).rate
            print(
                f"events alone {alone:,.0f}/s; {both * (1 - share):,.0f}/s beside {both * share:,.0f}"
                f" links/s: {both / alone:.0%} of all requests (100%: a link costs what an event costs)"
            )


def make_link(number: int) -> bytes:
    """Return a request that links a session to a user."""
    return post("/v1/identify", orjson.dumps({"session_id": f"s{number}", "user_id": f"user {number // 3}"}))


def main() -> None:
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--parts", default="table,session,storm")
    options = parser.parse_args()
    parts = {
        "table": lambda: measure_table(options.links),
        "session": lambda: measure_session(options.events),
        "storm": lambda: measure_storm(options.seconds),
    }
    for name in options.parts.split(","):
        parts[name]()


if __name__ == "__main__":
    main()
