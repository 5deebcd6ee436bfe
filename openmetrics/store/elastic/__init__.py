"""Keep facts in Elasticsearch: for any number of servers, and for Kibana on the same index."""

from __future__ import annotations

from openmetrics.settings import Settings
from openmetrics.store.base import Capability, Engine, Store

ENGINE_NAME = "elasticsearch"
CAPABILITIES = frozenset({Capability.DURABLE, Capability.MULTI_PROCESS})


def open_elastic(settings: Settings) -> Store:
    """Open the store that the settings `elasticsearch_*` name; nothing is asked of it yet."""
    from openmetrics.store.elastic.engine import ElasticStore

    return ElasticStore(settings)


ENGINE = Engine(ENGINE_NAME, CAPABILITIES, open_elastic)
