"""The embedded store keeps the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openmetrics.settings import load_settings
from openmetrics.store.base import Store
from openmetrics.store.duckdb import ENGINE
from openmetrics.testing.store_contract import StoreContract


class TestDuckDB(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = ENGINE.open(load_settings({"data_dir": str(tmp_path / "data")}, environ={}))
        store.ensure_schema()
        yield store
        store.close()
