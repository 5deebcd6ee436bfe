"""Keep stored spool files for some days, so that a store can be rebuilt from them.

A file lies under `<data_dir>/journal/<hour>` and is named by the Unix millisecond at which it was stored:
lines received at a time are in files of that time or later.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from openmetrics.ingest.dead_letters import write_letters
from openmetrics.ingest.delivery import Delivery, Door
from openmetrics.ingest.folder import SpoolFile, readable_length
from openmetrics.ingest.names import Names
from openmetrics.settings import Settings
from openmetrics.store.base import Store, StoreUnavailableError

_LOG = logging.getLogger(__name__)
_DAY_MS = 86_400_000


class Journal:
    """Take over files that the store holds. For one thread."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_path / "journal"
        self._keep_ms = int(float(settings.journal_days) * _DAY_MS)
        self._free_bytes = int(settings.spool_bytes)
        self._last_ms = 0

    def keep(self, file: SpoolFile, now_ms: int) -> None:
        """Move a stored file here, or delete it where no journal is wanted."""
        self._last_ms = max(now_ms, self._last_ms)
        if self._keep_ms > 0:
            hour = self._path / datetime.fromtimestamp(self._last_ms / 1000, UTC).strftime("%Y%m%dT%H")
            name = f"{self._last_ms:013d}-{file.path.parent.name}-{file.path.name}"
            try:
                hour.mkdir(parents=True, exist_ok=True)
                file.path.rename(hour / name)
                return
            except OSError as error:
                _LOG.error("A stored file could not be kept in the journal: %s", error)
        file.path.unlink()

    def prune(self, now_ms: int) -> int:
        """Delete files that are too old, or oldest ones where the disk is needed; return how many."""
        pruned = 0
        for path in iter_journal(self._path.parent):
            is_old = _time_of(path) < now_ms - self._keep_ms
            # NOTE: accepted events go before history: the journal leaves room for a full spool.
            if not is_old and shutil.disk_usage(self._path).free >= self._free_bytes:
                break
            if not is_old and pruned == 0:
                _LOG.warning("The disk is nearly full: the oldest files of the journal are deleted")
            path.unlink()
            pruned += 1
        self._remove_empty_hours()
        return pruned

    def _remove_empty_hours(self) -> None:
        hours = sorted(self._path.glob("*T*"))
        for hour in hours[:-1]:
            with os.scandir(hour) as entries:
                if next(entries, None) is not None:
                    return
            hour.rmdir()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    files: int
    stored: int
    duplicate: int
    refused: int


def replay(settings: Settings, store: Store, since_ms: int = 0) -> Replayed:
    """Store again everything received since a time; what the store holds already stays as it is.

    Refused lines go to the dead letters. Raises StoreUnavailableError; a repeat is harmless.
    """
    door = Door(store, Names(store, int(settings.max_property_names)))
    total = Delivery()
    files = refused = 0
    for path in iter_journal(settings.data_path):
        if _time_of(path) < since_ms:
            continue
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # pruned, or nothing was left of it after an erasure
            continue
        outcome = _deliver(door, content[: readable_length(content)])
        if outcome.letters:
            write_letters(
                settings.data_path, f"replay-{path.stem}", outcome.letters, time.time_ns() // 1_000_000
            )
        refused += len(outcome.letters)
        files += 1
        total.stored += outcome.stored
        total.duplicate += outcome.duplicate
    store.refresh()
    return Replayed(files, total.stored, total.duplicate, refused)


def iter_journal(data_path: Path) -> Iterator[Path]:
    """Iterate over the kept files, oldest first."""
    for hour in sorted((data_path / "journal").glob("*T*")):
        yield from sorted(hour.glob("*.ndjson"))


def _deliver(door: Door, lines: bytes) -> Delivery:
    try:
        return door.deliver(lines, is_foreign=True)
    except StoreUnavailableError:
        raise
    except Exception:
        return door.deliver_apart(lines, is_foreign=True)


def _time_of(path: Path) -> int:
    return int(path.name.split("-")[0])
