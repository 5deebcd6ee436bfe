"""Does the pump's way to Elasticsearch cost anything beside the cluster's own work?

The same events are stored twice, in alternating portions: by `Store.write` from spool lines, and by the
bare client's `bulk` from ready-made bytes. The ratio of the two rates should be at least 0.9.

Run: python -m benchmarks.elastic_write [events]. A server is started unless
OPENMETRICS_TEST_ELASTICSEARCH names one.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
import uuid

import orjson
from elasticsearch import Elasticsearch

from openmetrics.ingest.event import Event, period_of
from openmetrics.ingest.line import event_line
from openmetrics.settings import load_settings
from openmetrics.store.elastic import ENGINE
from openmetrics.testing.elasticsearch import remove_project, start_elasticsearch

PORTION = 6_000
START_MS = 1_793_491_200_000  # 2026-11-01


def make_lines(count: int) -> list[bytes]:
    """Make events as a web client sends them: five properties, a page, a session, half with a user."""
    chance = random.Random(7)
    return [_make_line(number, chance) for number in range(count)]


def _make_line(number: int, chance: random.Random) -> bytes:
    user = chance.randrange(20_000)
    event = Event(
        event_id=f"{number:016x}{chance.getrandbits(64):016x}",
        time_ms=START_MS + chance.randrange(28 * 86_400_000),
        received_ms=START_MS + number,
        name=chance.choice(("page", "page", "page", "search", "add", "buy")),
        user_id=f"user-{user}" if user % 2 else None,
        session_id=f"session-{user}-{number % 5}",
        properties={
            "path": f"/products/{chance.randrange(2_000)}",
            "plan": chance.choice(("free", "pro", "team")),
            "price": chance.randrange(10_000) / 100,
            "country": chance.choice(("DE", "FR", "US", "JP")),
            "is_new": chance.random() < 0.2,
        },
        context={"page": {"url": f"https://example.org/products/{user}"}, "locale": "de-DE"},
        source="web",
    )
    return event_line(event)


def measure(url: str, count: int) -> None:
    """Store all events both ways and print the rates."""
    given = {"elasticsearch_url": url, "elasticsearch_index_prefix": f"bench-{uuid.uuid4().hex[:8]}"}
    ours, bare = given, {**given, "elasticsearch_index_prefix": f"{given['elasticsearch_index_prefix']}b"}
    stores = [ENGINE.open(load_settings(settings, environ={})) for settings in (ours, bare)]
    client = Elasticsearch(url, request_timeout=60)
    spent: dict[str, list[float]] = {"Store.write": [], "client.bulk": []}
    lines = make_lines(count)
    try:
        for store in stores:
            store.ensure_schema()
            store.write(lines[0])
        for first in range(0, count, PORTION):
            portion = lines[first : first + PORTION]
            index = f"{bare['elasticsearch_index_prefix']}-events-{period_of(START_MS)}"
            batch, ready = b"".join(portion), make_actions(portion, index)
            ways = [
                ("Store.write", lambda batch=batch: stores[0].write(batch)),
                ("client.bulk", lambda ready=ready: client.bulk(operations=ready)),
            ]
            for name, way in ways if first // PORTION % 2 else reversed(ways):
                begin = time.perf_counter()
                way()
                spent[name].append(time.perf_counter() - begin)
        for name, seconds in spent.items():
            print(f"{name}: {count / sum(seconds):,.0f} events/s")
        ratios = [bare / ours for ours, bare in zip(*spent.values(), strict=True)]
        print(f"ratio: {statistics.median(ratios):.3f} (median of {len(ratios)} portions)")
    finally:
        client.close()
        for settings in (ours, bare):
            remove_project(url, settings["elasticsearch_index_prefix"])


def make_actions(lines: list[bytes], index: str) -> bytes:
    """Make the body of a bulk request."""
    head = b'{"create":{"_index":"' + index.encode() + b'","_id":'
    return b"".join(head + orjson.dumps(orjson.loads(line)["id"]) + b"}}\n" + line for line in lines)


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    measure(os.environ.get("OPENMETRICS_TEST_ELASTICSEARCH") or start_elasticsearch().url, wanted)
