"""Join spool, names, pump and barrier: everything between an accepted line and a visible fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.barrier import Barrier
from openmetrics.ingest.delivery import Delivery
from openmetrics.ingest.eraser import Eraser
from openmetrics.ingest.names import Names
from openmetrics.ingest.pump import Pump
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings
from openmetrics.store.base import Store


class Road:
    """One process' way from `append` to the store. Make it after forking."""

    def __init__(
        self, settings: Settings, store: Store, on_stored: Callable[[Delivery], None] | None = None
    ) -> None:
        self.names = Names(store, int(settings.max_property_names))
        self.pump = Pump(settings, store, self.names, on_stored)
        self.spool = Spool(settings)
        self.pump.add(self.spool)
        self.pump.start()
        self.barrier = Barrier(settings, store, self.pump)
        self.erasures = self.pump.door.erasures
        self.eraser = Eraser(settings.data_path, store, self.erasures)
        self.eraser.start()
        # NOTE: without the store the pump loads them as soon as it is back; events are taken until then.
        with suppress(OpenMetricsError):
            self.names.load()

    def figures(self) -> Mapping[str, float]:
        """Return the figures of `/metrics`."""
        spool, pump = self.spool.stats(), self.pump.counts
        return {
            "spool_appended_lines_total": spool.appended_lines,
            "spool_appended_bytes_total": spool.appended_bytes,
            "spool_fsyncs_total": spool.fsyncs,
            "spool_failures_total": spool.failures,
            "spool_backlog_bytes": self.pump.backlog_bytes(),
            "spool_oldest_seconds": self.pump.oldest_age_s(),
            "store_facts_stored_total": pump.stored,
            "store_facts_duplicate_total": pump.duplicate,
            "store_facts_refused_total": pump.refused,
            "store_retries_total": pump.retries,
            "property_names_indexed": len(self.names.known),
            "property_names_refused": len(self.names.refused),
            "property_names_events_refused_total": self.names.events_refused,
            **self.eraser.figures(),
        }

    def close(self) -> None:
        """Seal the spool, store what is there, and leave the rest to the next process. Idempotent."""
        self.eraser.close()
        self.spool.close()
        self.pump.stop()
