"""Caches on a store in memory, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openmetrics.columns.cache import ColumnCache, Limits
from openmetrics.identity.table import IdentityTable
from openmetrics.store.base import Store
from openmetrics.store.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    """Give an empty store."""
    return MemoryStore()


@pytest.fixture
def open_cache() -> Iterator[Callable[..., ColumnCache]]:
    """Open caches that are closed at the end."""
    opened: list[ColumnCache] = []

    def open_one(store: Store, folder: Path | None = None, **limits: int) -> ColumnCache:
        opened.append(ColumnCache(store, IdentityTable(store), folder, Limits(**limits)))
        return opened[-1]

    yield open_one
    for cache in opened:
        cache.close()
