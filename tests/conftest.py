"""What tests share: a real Elasticsearch, started once and only if a test asks for it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from openmetrics.testing.elasticsearch import VERSION, remove_project, start_elasticsearch

# NOTE: the same examples each time, so that a change is judged by itself;
# HYPOTHESIS_PROFILE=random draws others.
settings.register_profile("same", derandomize=True)
settings.register_profile("random")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """Give the address of a running server: the one named by the environment, or one of our own."""
    given = os.environ.get("OPENMETRICS_TEST_ELASTICSEARCH")
    if given:
        yield given.rstrip("/")
        return
    server = start_elasticsearch(os.environ.get("OPENMETRICS_TEST_ELASTICSEARCH_VERSION", VERSION))
    yield server.url
    server.stop()


@pytest.fixture
def index_prefix(elasticsearch_url: str) -> Iterator[str]:
    """Give a prefix that no other test has; its indices and templates are removed afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield prefix
    remove_project(elasticsearch_url, prefix)
