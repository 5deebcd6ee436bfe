"""Take facts of imports in: durably as all others, and at a pace that leaves live events their room."""

from __future__ import annotations

import time
from collections.abc import Callable

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.pipeline import Pipeline
from openmetrics.ingest.receipt import Drafts, Origin, Receipt
from openmetrics.ingest.road import Road
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings

BACKLOG_FILES = 3
"""An import waits while it is this many sealed files ahead of the store."""
PRESSURE = 0.5
_PAUSE_S = 0.02


class ImportLane:
    """A spool of its own, which the pump empties after those of live events. For one thread at a time."""

    def __init__(self, settings: Settings, pipeline: Pipeline, road: Road) -> None:
        self.spool = Spool(settings, "import")
        self._pipeline = pipeline.beside(self.spool)
        self._live = road.spool
        self._pump = road.pump
        self._backlog_bytes = BACKLOG_FILES * int(settings.spool_file_bytes)
        self._live_acked = 0
        self._took_s = 0.0
        road.erasures.listeners.append(lambda erasure: self._pipeline.seen.forget(erasure.user_ids))
        road.pump.add(self.spool)

    def check(self, drafts: Drafts, origin: Origin) -> Receipt:
        """Return the receipt that `accept` would give, and keep nothing."""
        return self._pipeline.check(drafts, origin)

    def accept(self, drafts: Drafts, origin: Origin, is_stopped: Callable[[], bool]) -> Receipt:
        """Take drafts in once there is room; what the receipt calls accepted survives a crash.

        Raises InterruptedError where `is_stopped` says so while it waits.
        """
        self._rest(is_stopped)
        begun = time.monotonic()
        while True:
            try:
                receipt = self._pipeline.accept(drafts, origin)
                break
            except OpenMetricsError as error:
                if error.code != "buffer-full":
                    raise
                self._pause(is_stopped, 1.0)
        self._took_s = time.monotonic() - begun
        return receipt

    def wait_stored(self, is_stopped: Callable[[], bool]) -> None:
        """Return when the store holds all that was accepted. Raises InterruptedError as `accept` does."""
        self.spool.seal()
        while self.spool.folder.positions.backlog_bytes:
            self._pump.wake()
            self._pause(is_stopped, _PAUSE_S)

    def close(self) -> None:
        """Take no more; what was accepted is stored now or after the next start. Idempotent."""
        self.spool.close()

    def _rest(self, is_stopped: Callable[[], bool]) -> None:
        """Wait while the store is behind; and after live events came, as long as the last batch took."""
        acked = self._live.folder.positions.acked
        if acked != self._live_acked:
            self._live_acked = acked
            self._pause(is_stopped, self._took_s)
        while (
            self.spool.folder.positions.backlog_bytes > self._backlog_bytes
            or self.spool.pressure() > PRESSURE
        ):
            self._pause(is_stopped, _PAUSE_S)

    def _pause(self, is_stopped: Callable[[], bool], seconds: float) -> None:
        if is_stopped():
            raise InterruptedError("the import was stopped")
        time.sleep(min(seconds, 1.0))
