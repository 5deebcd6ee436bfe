"""How much does a worker grow while it takes a million events?

Starts a server on the embedded store, sends a million events in bodies of about 1 MiB, and prints the
worker's resident size before and after, less what DuckDB reports for itself (bounded by the setting
`duckdb_memory`). The growth should be at most 150 MiB.

    python -m benchmarks.memory [events]
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import orjson

from benchmarks.end_to_end import count_visible
from benchmarks.ingest import make_event
from benchmarks.load import post, run_load
from openmetrics.testing.process import ServerProcess, server

MIB = 1024 * 1024
BATCH = 3_500


def find_worker(process: ServerProcess) -> int:
    """Return the process id of the worker: the newest process of the server's group."""
    group = process.pid
    found = [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and (path / "stat").read_text().rsplit(")", 1)[1].split()[2] == str(group)
    ]
    return max(found)


def read_resident(pid: int) -> int:
    """Return the resident bytes of a process that belong to it alone (no mapped files)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel tells no RssAnon")


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = random.Random(7)
    bodies = [
        orjson.dumps([make_event(n, rng) for n in range(at, at + BATCH)])
        for at in range(0, 10 * BATCH, BATCH)
    ]
    requests = [post("/v1/collect", body) for body in bodies]
    with server(access_log="0", duckdb_memory="256MB", journal_days="0") as process:
        run_load(process.port, [post("/v1/collect", b'{"name": "first"}')], 1, 60, 1)
        worker = find_worker(process)
        before = read_resident(worker)
        run_load(process.port, requests, 4, 3_600, count // BATCH)
        peak = read_resident(worker)
        while count_visible(process.url) < count // BATCH * BATCH:
            time.sleep(0.5)
            peak = max(peak, read_resident(worker))
        after = read_resident(worker)
    print(f"bodies of {len(bodies[0]) / MIB:.2f} MiB, {count} events")
    print(
        f"worker: {before / MIB:.0f} MiB at first, {peak / MIB:.0f} at the peak, {after / MIB:.0f} at the end"
    )
    print(f"growth {(peak - before) / MIB:.0f} MiB, of which DuckDB may hold 256 MiB")


if __name__ == "__main__":
    main()
