"""Our own figures, in the Prometheus text format at `/metrics`.

Every worker process leaves its page in the data folder every few seconds; whoever is asked adds the pages of
the others that still run to its own.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

EVERY_S = 2.0
NOT_ADDED = (
    "openmetrics_start_time_seconds",
    "openmetrics_property_names_indexed",
    "openmetrics_spool_oldest_seconds",
    "openmetrics_erasures_known",
    "openmetrics_erasures_applied",
    "openmetrics_identity_crowded_sessions",
    "openmetrics_identity_crowded_users",
)
"""Gauges of which several workers show the greatest, not the sum."""
BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 30)


class Telemetry:
    """Count requests, and read the figures that other parts keep when somebody asks."""

    def __init__(self, folder: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._counts = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._sources: list[Callable[[], Mapping[str, float]]] = []
        self._folder = folder
        self._is_over = threading.Event()
        self.registry.register(_Figures(self._sources, self._describe_requests))

    def count_request(self, route: str, status: str, took_s: float) -> None:
        """Count one request. PERF: 1 µs; a Counter and a Histogram of the library take 8."""
        with self._lock:
            self._requests[route, status] += 1
            self._counts[bisect_left(BUCKETS, took_s)] += 1
            self._seconds += took_s

    def _describe_requests(self) -> Iterable[Metric]:
        with self._lock:
            requests, counts, seconds = dict(self._requests), list(self._counts), self._seconds
        by_route = CounterMetricFamily(
            "openmetrics_http_requests", "Requests by route and status.", labels=["route", "status"]
        )
        for labels, count in sorted(requests.items()):
            by_route.add_metric(labels, count)
        limits = [*(str(float(limit)) for limit in BUCKETS), "+Inf"]
        buckets = list(zip(limits, accumulate(counts), strict=True))
        took = HistogramMetricFamily("openmetrics_http_request_seconds", "Time to the answer's first byte.")
        took.add_metric([], [(limit, float(count)) for limit, count in buckets], seconds)
        return by_route, took

    def add_source(self, source: Callable[[], Mapping[str, float]]) -> None:
        """Show the figures that `source()` gives; names ending in `_total` are counters.

        A label is written into the name: `events_rejected_total{code="schema-violation"}`.
        """
        self._sources.append(source)

    def share(self, every_s: float = EVERY_S) -> None:
        """Leave this process' page for others, again and again, until `close`."""
        threading.Thread(target=self._share, args=(every_s,), name="openmetrics-figures", daemon=True).start()

    def close(self) -> None:
        """Stop sharing. Idempotent."""
        self._is_over.set()

    def render(self) -> bytes:
        """Return the page: this process' figures and those of its sisters."""
        own = generate_latest(self.registry)
        others = list(self._read_others()) if self._folder else []
        return _add_pages([own.decode(), *others]) if others else own

    def _share(self, every_s: float) -> None:
        assert self._folder
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}.prom"
        while not self._is_over.wait(every_s):
            draft = path.with_suffix(".tmp")
            draft.write_bytes(generate_latest(self.registry))
            draft.rename(path)
        path.unlink(missing_ok=True)

    def _read_others(self) -> Iterator[str]:
        assert self._folder
        for path in self._folder.glob("*.prom"):
            if path.stem == str(os.getpid()):
                continue
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > 10 * EVERY_S:
                    path.unlink()
                    continue
                yield path.read_text()


def _add_pages(pages: list[str]) -> bytes:
    families: dict[str, Metric] = {}
    for page in pages:
        for family in text_string_to_metric_families(page):
            known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            known.samples = _add_samples(known, family)
    return generate_latest(_Fixed(families.values()))


def _add_samples(known: Metric, more: Metric) -> list[Any]:
    figures = {(sample.name, tuple(sample.labels.items())): sample for sample in known.samples}
    for sample in more.samples:
        key = (sample.name, tuple(sample.labels.items()))
        before = figures[key].value if key in figures else 0.0
        value = max(before, sample.value) if more.name in NOT_ADDED else before + sample.value
        figures[key] = sample._replace(value=value)
    return list(figures.values())


class _Fixed:
    """Give ready families to the renderer, which asks a registry for them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class _Figures:
    """Turn the figures of all sources into metric families at the time of asking."""

    def __init__(
        self, sources: list[Callable[[], Mapping[str, float]]], requests: Callable[[], Iterable[Metric]]
    ) -> None:
        self._sources = sources
        self._requests = requests
        self._started = time.time()

    def collect(self) -> Iterable[Metric]:
        """Yield a family for each name."""
        families: dict[str, Metric] = {}
        uptime = GaugeMetricFamily("openmetrics_start_time_seconds", "When this process began.")
        uptime.add_metric([], self._started)
        yield uptime
        yield from self._requests()
        for source in self._sources:
            for full_name, figure in source().items():
                name, _, label = full_name.partition("{")
                key, _, text = label.rstrip("}").partition("=")
                labels = [key] if key else []
                family = families.get(name)
                if family is None:
                    make = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                    help = name.removesuffix("_total").replace("_", " ").capitalize() + "."
                    family = families[name] = make(f"openmetrics_{name}", help, labels=labels)
                family.add_metric([text.strip('"')] if key else [], figure)  # type: ignore[attr-defined]
        yield from families.values()

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead: the families depend on what happened."""
        return ()
