"""Elasticsearch keeps the contract."""

from collections.abc import Iterator

import pytest

from openmetrics.settings import load_settings
from openmetrics.store.base import Store
from openmetrics.store.elastic import ENGINE
from openmetrics.testing.store_contract import StoreContract


@pytest.mark.elasticsearch
class TestElastic(StoreContract):
    @pytest.fixture
    def store(self, elasticsearch_url: str, index_prefix: str) -> Iterator[Store]:
        given = {"elasticsearch_url": elasticsearch_url, "elasticsearch_index_prefix": index_prefix}
        store = ENGINE.open(load_settings(given, environ={}))
        store.ensure_schema()
        yield store
        store.close()
