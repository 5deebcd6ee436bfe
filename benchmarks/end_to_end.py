"""What share of Elasticsearch's own speed is left from the client's first byte to a visible event?

The same events are stored twice, one after the other on the same cluster and cores: by the bare client's
`bulk` from ready-made bytes, refresh included, and by `POST /v1/collect` in batches of 1,000 to a started
server, until its catalog counts them all. The ratio of the rates should be at least 0.5.

    python -m benchmarks.end_to_end [events] [gunicorn|granian]

A cluster is started unless OPENMETRICS_TEST_ELASTICSEARCH names one.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import urllib.request
import uuid

import orjson
from elasticsearch import Elasticsearch

from benchmarks.elastic_write import make_actions
from benchmarks.ingest import make_event
from benchmarks.load import post, run_load
from openmetrics.ingest.event import period_of
from openmetrics.ingest.line import event_line
from openmetrics.ingest.normalise import normalise
from openmetrics.ingest.receipt import Origin
from openmetrics.settings import load_settings
from openmetrics.store.elastic import ENGINE
from openmetrics.testing.elasticsearch import remove_project, start_elasticsearch
from openmetrics.testing.process import server

BATCH = 1_000
BULK = 16_000


def measure_bare(url: str, prefix: str, count: int) -> float:
    """Store ready-made bytes by `client.bulk`; return events a second until they are visible."""
    rng = random.Random(7)
    now_ms = int(time.time() * 1000)
    store = ENGINE.open(load_settings({"elasticsearch_url": url, "elasticsearch_index_prefix": prefix}, {}))
    store.ensure_schema()
    events = [normalise(make_event(n, rng), Origin(now_ms), uuid.uuid4().hex) for n in range(count)]
    lines = [event_line(event) for event in events]
    store.write(lines[0])
    index = f"{prefix}-events-{period_of(now_ms)}"
    ready = [make_actions(lines[at : at + BULK], index) for at in range(0, count, BULK)]
    client = Elasticsearch(url, request_timeout=60)
    begin = time.perf_counter()
    for body in ready:
        client.bulk(operations=body)
    client.indices.refresh(index=index)
    rate = count / (time.perf_counter() - begin)
    client.close()
    return rate


def measure_whole(url: str, prefix: str, count: int, name: str) -> float:
    """Send batches to a started server; return events a second until its catalog counts them."""
    rng = random.Random(7)
    batches = [
        post("/v1/collect", orjson.dumps([make_event(n, rng) for n in range(at, at + BATCH)]))
        for at in range(0, count, BATCH)
    ]
    given = {"store": "elasticsearch", "elasticsearch_url": url, "elasticsearch_index_prefix": prefix}
    with server(server=name, access_log="0", threads="8", **given) as process:
        begin = time.perf_counter()
        load = run_load(process.port, batches, 4, 3_600, len(batches))
        accepted = time.perf_counter() - begin
        if load.failures:
            raise RuntimeError(f"{load.failures} batches were refused")
        while count_visible(process.url) < count:
            time.sleep(0.05)
        visible = time.perf_counter() - begin
    print(f"whole way: acknowledged after {accepted:.1f} s, visible after {visible:.1f} s")
    return count / visible


def count_visible(url: str) -> int:
    """Ask the catalog how many events there are."""
    with urllib.request.urlopen(f"{url}/v1/catalog/events", timeout=60) as answer:
        return sum(row["count"] for row in json.load(answer)["events"])


def main() -> None:
    """Measure both and print the ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    name = sys.argv[2] if len(sys.argv) > 2 else "gunicorn"
    url = os.environ.get("OPENMETRICS_TEST_ELASTICSEARCH") or start_elasticsearch().url
    prefixes = [f"bench-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    measure_bare(url, prefixes[0], min(count, 50_000))  # the cluster's own warming up
    bare = measure_bare(url, prefixes[1], count)
    whole = measure_whole(url, prefixes[2], count, name)
    print(f"client.bulk {bare:,.0f} events/s, whole way {whole:,.0f} events/s, ratio {whole / bare:.2f}")
    for prefix in prefixes:
        remove_project(url, prefix)


if __name__ == "__main__":
    main()
