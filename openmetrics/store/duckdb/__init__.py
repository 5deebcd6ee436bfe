"""The embedded engine: DuckDB, in the server's own process and data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openmetrics.settings import Settings
from openmetrics.store.base import Capability, Engine

if TYPE_CHECKING:
    from openmetrics.store.duckdb.engine import DuckDBStore


def open_duckdb(settings: Settings) -> DuckDBStore:
    """Open the store in the data folder. Raises StoreUnavailableError where another process holds it."""
    from openmetrics.store.duckdb.file import open_file

    return open_file(settings.data_path, settings.duckdb_memory)


ENGINE = Engine("duckdb", frozenset({Capability.DURABLE}), open_duckdb)
