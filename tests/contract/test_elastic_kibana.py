"""Kibana finds what it needs: in the index, and in the saved objects that are shipped for it."""

from __future__ import annotations

import json
import urllib.request
from importlib.resources import files
from typing import Any

import pytest

from openmetrics.ingest.event import period_of
from openmetrics.settings import load_settings
from openmetrics.store.elastic import ENGINE
from openmetrics.testing.journeys import NOON_MS, make_event, to_lines

LINES = files("openmetrics_config.kibana").joinpath("openmetrics.ndjson").read_text().splitlines()
OBJECTS = [json.loads(line) for line in LINES]
TEMPLATE = json.loads(files("openmetrics_config.elasticsearch").joinpath("events.json").read_text())
MAPPED = TEMPLATE["template"]["mappings"]["properties"]


def iter_columns(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the columns of all layers of a lens."""
    layers = found["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
    return [column for layer in layers.values() for column in layer["columns"].values()]


def test_saved_objects_refer_to_each_other_only() -> None:
    known = {(found["type"], found["id"]) for found in OBJECTS}
    referred = {(ref["type"], ref["id"]) for found in OBJECTS for ref in found["references"]}
    assert {kind for kind, _ in known} == {"index-pattern", "search", "lens", "dashboard"}
    assert referred <= known
    assert referred | {("dashboard", "openmetrics")} == known, "nothing is shipped that is not shown"


def test_saved_objects_name_fields_of_the_index() -> None:
    for found in OBJECTS:
        if found["type"] == "lens":
            fields = {column["sourceField"] for column in iter_columns(found)} - {"___records___"}
        elif found["type"] == "search":
            fields = {*found["attributes"]["columns"], *(name for name, _ in found["attributes"]["sort"])}
        else:
            continue
        assert fields <= MAPPED.keys(), found["id"]


def test_dashboard_panels_have_their_references() -> None:
    (dashboard,) = (found for found in OBJECTS if found["type"] == "dashboard")
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    names = {ref["name"]: ref["type"] for ref in dashboard["references"]}
    assert names == {f"{panel['panelIndex']}:{panel['panelRefName']}": panel["type"] for panel in panels}


DISCOVER = {
    "query": {
        "range": {"@timestamp": {"gte": "2026-11-10T12:00:00.000Z", "format": "strict_date_optional_time"}}
    },
    "fields": [{"field": "@timestamp", "format": "date_time"}, "name", "props.*", "num.*"],
    "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "boolean"}}],
    "_source": False,
}
LENS = {
    "when": {
        "date_histogram": {"field": "@timestamp", "calendar_interval": "1M", "time_zone": "UTC"},
        "aggs": {
            "plan": {"terms": {"field": "props.plan"}},
            "sum": {"sum": {"field": "value_num"}},
            "users": {"cardinality": {"field": "user_id"}},
        },
    }
}


@pytest.fixture
def pattern(elasticsearch_url: str, index_prefix: str) -> str:
    """Store three events and give the address of the data view's index pattern."""
    given = {"elasticsearch_url": elasticsearch_url, "elasticsearch_index_prefix": index_prefix}
    store = ENGINE.open(load_settings(given, environ={}))
    store.ensure_schema()
    events = [
        make_event(event_id="a", time_ms=NOON_MS, properties={"plan": ["pro", "team"], "size": 2}, value=3),
        make_event(event_id="b", time_ms=NOON_MS + 1, properties={"plan": "pro"}, user_id="u"),
        make_event(event_id="c", time_ms=1_970, properties={"plan": "old"}),
    ]
    store.write(to_lines(*events))
    store.refresh()
    store.close()
    return f"{elasticsearch_url}/{index_prefix}-events-*"


@pytest.mark.elasticsearch
def test_index_answers_as_discover_and_lens_ask(pattern: str) -> None:
    found = ask(f"{pattern}/_search", {**DISCOVER, "aggs": LENS})
    hits = [hit["fields"] for hit in found["hits"]["hits"]]
    assert [hit["@timestamp"] for hit in hits] == [["2026-11-10T12:00:00.001Z"], ["2026-11-10T12:00:00.000Z"]]
    assert hits[1]["props.plan"] == ["pro", "team"]
    assert hits[1]["num.size"] == [2.0]
    (bucket,) = found["aggregations"]["when"]["buckets"]
    plans = {plan["key"]: plan["doc_count"] for plan in bucket["plan"]["buckets"]}
    assert (bucket["doc_count"], plans, bucket["sum"]["value"]) == (2, {"pro": 2, "team": 1}, 4.0)
    (old,) = ask(f"{pattern}/_search", {"query": {"range": {"@timestamp": {"lt": "2000-01-01"}}}})["hits"][
        "hits"
    ]
    assert (old["_id"], old["_index"].rpartition("-")[2]) == ("c", period_of(0))


@pytest.mark.elasticsearch
def test_index_offers_its_fields_to_a_data_view(pattern: str) -> None:
    caps = ask(f"{pattern}/_field_caps?fields=*", {})["fields"]
    types = {name: next(iter(caps[name])) for name in ("@timestamp", "name", "props.plan", "num.size")}
    assert types == {
        "@timestamp": "date", "name": "keyword", "props.plan": "keyword", "num.size": "double",
    }  # fmt: skip
    assert caps["props.plan"]["keyword"]["aggregatable"]


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask as any other client of the index does."""
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found
