"""Open the one file of the embedded store, or say clearly why it cannot be opened."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Any

import duckdb

from openmetrics.settings import SettingsError
from openmetrics.store.base import StoreUnavailableError
from openmetrics.store.duckdb.engine import DuckDBStore
from openmetrics.store.duckdb.load import BATCH_PREFIX

FILE_NAME = "openmetrics.duckdb"
CHECKPOINT_BYTES = "256MB"
"""PERF: at the default of 16 MB every batch waited for a checkpoint: 48,000 against 73,000 events/s."""
FLUSH_BYTES = "1MB"
"""PERF: at the defaults a process kept 300 MiB that were free, and loading is not faster with them."""


def open_file(folder: Path, memory: str) -> DuckDBStore:
    """Open the store's file in a folder, with a memory limit such as `1GB`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder)
        for left in folder.glob(f"{BATCH_PREFIX}*"):
            left.unlink()
    except OSError as error:
        raise StoreUnavailableError(f"The data folder cannot be used: {error.strerror}.") from error
    try:
        connection = duckdb.connect(folder / FILE_NAME, config=_config(folder, memory))
    except duckdb.Error as error:
        lock.close()
        raise _explain(error, memory) from error
    return DuckDBStore(connection, folder, lock)


def _lock(folder: Path) -> IO[Any]:
    """Lock the file against other processes, and against a second store in this one."""
    lock = (folder / f"{FILE_NAME}.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise _held() from None
    return lock


def _config(folder: Path, memory: str) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": memory,
        "temp_directory": str(folder / "duckdb-temporary"),
        "checkpoint_threshold": CHECKPOINT_BYTES,
        "allocator_flush_threshold": FLUSH_BYTES,
        "allocator_bulk_deallocation_flush_threshold": FLUSH_BYTES,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def _held() -> StoreUnavailableError:
    return StoreUnavailableError(
        "Another process holds the embedded store; stop it, ask it over HTTP, or choose another data_dir."
    )


def _explain(error: duckdb.Error, memory: str) -> Exception:
    if "lock on file" in str(error):
        return _held()
    if isinstance(error, duckdb.ParserException):  # the one text in the configuration that it parses
        return SettingsError(f"setting duckdb_memory takes a size such as 512MB or 2GB, not {memory!r}")
    return StoreUnavailableError(
        f"The file {FILE_NAME} in the data folder does not open: restore it from a backup, or move it away"
        " and rebuild it from the journal with `openmetrics replay`."
    )
