"""Templates, months and property names of the Elasticsearch store, on a real server."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from openmetrics.ingest.event import ProfileOperation, link_line, merge_line, operation_line, tombstone_line
from openmetrics.query.model import AggregateQuery, Comparison, EventsQuery, Field, Measure
from openmetrics.settings import load_settings
from openmetrics.store.base import Deletion, WriteReport
from openmetrics.store.elastic.engine import ElasticStore
from openmetrics.testing.journeys import DAY_MS, NOON_MS, make_event, to_lines
from openmetrics.testing.write_contract import put, read_facts, read_ids

pytestmark = pytest.mark.elasticsearch
Open = Callable[..., ElasticStore]


@pytest.fixture
def open_store(elasticsearch_url: str, index_prefix: str) -> Iterator[Open]:
    """Give a function that opens the project once more, as another process would."""
    opened = []

    def open_again(**given: Any) -> ElasticStore:
        given = {
            "elasticsearch_url": elasticsearch_url,
            "elasticsearch_index_prefix": index_prefix,
            **given,
        }
        opened.append(ElasticStore(load_settings(given, environ={})))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def ask(elasticsearch_url: str, index_prefix: str) -> Callable[..., Any]:
    """Give a function that asks the server itself; `*` in the path becomes the prefix."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else orjson.dumps(body)
        url = f"{elasticsearch_url}{path.replace('*', index_prefix)}"
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    return ask


def find_plan(store: ElasticStore, value: str) -> list[str]:
    """Return the ids of events on which `plan` has a value."""
    return read_ids(store, filter=Comparison(Field("props", "plan"), "eq", value))


def test_check_schema_explains_drift_and_ensure_mends_it(open_store: Open, ask: Any) -> None:
    store = open_store()
    assert any("is missing" in line and "openmetrics setup" in line for line in store.check_schema())
    store.ensure_schema()
    put(store, to_lines(make_event(properties={"plan": "pro"})))
    assert store.check_schema() == []
    template = ask("GET", "/_index_template/*-events")["index_templates"][0]["index_template"]
    template["template"]["mappings"]["properties"]["user_key"]["type"] = "keyword"
    template["template"]["settings"]["index"]["refresh_interval"] = "30s"
    ask("PUT", "/_index_template/*-events", {"index_patterns": template["index_patterns"],
                                             "template": template["template"], "priority": 500})  # fmt: skip
    (difference,) = (line for line in store.check_schema() if "user_key" in line)
    assert "user_key.type is keyword, expected long" in difference
    store.ensure_schema()
    assert store.check_schema() == []


def test_index_that_was_made_differently_is_reported(open_store: Open, ask: Any) -> None:
    store = open_store()
    store.ensure_schema()
    ask("PUT", "/*-events-2026.01", {"mappings": {"properties": {"name": {"type": "text"}}}})
    (difference,) = store.check_schema()
    assert "events-2026.01: name.type is text, expected keyword" in difference


def test_declared_names_are_mapped_in_one_go(open_store: Open, ask: Any) -> None:
    store = open_store()
    store.ensure_schema()
    names = [f"p{n}" for n in range(300)] + ["a.b", "$k", "*", " x "]
    store.declare_names(["plan"])
    put(store, to_lines(make_event(properties={"plan": "pro"})))
    store.declare_names(names)
    store.write(to_lines(make_event(properties={"p7": 7})))
    (mapping,) = ask("GET", "/*-events/_mapping").values()
    properties = mapping["mappings"]["properties"]
    assert properties["props"]["properties"].keys() == {"plan", *names}
    assert properties["num"]["properties"].keys() == {"plan", *names}
    assert properties["props"]["properties"]["p7"] == {"type": "keyword", "ignore_above": 2048}

    other = open_store()
    other.write(to_lines(make_event(time_ms=NOON_MS + 30 * DAY_MS)))
    mapping = ask("GET", "/*-events-2026.12/_mapping")
    (properties,) = (index["mappings"]["properties"]["props"]["properties"] for index in mapping.values())
    assert properties.keys() == {"plan", *names}, "a new month knows the names of the others"


def test_undeclared_names_are_found_all_the_same(open_store: Open) -> None:
    store = open_store()
    store.ensure_schema()
    store.write(to_lines(make_event(event_id="a", properties={"plan": "pro"})))
    store.refresh()
    assert find_plan(store, "pro") == ["a"]


def test_month_dropped_by_another_process_opens_again(open_store: Open, ask: Any) -> None:
    first, second = open_store(), open_store()
    first.ensure_schema()
    for store in (first, second):
        put(store, to_lines(make_event(event_id="a", properties={"plan": "pro"})))
    assert first.delete(Deletion((), periods=("2026.11",))) == 1
    assert put(second, to_lines(make_event(event_id="b", properties={"plan": "pro"}))) == WriteReport(1, 0)
    assert find_plan(first, "pro") == ["b"]
    assert list(ask("GET", "/_alias/*-events")) == list(ask("GET", "/*-events-2026.11"))


def test_months_with_and_without_a_name_are_grouped_together(open_store: Open) -> None:
    store = open_store()
    store.ensure_schema()
    put(store, to_lines(make_event()))
    put(store, to_lines(make_event(time_ms=NOON_MS + 30 * DAY_MS, properties={"late": 2})))
    late = Field("props", "late")
    rows = store.aggregate(AggregateQuery((Measure("count"), Measure("sum", late)), breakdown=(late,)))
    assert [(row.group, row.figures) for row in rows] == [(("2",), (1, 2.0)), ((None,), (1, 0.0))]
    assert len(read_facts(store, "event", ("props.late", "num.late"))) == 2


def test_several_shards_are_numbered_each_for_itself(open_store: Open) -> None:
    store = open_store(elasticsearch_shards=3)
    store.ensure_schema()
    put(store, to_lines(*(make_event(event_id=f"e{n:02d}") for n in range(40))))
    (month,) = (part for part in store.partitions() if part.kind == "event")
    assert [shard.id for shard in month.shards] == ["0", "1", "2"]
    rows = read_facts(store, "event")
    assert sorted(row["id"] for row in rows) == [f"e{n:02d}" for n in range(40)]
    counts = {shard.id: sum(row["shard"] == shard.id for row in rows) for shard in month.shards}
    assert {shard.id: shard.checkpoint + 1 for shard in month.shards} == counts
    assert len(store.events(EventsQuery()).events) == 40


def test_ids_of_the_longest_kind_are_kept_apart(open_store: Open) -> None:
    store = open_store()
    store.ensure_schema()
    ids = ["é" * 255 + end for end in "ab"]
    lines = b"".join(operation_line(ProfileOperation(id, NOON_MS, NOON_MS, "set", {})) for id in ids)
    assert put(store, lines) == WriteReport(2, 0)
    assert put(store, lines) == WriteReport(0, 2)
    assert sorted(row["id"] for row in read_facts(store, "op")) == ids


def test_erase_takes_what_was_received_until_then(open_store: Open) -> None:
    store = open_store()
    store.ensure_schema()
    events = [
        make_event(event_id="a", user_id="u1", received_ms=5),
        make_event(event_id="b", user_id="u1", received_ms=6),
        make_event(event_id="c", session_id="s1", received_ms=5),
        make_event(event_id="d", session_id="s1", user_id="u2", received_ms=5),
        make_event(event_id="e", received_ms=5),
    ]
    links = [link_line(id, id, "s1", NOON_MS, 5, explicit=True) for id in ("u1", "u2")]
    facts = [merge_line("merge", "m", "u2", "u1", 5), tombstone_line(1, ["u1"], ["s1"], 5)]
    put(store, to_lines(*events) + b"".join(links + facts))
    assert store.erase(["u1"], ["s1"], 5) == 4
    assert read_ids(store) == ["d", "e", "b"]
    assert [row["id"] for row in read_facts(store, "link")] == ["u2"]
    assert read_facts(store, "merge") == []
    assert len(read_facts(store, "tombstone")) == 1
    assert store.erase(["u1"], ["s1"], 5) == store.erase([], [], 5) == 0


def test_pages_and_lists_cross_their_borders(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openmetrics.store.elastic.scan.ROWS_A_PAGE", 4)
    monkeypatch.setattr("openmetrics.store.elastic.scan.SOURCES_A_PAGE", 2)
    monkeypatch.setattr("openmetrics.store.elastic.events.HITS_A_SEARCH", 3)
    monkeypatch.setattr("openmetrics.store.elastic.buckets.MAX_BUCKETS", 2)
    monkeypatch.setattr("openmetrics.store.elastic.erasure.HITS_A_SEARCH", 3)
    store = open_store()
    store.ensure_schema()
    plans = [[f"v{n}", "all"] if n % 4 else f"v{n}" for n in range(10)]
    put(store, to_lines(*(make_event(event_id=f"e{n}", properties={"plan": plans[n]}) for n in range(10))))
    expected = [plan if isinstance(plan, list) else [plan] for plan in plans]
    assert [row["props.plan"] for row in read_facts(store, "event", ("props.plan",))] == expected
    assert [row["time"] for row in read_facts(store, "event", ("time",))] == [NOON_MS] * 10
    assert next(row["kinds"] for row in read_facts(store, "event", ("kinds",))) == ["plan\x01text"]
    assert read_ids(store) == [f"e{n}" for n in range(10)]
    rows = store.aggregate(AggregateQuery((Measure("count"),), breakdown=(Field("props", "plan"),)))
    assert [row.group[0] for row in rows] == ["all", *(f"v{n}" for n in range(10))]
    assert store.delete(Deletion(("event",), Comparison(Field("name"), "eq", "open"))) == 10
