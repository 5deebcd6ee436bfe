"""Fill a server with the clicks of a web shop, check what it answers, and say what to look at.

The 31,106 events of 600 users come in the package retentioneering from PyPI (its data set `ecom`). Without
`--url` a server is started on a fresh store, and ended with Ctrl-C (or at once, with `--once`).

    python -m benchmarks.demo [--url URL] [--key KEY] [--port 8080] [--once]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.demo_figures import FUNNEL, RETENTION, find_difference
from openmetrics.testing.process import ServerProcess
from openmetrics_plugins.funnel import render_funnel
from openmetrics_plugins.retention import render_retention

PACKAGE = "retentioneering==5.2.4"
CACHE = Path(".cache") / "demo"
EVENTS, USERS = 31_106, 600
BATCH = 1_000
PAUSE_S = 5.0
PROPERTIES = ("platform", "acquisition_channel", "user_cohort", "user_lifecycle")


def fetch_rows() -> list[dict[str, str]]:
    """Return the rows of the data set; the wheel is fetched once. Raises SystemExit where it cannot be."""
    if not list(CACHE.glob("retentioneering-*.whl")):
        print(f"fetching {PACKAGE} ...")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(CACHE),
            PACKAGE,
        ]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"{PACKAGE} cannot be fetched from PyPI; the demo needs its data set")
    [wheel] = CACHE.glob("retentioneering-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read("retentioneering/datasets/ecom.csv.gz")).decode()
    return list(csv.DictReader(io.StringIO(text)))


def to_event(number: int, row: dict[str, str]) -> dict[str, Any]:
    """Turn a row into an event; its id makes sending it again harmless."""
    return {
        "event_id": f"ecom-{number:05}",
        "name": row["event"],
        "time": row["timestamp"].replace(" ", "T") + "Z",
        "user_id": row["user_id"],
        "session_id": row["session_id"],
        "properties": {name: row[name] for name in PROPERTIES},
        "source": "demo",
    }


class Client:
    """Speak to a server over HTTP."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def read(self, path: str, body: bytes | None = None) -> bytes:
        """Return the body of an answer, of a POST where `body` is given."""
        request = urllib.request.Request(f"{self.url}{path}", body, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            problem = error.read().decode()
            if '"preparing"' not in problem:
                sys.exit(f"{path} is refused: {problem}")
        except OSError as error:
            sys.exit(f"{self.url} cannot be reached: {error}")
        print("the server prepares the answer, once after it was installed ...", flush=True)
        time.sleep(PAUSE_S)
        return self.read(path, body)

    def ask(self, path: str, content: Any = None) -> Any:
        """Return the JSON of an answer, of a POST where `content` is given."""
        body = None if content is None else gzip.compress(json.dumps(content).encode(), 1)
        return json.loads(self.read(path, body))


def send(client: Client, events: list[dict[str, Any]]) -> None:
    """Send all events in batches, showing how far it is. Raises SystemExit if one is refused."""
    begun = time.monotonic()
    for start in range(0, len(events), BATCH):
        receipt = client.ask("/v1/collect", events[start : start + BATCH])
        if receipt["rejected"]:
            sys.exit(f"refused: {receipt['rejected'][0]}")
        done = min(start + BATCH, len(events))
        bar = "█" * (done * 40 // len(events))
        print(f"\r{bar:40} {done:6,} of {len(events):,} events", end="", flush=True)
    print(f" in {time.monotonic() - begun:.1f} s")


def count_users(client: Client) -> int:
    """Page through all users."""
    count, path = 0, "/v1/users?page_size=1000"
    while True:
        page = client.ask(path)
        count += len(page["users"])
        if page["next"] is None:
            return count
        path = f"/v1/users?page_size=1000&cursor={page['next']}"


def verify(client: Client) -> None:
    """Ask for the figures and compare them with the data set's. Raises SystemExit where they differ."""
    events = client.ask("/v1/catalog/events?limit=1000")["events"]
    found = (sum(row["count"] for row in events), count_users(client))
    if found != (EVENTS, USERS):
        sys.exit(f"the server answers {found[0]:,} events of {found[1]:,} users, not {EVENTS:,} of {USERS:,}")
    print(f"the server answers {found[0]:,} events of {found[1]:,} users, as it should\n")
    for row in events[:5]:
        print(f"  {row['count']:6,}  {row['name']}")


def verify_answers(client: Client, rows: list[dict[str, str]]) -> None:
    """Ask for a funnel and for retention; compare with plain SQL. Raises SystemExit where they differ."""
    funnel = client.ask("/v1/analyses/funnel", FUNNEL)
    retention = client.ask("/v1/analyses/retention", RETENTION)
    if difference := find_difference(rows, funnel, retention):
        sys.exit(difference)
    del funnel["groups"]
    print("\nfrom looking to buying within a day, as plain SQL counts it:\n")
    print(render_funnel(funnel))
    retention["cohorts"] = retention["cohorts"][-8:]
    print("who viewed products in a week and bought so many weeks later, as plain SQL counts it:\n")
    print(render_retention(retention))


def show_addresses(client: Client) -> None:
    """Say what to look at, once it was seen to be there."""
    spring = "startDate=2024-03-01&endDate=2024-05-31"
    rows = {
        "welcome page": "/",
        "all events with counts": "/v1/catalog/events",
        "channels that users come from": "/v1/catalog/values?property=props.acquisition_channel",
        "what one user did": "/v1/users/user_0203/timeline",
        "from looking to buying": f"/v1/analyses/funnel?q={quote(json.dumps(FUNNEL))}",
        "purchases as a line": "/embed?type=purchase&last=0",
        "product views by platform": f"/api/report/groupby?type=product_view&groupby=platform&{spring}",
        "our own figures": "/metrics",
    }
    print()
    for what, path in rows.items():
        client.read(path)
        print(f"  {what:30} {client.url}{path}")


@contextmanager
def open_server(port: int) -> Iterator[str]:
    """Run a server on a fresh store."""
    with tempfile.TemporaryDirectory(prefix="openmetrics-demo-") as folder:
        process = ServerProcess(Path(folder) / "data", port, {"access_log": "false"})
        process.start()
        try:
            yield process.url
        finally:
            process.stop()


def run(client: Client) -> None:
    """Fill, verify, show."""
    rows = fetch_rows()
    send(client, [to_event(number, row) for number, row in enumerate(rows, 1)])
    verify(client)
    verify_answers(client, rows)
    show_addresses(client)


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", help="a running server, instead of one of its own")
    parser.add_argument("--key", default="", help="an admin key, where the server asks for keys")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--once", action="store_true", help="end when the figures were checked")
    given = parser.parse_args()
    if given.url:
        run(Client(given.url, given.key))
        return
    with open_server(given.port) as url:
        run(Client(url))
        if not given.once:
            print("\nCtrl-C ends the server; its data is gone then.")
            with suppress(KeyboardInterrupt):
                signal.pause()


if __name__ == "__main__":
    main()
