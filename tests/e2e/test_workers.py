"""Several worker processes of one server are one server: for lookups and for figures."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

import pytest

from openmetrics.testing.process import server

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow]


def ask(url: str, body: Any = None) -> bytes:
    """Send one request on a connection of its own, so that any worker may take it."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as answer:
        content: bytes = answer.read()
        return content


def count(url: str) -> int:
    return sum(row["count"] for row in json.loads(ask(f"{url}/v1/catalog/events"))["events"])


def test_lookup_on_any_worker_sees_every_event_acknowledged_before(
    elasticsearch_url: str, index_prefix: str
) -> None:
    given = {"elasticsearch_url": elasticsearch_url, "elasticsearch_index_prefix": index_prefix}
    with server(store="elasticsearch", workers="3", **given) as process:
        acknowledged = [0, 0, 0]

        def send(number: int) -> None:
            for _ in range(20):
                ask(f"{process.url}/v1/collect", {"name": "a", "session_id": f"s{number}"})
                acknowledged[number] += 1

        threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            before = sum(acknowledged)
            assert count(process.url) >= before
        for thread in threads:
            thread.join()
        assert {count(process.url) for _ in range(6)} == {60}
        deadline = time.monotonic() + 30
        figure = ""
        while figure != "60.0" and time.monotonic() < deadline:
            page = ask(f"{process.url}/metrics").decode()
            figure = page.partition("\nopenmetrics_events_accepted_total ")[2].partition("\n")[0]
            time.sleep(0.5)
        assert figure == "60.0", "one page adds up what all workers took"
