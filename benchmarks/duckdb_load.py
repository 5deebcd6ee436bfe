"""How many events a second does the embedded store load while it already holds many?

Fills a store with N events (default 3 million; `--events 10000000`), then loads batches of small events, as
the pump hands them over, new ones and replayed ones. Prints events/s, wall and processor time of each batch,
and the ratio to an empty store: near 1 means that loading does not slow down as the store grows.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from openmetrics.ingest.event import Event
from openmetrics.ingest.line import event_line
from openmetrics.settings import load_settings
from openmetrics.store.base import Store
from openmetrics.store.duckdb import open_duckdb

BASE_MS = 1_793_500_000_000
SIZES = (30_000, 100_000, 200_000)
NAMES = ("open", "buy", "click", "view", "search")


def make_lines(count: int, start: int, seed: int) -> bytes:
    """Make spool lines of small events: three properties, about 520 bytes each."""
    chance = random.Random(seed)
    lines = []
    for number in range(start, start + count):
        user = chance.randrange(200_000)
        event = Event(
            f"{BASE_MS + number:012x}{number:08x}{chance.getrandbits(48):012x}",
            BASE_MS + number * 20 % 2_000_000_000,
            BASE_MS + number * 20,
            chance.choice(NAMES),
            user_id=f"user-{user}" if user % 2 else None,
            session_id=f"session-{user}",
            properties={"plan": "pro", "price": number % 1_000 / 10, "page": f"/p/{number % 500}"},
            source="web",
        )
        lines.append(event_line(event))
    return b"".join(lines)


def measure(store: Store, label: str, batches: list[bytes]) -> dict[int, float]:
    """Load batches, print each one's rate, and return the best rate of each size."""
    best: dict[int, float] = {}
    for lines in batches:
        began, used = time.perf_counter(), time.process_time()
        report = store.write(lines)
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - used
        count = report.stored + report.duplicate
        best[count] = max(best.get(count, 0.0), count / wall_s)
        print(
            f"{label}: {count:>7,} events, {report.duplicate:>7,} known: {count / wall_s:>9,.0f}/s"
            f"  wall {wall_s:.2f} s  cpu {cpu_s:.2f} s"
        )
    return best


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=3_000_000, help="events in the store beforehand")
    parser.add_argument("--folder", type=Path, help="keep the filled store here, to run again")
    arguments = parser.parse_args()
    fresh = [
        make_lines(size, 1_000_000_000 + size * turn, size + turn) for size in SIZES for turn in range(3)
    ]
    again = [
        make_lines(size, 2_000_000_000 + size * turn, size + turn) for size in SIZES for turn in range(3)
    ]
    with tempfile.TemporaryDirectory() as temporary:
        empty = measure_store(Path(temporary) / "empty", 0, [("empty", fresh)])
        folder = arguments.folder or Path(temporary) / "full"
        full = measure_store(folder, arguments.events, [("full", again), ("replay", again[-1:])])
    for size in SIZES:
        print(f"{size:>7,}: full store at {full[size] / empty[size]:.2f} of the rate of an empty one")


def measure_store(folder: Path, events: int, runs: list[tuple[str, list[bytes]]]) -> dict[int, float]:
    """Open a store, fill it up to a number of events, and measure each run; return the first one's rates."""
    store = open_duckdb(load_settings({"data_dir": str(folder)}, environ={}))
    store.ensure_schema()
    held = store.partitions()[0].shards[0].checkpoint + 1 if store.partitions() else 0
    for start in range(held, events, 200_000):
        store.write(make_lines(200_000, start, start))
    rates = [measure(store, label, batches) for label, batches in runs]
    store.close()
    return rates[0]


if __name__ == "__main__":
    main()
