"""The one context object: what resources, plugins and background threads share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from openmetrics.analysis import Analysis, Asking, Segment
from openmetrics.clock import Clock
from openmetrics.columns.cache import ColumnCache, Question
from openmetrics.columns.view import ColumnView
from openmetrics.http.hosts import is_loopback
from openmetrics.http.keys import Keyring
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.importer import Importer
from openmetrics.ingest.lane import ImportLane
from openmetrics.ingest.pipeline import Pipeline
from openmetrics.ingest.road import Road
from openmetrics.plugins import Loaded, list_plugins
from openmetrics.query.ranges import Moment
from openmetrics.saved import SavedKind
from openmetrics.schemas import Schemas
from openmetrics.segments import read_segment
from openmetrics.settings import Settings
from openmetrics.store.base import Store


@dataclass(slots=True)
class Server:
    """Hold the parts that `create_app` has wired. Thread-safe because every part is."""

    settings: Settings
    store: Store
    clock: Clock
    plugins: Any  # pluggy.PluginManager, which has no types
    pipeline: Pipeline
    road: Road
    identity: IdentityTable
    columns: ColumnCache
    schemas: Schemas
    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    importers: tuple[Importer, ...] = ()
    saved: dict[str, SavedKind] = field(default_factory=dict)
    """The kinds of documents that can be saved, by name."""
    find_segment: Callable[[str], Segment] = field(init=False)
    keyring: Keyring = field(init=False)
    notes: list[str] = field(default_factory=list)
    """Sentences for the operator, shown by `/health/ready`."""
    _lane: ImportLane | None = None
    closers: list[Callable[[], None]] = field(default_factory=list)
    """Called by `close`, before the store is closed."""

    def __post_init__(self) -> None:
        """Look segments and keys up in the store."""
        self.keyring = Keyring(self.store)
        self.find_segment = lambda id: read_segment(self.store, id, self.moment())

    def moment(self) -> Moment:
        """Return when and in which time zone a question is asked now."""
        return Moment(self.clock.now_ms(), str(self.settings.timezone))

    def deadline(self) -> float:
        """Return the `time.monotonic()` second at which a question asked now is given up."""
        return time.monotonic() + float(self.settings.query_timeout_s)

    def reading(self, deadline: float | None = None) -> Store:
        """Wait until everything acknowledged before now is visible, then return the store.

        Raises OpenMetricsError `preparing` or `store-unavailable` at the deadline.
        """
        self.road.barrier.wait(self.deadline() if deadline is None else deadline)
        return self.store

    def asking(self) -> Asking:
        """Return the circumstances of a question asked now."""
        deadline = self.deadline()
        find_segment = cache(self.find_segment)  # one question sees one version of each

        def read_store() -> Store:
            store = self.reading(deadline)
            self.identity.sync()
            return store

        def open_view(start_ms: int | None, end_ms: int | None) -> ColumnView:
            self.reading(deadline)
            return self.columns.view(start_ms, end_ms, Question(deadline, find_segment))

        moment = self.moment()
        return Asking(
            moment.now_ms, deadline, moment.timezone, self.identity, read_store, open_view, find_segment
        )

    def lane(self) -> ImportLane:
        """Return the way of imports, made when it is first asked for. For one thread at a time."""
        if self._lane is None:
            self._lane = ImportLane(self.settings, self.pipeline, self.road)
            self.closers.append(self._lane.close)
        return self._lane

    @property
    def needs_keys(self) -> bool:
        """Say whether requests need a key: on every address but loopback, unless `insecure` is set."""
        return not is_loopback(self.settings.host) and not self.settings.insecure

    def list_plugins(self) -> list[Loaded]:
        """Return the plugins that are loaded, in load order."""
        return list_plugins(self.plugins)

    def figures(self) -> Mapping[str, float]:
        """Return the figures of pipeline and road, for `/metrics`."""
        found: dict[str, float] = {"events_accepted_total": self.pipeline.counts["accepted"]}
        for name, count in list(self.pipeline.counts.items()):
            kind, _, reason = name.partition(":")
            if reason:
                label = "code" if kind == "rejected" else "reason"
                found[f'events_{kind}_total{{{label}="{reason}"}}'] = count
        return {**found, **self.road.figures()}

    def close(self) -> None:
        """Stop the pump, seal the spool and close the store. Idempotent."""
        while self.closers:
            self.closers.pop()()
        self.columns.close()
        self.road.close()
        self.store.close()
