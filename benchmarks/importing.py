"""How fast do files come in and go out, against events that are sent in batches, and in how much memory?

Starts one server for each figure, on DuckDB: batches of 1,000 events by HTTP as fast as they are taken; then
the same events as NDJSON, CSV and Parquet through `POST /v1/import`, with and without the check before; then
the export of what is there. Prints events/s and the largest memory of the server.

    python -m benchmarks.importing [--events 1000000]
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pyarrow
from pyarrow import parquet

from benchmarks.ingest import make_event
from benchmarks.load import post, run_load
from openmetrics.testing.process import ServerProcess, find_free_port

DAY_MS = 86_400_000
BEGIN_MS = 1_709_251_200_000  # 2024-03-01


def make_events(count: int) -> Iterator[dict[str, Any]]:
    """Yield events of 90 days, in the order of their times."""
    rng = random.Random(3)
    for number in range(count):
        event = make_event(number, rng)
        yield {**event, "time": BEGIN_MS + number * 90 * DAY_MS // count}


def write_files(folder: Path, count: int) -> None:
    """Write the same events in three forms."""
    columns = ("time", "name", "session_id", *make_event(0, random.Random(1))["properties"])  # type: ignore[misc]
    writer = None
    with (folder / "a.ndjson").open("wb") as lines, (folder / "a.csv").open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(columns)
        batch: list[dict[str, Any]] = []
        for event in make_events(count):
            lines.write(orjson.dumps(event) + b"\n")
            flat = {**event, **event["properties"]}
            rows.writerow([flat[name] for name in columns])
            batch.append({name: flat[name] for name in columns})
            if len(batch) == 50_000:
                writer = _write_rows(writer, folder, batch)
    if batch:
        writer = _write_rows(writer, folder, batch)
    assert writer is not None
    writer.close()


def _write_rows(writer: Any, folder: Path, batch: list[dict[str, Any]]) -> Any:
    content = pyarrow.Table.from_pylist(batch)
    writer = writer or parquet.ParquetWriter(folder / "a.parquet", content.schema)
    writer.write_table(content)
    batch.clear()
    return writer


class Memory:
    """Watch the largest resident memory of a server and its workers."""

    def __init__(self, pid: int) -> None:
        self._pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        self.largest_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            sizes = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids]
            self.largest_mb = max(self.largest_mb, sum(sizes) * 4096 / 1e6)

    def stop(self) -> float:
        """Return the largest memory seen."""
        self._stop.set()
        self._thread.join()
        return self.largest_mb


@contextmanager
def serving(folder: Path) -> Iterator[ServerProcess]:
    """Run a server that may read the folder's files."""
    with tempfile.TemporaryDirectory(prefix="openmetrics-bench-") as data:
        settings = {"importer_folder": str(folder), "access_log": "false", "journal_days": "0"}
        process = ServerProcess(Path(data) / "data", find_free_port(), settings)
        process.start()
        try:
            yield process
        finally:
            process.stop()


def ask(port: int, method: str, path: str) -> dict[str, Any]:
    """Ask a server."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, path)
    content = json.loads(connection.getresponse().read())
    connection.close()
    return content  # type: ignore[no-any-return]


def measure_batches(folder: Path, seconds: float = 6.0) -> float:
    """Return the events/s that are acknowledged when they are sent in batches."""
    rng = random.Random(7)
    batches = [
        post("/v1/collect", orjson.dumps([make_event(n, rng) for n in range(1_000)])) for _ in range(10)
    ]
    with serving(folder) as process:
        run_load(process.port, batches, 2, 1.0)
        return 1_000 * run_load(process.port, batches, 2, seconds).rate


def import_file(process: ServerProcess, name: str, on_error: str, count: int) -> tuple[float, float]:
    """Import a file and return the events/s until all are durable, and until all are stored."""
    begun = time.monotonic()
    job = ask(process.port, "POST", f"/v1/import?{urlencode({'path': name, 'on_error': on_error})}")
    durable = 0.0
    while (shown := ask(process.port, "GET", f"/v1/import/{job['job']}"))["state"] != "done":
        assert shown["state"] != "failed", shown
        if shown["state"] == "storing" and not durable:
            durable = time.monotonic() - begun
        time.sleep(0.05)
    assert (shown["accepted"], shown["refused"]) == (count, 0), shown
    stored = time.monotonic() - begun
    return count / (durable or stored), count / stored


def export_all(process: ServerProcess, query: str, count: int) -> float:
    """Export all events and return the events/s."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=600)
    connection.request("GET", f"/v1/export?kinds=events{query}")
    answer = connection.getresponse()
    size = 0
    while chunk := answer.read(1 << 20):
        size += len(chunk)
    assert size > 10 * count  # Parquet packs an event into some 45 bytes
    return count / (time.monotonic() - begun)


def measure_file(folder: Path, form: str, on_error: str, count: int, plain: float) -> None:
    """Import a file into a server of its own; export all of it again where it is the one of lines."""
    with serving(folder) as process:
        memory = Memory(process.pid)
        durable, stored = import_file(process, f"a.{form}", on_error, count)
        shown = f"durable {durable:9,.0f}/s ({durable / plain:.2f})  stored {stored:9,.0f}/s"
        print(f"import {form:7} {on_error}  {shown}  {memory.stop():5.0f} MB")
        for query in ("", "&format=csv", "&format=parquet") if form == "ndjson" else ():
            memory = Memory(process.pid)
            rate = export_all(process, query, count)
            print(f"export {query or 'ndjson':15} {rate:9,.0f} events/s  {memory.stop():5.0f} MB")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    count = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="openmetrics-bench-") as name:
        folder = Path(name)
        write_files(folder, count)
        plain = measure_batches(folder)
        print(f"batches of 1,000      {plain:9,.0f} events/s")
        for form, on_error in (("csv", "skip"), ("parquet", "skip"), ("ndjson", "skip"), ("csv", "stop")):
            measure_file(folder, form, on_error, count, plain)


if __name__ == "__main__":
    main()
