"""How much of a bare application's speed is left when events are checked, normalised and made durable?

Runs a bare Falcon application (see `bare.py`) and OpenMetrics side by side on the same HTTP server, first
gunicorn, then granian, and prints answers a second and their ratios for single events, pixel hits and
batches of 1,000. The load comes from this process, on the same cores.

    python -m benchmarks.ingest [--seconds 5] [--servers gunicorn,granian]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from benchmarks.load import Load, get, post, run_load
from openmetrics.testing.process import find_free_port

CONNECTIONS = 32


def make_event(number: int, rng: random.Random) -> dict[str, object]:
    """Return an event with ten properties of which some repeat and some do not.

    It has no id of its own: the requests are sent again and again, and each time it is a new event.
    """
    return {
        "name": rng.choice(("view", "click", "buy", "search")),
        "time": int(time.time() * 1000), "session_id": f"s{rng.randrange(10_000)}",
        "properties": {
            "plan": rng.choice(("free", "pro", "team")), "country": rng.choice(("de", "fr", "us", "jp")),
            "device": rng.choice(("ios", "android", "web")), "amount": round(rng.random() * 100, 2),
            "items": rng.randrange(10), "page": f"/products/{rng.randrange(500)}", "new": rng.random() < 0.3,
            "referrer": f"https://example.org/{number}", "campaign": rng.choice(("a", "b")),
            "step": number % 5,
        },
    }  # fmt: skip


def make_requests() -> dict[str, list[bytes]]:
    """Return the scenarios with their prepared requests."""
    rng = random.Random(7)
    events = [make_event(number, rng) for number in range(5_000)]
    batches = [events[at : at + 1_000] for at in range(0, 5_000, 1_000)]
    return {
        "single events": [post("/v1/collect", orjson.dumps(event)) for event in events],
        "pixel hits": [
            get(f"/t.gif?type=view&tags=plan:pro,page:{number}&userId=u{number % 97}&_={number}")
            for number in range(5_000)
        ],
        "batches of 1,000": [post("/v1/collect", orjson.dumps(batch)) for batch in batches],
    }


@contextmanager
def serving(server: str, factory: str) -> Iterator[int]:
    """Run a factory under an HTTP server with one worker and 32 threads; give its port."""
    port = find_free_port()
    with tempfile.TemporaryDirectory(prefix="openmetrics-bench-") as folder:
        environ = {**os.environ, "OPENMETRICS_DATA_DIR": folder, "OPENMETRICS_PORT": str(port)}
        environ |= {
            "OPENMETRICS_THREADS": "32",
            "OPENMETRICS_JOURNAL_DAYS": "0",
            "OPENMETRICS_ACCESS_LOG": "0",
        }
        if server == "granian":
            command = [
                "granian", "--interface", "wsgi", "--factory", factory, "--port", str(port), "--workers", "1",
                "--blocking-threads", "32", "--backpressure", "128", "--no-ws", "--log-level", "warning",
            ]  # fmt: skip
        else:
            config = Path(__file__).parent.parent / "config" / "gunicorn.conf.py"
            command = ["gunicorn", "--config", str(config), f"{factory}()"]
        process = subprocess.Popen([sys.executable, "-m", *command], env=environ, start_new_session=True)
        try:
            wait_for(port)
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int) -> None:
    """Return when the server answers."""
    for _ in range(400):
        try:
            run_load(port, [post("/v1/collect", b'{"name": "warm"}')], 1, 0.2)
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


def measure(server: str, factory: str, seconds: float) -> dict[str, Load]:
    """Run all scenarios against one application."""
    with serving(server, factory) as port:
        found = {}
        for name, requests in make_requests().items():
            run_load(port, requests, CONNECTIONS, 0.5)
            found[name] = run_load(port, requests, 4 if "batch" in name else CONNECTIONS, seconds)
            if found[name].failures:
                raise RuntimeError(f"{found[name].failures} of {found[name].answers} answers were failures")
        return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--servers", default="gunicorn,granian")
    options = parser.parse_args()
    subprocess.run([sys.executable, "-m", "openmetrics.compiling"], check=True)
    print(f"{os.cpu_count()} cores, {CONNECTIONS} connections, {options.seconds} s each")
    for server in options.servers.split(","):
        bare = measure(server, "benchmarks.bare:build_app", options.seconds)
        ours = measure(server, "openmetrics.wsgi:build_app", options.seconds)
        for name in bare:
            ratio = ours[name].rate / bare[name].rate
            figures = f"bare {bare[name].rate:8.0f}/s  ours {ours[name].rate:8.0f}/s"
            print(f"{server:9} {name:17} {figures}  {ratio:.2f}")


if __name__ == "__main__":
    main()
