"""How much does a worker grow while it takes a million events?

Starts a server on the embedded store, sends a million events in bodies of about 1 MiB, and prints the
growth of the worker's resident size, without what DuckDB reports for itself (bounded by the setting
`duckdb_memory`). The growth should be at most 150 MiB.

    python -m benchmarks.memory [events]
"""

from __future__ import annotations

import random
import sys
import threading
import time
import urllib.request
from pathlib import Path

import orjson

from benchmarks.end_to_end import count_visible
from benchmarks.ingest import make_event
from benchmarks.load import post, run_load
from openmetrics.testing.process import ServerProcess, server

MIB = 1024 * 1024
BATCH = 3_500


def find_worker(process: ServerProcess) -> int:
    """Return the process id of the worker: the one that the first process of the server has forked."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0])


def read_own(pid: int, url: str) -> int:
    """Return the resident bytes that belong to a process alone (no mapped files), without DuckDB's."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    [resident] = [int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon")]
    page = urllib.request.urlopen(f"{url}/metrics", timeout=60).read().decode().splitlines()
    [held] = [line for line in page if line.startswith("openmetrics_duckdb_memory_bytes ")]
    return resident - int(float(held.split()[1]))


def watch(pid: int, url: str, is_over: threading.Event, sizes: list[int]) -> None:
    """Note the size again and again."""
    while not is_over.wait(0.25):
        sizes.append(read_own(pid, url))


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = random.Random(7)
    bodies = [
        orjson.dumps([make_event(n, rng) for n in range(at, at + BATCH)])
        for at in range(0, 10 * BATCH, BATCH)
    ]
    requests = [post("/v1/collect", body) for body in bodies]
    is_over, sizes = threading.Event(), list[int]()
    with server(access_log="0", journal_days="0") as process:
        run_load(process.port, [post("/v1/collect", b'{"name": "first"}')], 1, 60, 1)
        worker = find_worker(process)
        before = read_own(worker, process.url)
        watcher = threading.Thread(target=watch, args=(worker, process.url, is_over, sizes))
        watcher.start()
        run_load(process.port, requests, 4, 3_600, count // BATCH)
        while count_visible(process.url) < count // BATCH * BATCH:
            time.sleep(0.5)
        is_over.set()
        watcher.join()
        after = read_own(worker, process.url)
    print(f"bodies of {len(bodies[0]) / MIB:.2f} MiB, {count} events; sizes without what DuckDB holds")
    print(f"{before / MIB:.0f} MiB at first, {max(sizes) / MIB:.0f} at most, {after / MIB:.0f} at the end")
    print(f"growth {(max(sizes) - before) / MIB:.0f} MiB")


if __name__ == "__main__":
    main()
