"""Bring spooled facts to the store, oldest first, for as long as it takes."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.dead_letters import write_letters
from openmetrics.ingest.delivery import Delivery, Door
from openmetrics.ingest.folder import LANES, Folder, SpoolFile, adopt_folders, remove_folder
from openmetrics.ingest.journal import Journal
from openmetrics.ingest.names import Names
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings
from openmetrics.store.base import Store, StoreUnavailableError

POLL_S = 0.015
_ADOPT_S = 0.25
_PRUNE_S = 10.0
_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 5.0
_BREAKS_TOGETHER = 3
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class PumpStats:
    """What a pump has done since its process began."""

    stored: int = 0
    duplicate: int = 0
    refused: int = 0
    retries: int = 0


class Pump:
    """Store the files of this process' spools and of folders whose owners died.

    One thread, which alone touches sealed files; it never drops a line and never gives up. Live folders
    go before those of imports.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        names: Names,
        on_stored: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._data_path = settings.data_path
        self._root = settings.data_path / "spool"
        self._batch_bytes = int(settings.spool_file_bytes)
        self._store = store
        self._names = names
        self.door = Door(store, names)
        self._journal = Journal(settings)
        self._spools: list[Spool] = []
        self._on_stored = on_stored
        self._adopted: list[Folder] = []
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._is_draining = False
        self._progress = threading.Condition()
        self._adopt_at = self._prune_at = 0.0
        self._attempts = self._breaks = 0
        self._thread = threading.Thread(target=self._run, name="openmetrics-pump", daemon=True)
        self.counts = PumpStats()
        self.settled = 0
        """Grows with every batch stored; see `wait_settled`."""
        self.trouble: str | None = None
        """Why the last attempt to store failed, or None."""

    def add(self, spool: Spool) -> None:
        """Store the files of this spool too."""
        spool.is_pumped = True
        self._spools.append(spool)

    def start(self) -> None:
        """Recover what dead processes left behind, then start the thread."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._adopt()
        self._thread.start()

    def wake(self) -> None:
        """Look for work at once, rather than at the next poll."""
        self._wake.set()

    def wait_settled(self, seen: int, timeout_s: float) -> None:
        """Return when `settled` is no longer `seen`, or after the timeout."""
        with self._progress:
            self._progress.wait_for(lambda: self.settled != seen, timeout_s)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Store what is there, give up after the timeout, and leave the rest to the next process.

        Close the spools first. Idempotent.
        """
        self._is_draining = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def backlog_bytes(self) -> int:
        """Return the bytes that wait in the folders that this pump looks after."""
        return sum(folder.positions.backlog_bytes for folder in self._held())

    def oldest_age_s(self) -> float:
        """Return the seconds since the oldest file with unstored lines was begun; 0 without any."""
        begun = [folder.files[0].opened_s for folder in tuple(self._adopted) if folder.files]
        begun += [at for spool in self._spools if (at := spool.oldest_opened_s()) is not None]
        return max(0.0, time.monotonic() - min(begun)) if begun else 0.0

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                has_worked = self._step()
            except Exception:
                _LOG.exception("The pump stumbled and tries again")
                self._stop.wait(1.0)
                continue
            if not has_worked:
                if self._is_draining:
                    break
                self._wake.wait(POLL_S)
        self._leave()

    def _step(self) -> bool:
        now = time.monotonic()
        if now >= self._adopt_at:
            self._adopt_at = now + _ADOPT_S
            self._keep_house()
        if now >= self._prune_at:
            self._prune_at = now + _PRUNE_S
            self._journal.prune(_now_ms())
        for spool in self._spools:
            spool.seal_if_due()
        folder = self._next_folder()
        if folder is not None:
            self._settle(folder)
        return folder is not None

    def _next_folder(self) -> Folder | None:
        held = self._held()
        for lane in LANES:
            for folder in held:
                if folder.lane == lane and folder.files:
                    return folder
        return None

    def _held(self) -> list[Folder]:
        return [*self._adopted, *(spool.folder for spool in self._spools)]

    def _keep_house(self) -> None:
        self._adopt()
        for folder in [folder for folder in self._adopted if not folder.files]:
            if not self._remove(folder):
                break
            self._adopted.remove(folder)
        if not self._names.is_loaded:
            with suppress(Exception):  # tried again in a moment; names stay new for as long
                self._names.load()

    def _adopt(self) -> None:
        for folder in adopt_folders(self._root):
            backlog = folder.positions.backlog_bytes
            _LOG.info("Adopted the spool folder %s with %d bytes to store", folder.name, backlog)
            folder.positions.is_troubled = self.trouble is not None
            self._adopted.append(folder)

    def _remove(self, folder: Folder) -> bool:
        """Remove a drained folder.

        SAFETY: refreshed before, since a lookup takes a folder that is gone for one that is visible.
        """
        try:
            self._store.refresh()
        except Exception as error:
            _LOG.warning("A drained spool folder is kept for now: %s", error)
            return False
        remove_folder(self._root, folder)
        return True

    def _settle(self, folder: Folder) -> None:
        """Store one batch, keep what was refused, then retire the files, in this order."""
        files = self._take(folder)
        delivery = self._try(b"".join(_read(file) for file in files))
        if delivery is None:
            return
        if delivery.letters:
            name = f"{folder.name}-{files[0].path.stem}"
            write_letters(self._data_path, name, delivery.letters, _now_ms())
        folder.positions.stored = files[-1].end
        self._announce(delivery)
        for file in files:
            self._journal.keep(file, _now_ms())
            folder.files.popleft()

    def _take(self, folder: Folder) -> list[SpoolFile]:
        """Return the oldest files that make one write, since many small writes cost more."""
        taken: list[SpoolFile] = []
        size = 0
        for file in tuple(folder.files):
            size += file.size
            if taken and size > self._batch_bytes:
                break
            taken.append(file)
        return taken

    def _try(self, lines: bytes) -> Delivery | None:
        """Store lines once; on a failure wait a little and return None."""
        try:
            if self._breaks < _BREAKS_TOGETHER:
                delivery = self.door.deliver(lines)
            else:
                delivery = self.door.deliver_apart(lines)
        except Exception as error:
            self._note_failure(error)
            delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(self._attempts, 10))
            self._stop.wait(random.uniform(0, delay_s))
            return None
        if self.trouble is not None:
            _LOG.warning("The store takes events again, after %d attempts", self._attempts)
        self._attempts = self._breaks = 0
        self._set_trouble(None)
        return delivery

    def _note_failure(self, error: Exception) -> None:
        is_break = not isinstance(error, StoreUnavailableError)
        self._attempts += 1
        self._breaks += is_break
        self.counts.retries += 1
        self._set_trouble(error.detail if isinstance(error, OpenMetricsError) else "The store fails.")
        if self._attempts & (self._attempts - 1) == 0:  # 1, 2, 4, ... or the log of an hour would be long
            level = logging.ERROR if is_break else logging.WARNING
            _LOG.log(
                level, "Events wait in the spool, attempt %d: %s", self._attempts, error, exc_info=is_break
            )

    def _set_trouble(self, trouble: str | None) -> None:
        self.trouble = trouble
        for folder in self._held():
            folder.positions.is_troubled = trouble is not None

    def _announce(self, delivery: Delivery) -> None:
        self.counts.stored += delivery.stored
        self.counts.duplicate += delivery.duplicate
        self.counts.refused += len(delivery.letters)
        with self._progress:
            self.settled += 1
            self._progress.notify_all()
        if self._on_stored is not None:
            try:
                self._on_stored(delivery)
            except Exception:
                _LOG.exception("A listener failed; the events are stored")

    def _leave(self) -> None:
        """Remove what is drained and release the rest."""
        for folder in self._held():
            is_drained = not folder.files and folder.positions.backlog_bytes == 0
            if not (is_drained and self._remove(folder)):
                folder.release()


def _read(file: SpoolFile) -> bytes:
    with file.path.open("rb") as content:
        return content.read(file.size)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
