"""The reference store keeps the contract."""

from collections.abc import Iterator

import pytest

from openmetrics.settings import load_settings
from openmetrics.store.base import Store
from openmetrics.store.memory import ENGINE
from openmetrics.testing.store_contract import StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = ENGINE.open(load_settings(environ={}))
        store.ensure_schema()
        yield store
        store.close()
