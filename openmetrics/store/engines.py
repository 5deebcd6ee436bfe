"""Offer the engines that the server brings along."""

from __future__ import annotations

from openmetrics.hookspecs import hookimpl
from openmetrics.store.base import Engine


@hookimpl
def register_engines() -> list[Engine]:
    """Return memory, duckdb and elasticsearch; each imports its driver when it is opened."""
    from openmetrics.store import duckdb, elastic, memory

    return [memory.ENGINE, duckdb.ENGINE, elastic.ENGINE]
