"""Elasticsearch with security on: setup by an administrator, work by a user with the least privileges."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openmetrics.query.model import AggregateQuery, EventsQuery, Measure, Sent, ValuesQuery
from openmetrics.settings import load_settings
from openmetrics.store.base import ControlDocument, Deletion, Store, StoreUnavailableError, WriteReport
from openmetrics.store.elastic import ENGINE
from openmetrics.testing.elasticsearch import ADMIN, ElasticsearchServer, User, start_elasticsearch
from openmetrics.testing.journeys import make_event, to_lines

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow]

LEAST = """
cluster: ["monitor"]
indices:
  - names: ["shop-*"]
    privileges: ["create_index", "index", "create_doc", "read", "view_index_metadata", "monitor",
                 "maintenance", "delete", "delete_index"]
"""
STRANGER = """
cluster: ["monitor"]
indices:
  - names: ["elsewhere-*"]
    privileges: ["read"]
"""
WORKER, GUEST = User("worker", "worker-secret", LEAST), User("guest", "guest-secret", STRANGER)


@pytest.fixture(scope="module")
def server() -> Iterator[ElasticsearchServer]:
    """Start a server with security on."""
    server = start_elasticsearch(users=(WORKER, GUEST))
    yield server
    server.stop()


def open_as(server: ElasticsearchServer, name: str, password: str) -> Store:
    """Open the project `shop` as a user."""
    given = {
        "elasticsearch_url": server.url,
        "elasticsearch_index_prefix": "shop",
        "elasticsearch_username": name,
        "elasticsearch_password": password,
    }
    return ENGINE.open(load_settings(given, environ={}))


def test_least_privileges_are_enough(server: ElasticsearchServer) -> None:
    worker = open_as(server, WORKER.name, WORKER.password)
    with pytest.raises(StoreUnavailableError) as caught:
        worker.ensure_schema()
    assert "openmetrics setup" in caught.value.detail

    open_as(server, ADMIN, server.password).ensure_schema()
    worker.ensure_schema()
    worker.declare_names(["plan"])
    lines = to_lines(
        make_event(event_id="a", user_id="u1", properties={"plan": "pro"}), make_event(event_id="b")
    )
    assert worker.write(lines) == WriteReport(2, 0)
    assert worker.write(lines) == WriteReport(0, 2)
    worker.declare_names(["size"])
    worker.write(to_lines(make_event(event_id="c", properties={"size": 3})))
    worker.refresh()
    assert [event.event_id for event in worker.events(EventsQuery()).events] == ["a", "b", "c"]
    assert worker.aggregate(AggregateQuery((Measure("count"),)))[0].figures == (3,)
    assert [row.value for row in worker.values(ValuesQuery("properties")).rows] == ["plan", "size"]
    (month, *_) = worker.partitions()
    assert sum(batch.num_rows for batch in worker.scan(month, {}, ("time", "raw"))) == 3
    written = worker.control_put(ControlDocument("key", "k", {"n": 1}), create=True)
    assert worker.control_list("key") == [written]
    assert worker.control_delete("key", "k") is True
    assert worker.delete(Deletion(("event",), Sent(("u1",)))) == 1
    assert worker.delete(Deletion((), periods=(month.period,))) == 2
    assert worker.health().is_ok
    assert worker.check_schema() == []


def test_wrong_password_says_so(server: ElasticsearchServer) -> None:
    store = open_as(server, WORKER.name, "wrong")
    assert store.health().is_ok is False
    with pytest.raises(StoreUnavailableError) as caught:
        store.write(to_lines(make_event()))
    assert "elasticsearch_username" in caught.value.detail
    assert "wrong" not in caught.value.detail


def test_user_of_another_project_may_do_nothing(server: ElasticsearchServer) -> None:
    open_as(server, ADMIN, server.password).ensure_schema()
    guest = open_as(server, GUEST.name, GUEST.password)
    for ask in (
        lambda: guest.write(to_lines(make_event())),
        lambda: guest.events(EventsQuery()),
        lambda: guest.control_get("key", "k"),
        lambda: guest.partitions(),
    ):
        with pytest.raises(StoreUnavailableError):
            ask()
