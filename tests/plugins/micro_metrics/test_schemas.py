"""Hold the published schemas and the server to one opinion about bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openmetrics.schemas import load_schemas
from openmetrics.testing.client import Running, running
from openmetrics_plugins.micro_metrics import register_schemas

SCHEMAS = load_schemas(register_schemas())
TRACK, BATCH, CONVERSION = "/api/track", "/api/track/batch", "/api/conversion"
NAMES = {TRACK: "micro_metrics_track", BATCH: "micro_metrics_batch", CONVERSION: "micro_metrics_conversion"}
BASE = {"name": "n", "event": "e", "option": "o"}


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    """Run one server for all bodies."""
    with running() as server:
        yield server


@pytest.mark.parametrize(
    ("path", "body"),
    [(path, example) for path, name in NAMES.items() for example in SCHEMAS[name].document["examples"]],
)
def test_examples_are_taken(path: str, body: Any, site: Running) -> None:
    assert SCHEMAS[NAMES[path]].is_valid(body)
    assert site.client.simulate_post(path, json=body).status_code == 200


@pytest.mark.parametrize(
    "key", ["type", "tags", "fields", "userId", "userID", "sessionId", "createdOn", "extra"]
)
@pytest.mark.parametrize("value", [None, "2026", "", 5, True, {}, {"a": 1}, [], ["a"], [1]], ids=repr)
def test_metric_and_schema_agree(key: str, value: Any, site: Running) -> None:
    body = {"type": "a", key: value}
    is_taken = site.client.simulate_post(TRACK, json=body).status_code == 200
    assert is_taken == SCHEMAS["micro_metrics_track"].is_valid(body)


@pytest.mark.parametrize("key", ["name", "event", "option", "session", "data", "extra"])
@pytest.mark.parametrize("value", [None, "x", "", 5, True, {"a": 1}, [1]], ids=repr)
def test_conversion_and_schema_agree(key: str, value: Any, site: Running) -> None:
    body = {**BASE, key: value}
    is_taken = site.client.simulate_post(CONVERSION, json=body).status_code == 200
    assert is_taken == SCHEMAS["micro_metrics_conversion"].is_valid(body)


@pytest.mark.parametrize(
    "body", [{}, {"events": {}}, {"events": None}, {"events": [], "x": 1}, [], None, "a"]
)
def test_batch_and_schema_agree(body: Any, site: Running) -> None:
    assert site.client.simulate_post(BATCH, json=body).status_code == 400
    assert not SCHEMAS["micro_metrics_batch"].is_valid(body)
