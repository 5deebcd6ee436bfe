"""Append and store until something kills this process: run by `test_road.py`, never imported.

Arguments: data folder, engine (`module:ENGINE`), round, and the point at which to die with how many times
it is passed before, as `after-store:3`. `drain:0` appends nothing and ends when all is stored.
Each id is written to standard output once `append` has returned.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from openmetrics.ingest.event import Event
from openmetrics.ingest.folder import SpoolFile
from openmetrics.ingest.journal import Journal
from openmetrics.ingest.line import event_line
from openmetrics.ingest.names import Names
from openmetrics.ingest.pump import Pump
from openmetrics.ingest.spool import Disk, Spool
from openmetrics.settings import load_settings
from openmetrics.store.base import ControlDocument, WriteReport

THREADS = 6


class Death:
    """Kill the process at the named point, after it was passed so many times."""

    def __init__(self, point: str, passes: int) -> None:
        self._point = point
        self._passes = passes

    def at(self, point: str) -> None:
        """Die here, if this is the point and its time has come."""
        if point == self._point:
            self._passes -= 1
            if self._passes < 0:
                os.write(2, f"died at {point}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)


class DyingDisk(Disk):
    """A real disk with points to die at."""

    def __init__(self, death: Death) -> None:
        self._death = death

    def write(self, fd: int, content: bytes) -> None:
        """Write in two halves."""
        self._death.at("before-write")
        middle = len(content) // 2
        super().write(fd, content[:middle])
        self._death.at("torn-write")
        super().write(fd, content[middle:])
        self._death.at("before-sync")

    def sync(self, fd: int) -> None:
        """Sync."""
        super().sync(fd)
        self._death.at("after-sync")

    def sync_folder(self, path: Path) -> None:
        """Sync the names."""
        self._death.at("before-folder-sync")
        super().sync_folder(path)


class DyingStore:
    """A real store with points to die at."""

    def __init__(self, store: Any, death: Death) -> None:
        self._store = store
        self._death = death

    def __getattr__(self, name: str) -> Any:
        """Pass on all else."""
        return getattr(self._store, name)

    def write(self, lines: bytes) -> WriteReport:
        """Store."""
        self._death.at("before-store")
        report: WriteReport = self._store.write(lines)
        self._death.at("after-store")
        return report

    def control_put(self, document: ControlDocument, create: bool = False) -> ControlDocument:
        """Agree names."""
        stored: ControlDocument = self._store.control_put(document, create)
        self._death.at("after-names-agreed")
        return stored

    def declare_names(self, names: Sequence[str]) -> None:
        """Declare names."""
        self._store.declare_names(names)
        self._death.at("after-names-declared")

    def refresh(self) -> None:
        """Refresh: the last step before a drained folder is removed."""
        self._store.refresh()
        self._death.at("before-remove")


class DyingJournal(Journal):
    """A real journal with points to die at."""

    def __init__(self, settings: Any, death: Death) -> None:
        super().__init__(settings)
        self._death = death

    def keep(self, file: SpoolFile, now_ms: int) -> None:
        """Retire a file."""
        self._death.at("before-retire")
        super().keep(file, now_ms)
        self._death.at("after-retire")


def append_for_ever(spool: Spool, thread: str) -> None:
    """Append batches of three events, sometimes with a line that the store refuses."""
    number = 0
    while True:
        number += 1
        id = f"{thread}-{number}"
        properties = {"number": number, f"name-{thread[:-2]}-{number % 2}": id}
        event = Event(id, 1_795_617_000_000 + number, 1_795_617_000_000, "open", "u", properties=properties)
        lines = event_line(event, list(properties)) * 2
        if number % 20 == 0:
            lines += f'{{"kind":"surprise","id":"bad-{id}","time":1}}\n'.encode()
        spool.append(lines)
        os.write(1, f"{id}\n".encode())
        time.sleep(0.001)


def main() -> None:
    """Run one round."""
    data_dir, engine, round, point = sys.argv[1:]
    name, _, passes = point.partition(":")
    death = Death(name, int(passes))
    settings = load_settings({"data_dir": data_dir, "spool_file_age_s": 0.03, "spool_file_bytes": 8_000}, {})
    module, _, attribute = engine.partition(":")
    store: Any = DyingStore(getattr(import_module(module), attribute).open(settings), death)
    store.ensure_schema()
    pump = Pump(settings, store, Names(store, 6))
    pump._journal = DyingJournal(settings, death)
    if name == "drain":
        pump.start()
        pump.stop(60)
        store.close()
        return
    spool = Spool(settings, disk=DyingDisk(death))
    pump.add(spool)
    pump.start()
    for n in range(THREADS):
        threading.Thread(target=append_for_ever, args=(spool, f"{round}-{n}"), daemon=True).start()
    time.sleep(60)


if __name__ == "__main__":
    main()
