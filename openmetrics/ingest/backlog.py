"""Say what waits in the spool, for operators: read from the files alone, in any process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from openmetrics.ingest.folder import is_owned, iter_positions, list_files
from openmetrics.ingest.journal import iter_journal
from openmetrics.settings import Settings


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """One spool folder. `is_owned` is false where its process died and nobody has taken over yet."""

    name: str
    is_owned: bool
    files: int
    bytes: int
    events: int
    oldest_s: float
    is_troubled: bool


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """All folders, and what lies beside them."""

    folders: tuple[FolderStatus, ...]
    dead_files: int
    journal_files: int
    journal_bytes: int

    @property
    def backlog_bytes(self) -> int:
        """Return the bytes that wait in all folders."""
        return sum(folder.bytes for folder in self.folders)


def read_status(settings: Settings) -> SpoolStatus:
    """Look at the spool, the dead letters and the journal of a data folder."""
    data_path: Path = settings.data_path
    folders = []
    for path, positions in iter_positions(data_path / "spool"):
        files = list_files(path)
        begun = [at for file in files if (at := _begun(file)) is not None]
        oldest_s = max(0.0, time.time() - min(begun)) if begun and positions.backlog_bytes else 0.0
        folders.append(
            FolderStatus(
                path.name, is_owned(path), len(files), positions.backlog_bytes,
                positions.backlog_events, round(oldest_s, 3), positions.is_troubled,
            )
        )  # fmt: skip
    sizes = [path.stat().st_size for path in iter_journal(data_path)]
    dead = len(list((data_path / "dead").glob("[!.]*.ndjson")))
    return SpoolStatus(tuple(folders), dead, len(sizes), sum(sizes))


def _begun(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None  # stored meanwhile
