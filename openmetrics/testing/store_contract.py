"""The contract of `openmetrics.store.base.Store`, to be run on any engine.

Subclass `StoreContract` in a test module and give it a fixture `store`: an open, empty store whose schema
has been ensured. Every test of the class must pass.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from openmetrics.ingest.event import Event, link_line, merge_line
from openmetrics.query.model import (
    AggregateQuery,
    AnyOf,
    Comparison,
    EventsQuery,
    Field,
    Measure,
    Sent,
    SessionSpan,
    SessionSpans,
    ValuesQuery,
)
from openmetrics.store.base import (
    ControlDocument,
    Deletion,
    Store,
    StoreUnavailableError,
    VersionConflictError,
    WriteReport,
)
from openmetrics.testing.journeys import NOON_MS, make_event, to_lines
from openmetrics.testing.read_contract import ReadContract
from openmetrics.testing.samples import SAMPLE
from openmetrics.testing.write_contract import FACT_LINES, MONTH_MS, WriteContract, put, read_facts, read_ids

CALLS: dict[str, Callable[[Store], object]] = {
    "ensure_schema": lambda store: store.ensure_schema(),
    "declare_names": lambda store: store.declare_names(("plan",)),
    "write": lambda store: store.write(FACT_LINES["event"]),
    "refresh": lambda store: store.refresh(),
    "aggregate": lambda store: store.aggregate(AggregateQuery((Measure("count"),))),
    "events": lambda store: store.events(EventsQuery()),
    "values": lambda store: store.values(ValuesQuery("names")),
    "partitions": lambda store: store.partitions(),
    "control_get": lambda store: store.control_get("key", "k"),
    "control_put": lambda store: store.control_put(ControlDocument("key", "k", {})),
    "control_list": lambda store: store.control_list("key"),
    "control_delete": lambda store: store.control_delete("key", "k"),
    "delete": lambda store: store.delete(Deletion((), periods=("2026.11",))),
    "erase": lambda store: store.erase(("u1",), (), 0),
}
"""Every method that must refuse to work on a closed store; and so must `scan`."""


class ControlContract:
    """Hold a store to its word about control documents."""

    def test_control_document_is_read_back(self, store: Store) -> None:
        body = {"label": "Ünï", "n": [1, 2.5, None, {"x": True}], "big": 2**53}
        written = store.control_put(ControlDocument("segment", "vip", body))
        assert (written.kind, written.id, written.body) == ("segment", "vip", body)
        assert written.version
        assert store.control_get("segment", "vip") == written
        assert store.control_get("segment", "other") is None
        assert store.control_get("metric", "vip") is None

    def test_control_versions_change_and_conflict(self, store: Store) -> None:
        first = store.control_put(ControlDocument("key", "k", {"n": 1}), create=True)
        second = store.control_put(ControlDocument("key", "k", {"n": 2}, first.version))
        assert second.version != first.version
        with pytest.raises(VersionConflictError):
            store.control_put(ControlDocument("key", "k", {"n": 3}, first.version))
        with pytest.raises(VersionConflictError):
            store.control_put(ControlDocument("key", "k", {"n": 3}), create=True)
        with pytest.raises(VersionConflictError):
            store.control_put(ControlDocument("key", "absent", {"n": 3}, first.version))
        assert store.control_get("key", "k") == second
        third = store.control_put(ControlDocument("key", "k", {"n": 4}))
        assert (third.body, store.control_get("key", "k")) == ({"n": 4}, third)

    def test_control_list_is_ordered_by_id(self, store: Store) -> None:
        for id in ("b", "a", "c", "\uffff", "\U00010000"):
            store.control_put(ControlDocument("key", id, {"id": id}))
        store.control_put(ControlDocument("metric", "z", {}))
        found = store.control_list("key")
        assert [document.id for document in found] == ["a", "b", "c", "\uffff", "\U00010000"]
        assert all(document == store.control_get("key", document.id) for document in found)
        assert store.control_list("nothing") == []

    def test_control_delete_honours_versions(self, store: Store) -> None:
        first = store.control_put(ControlDocument("key", "k", {}))
        second = store.control_put(ControlDocument("key", "k", {}))
        with pytest.raises(VersionConflictError):
            store.control_delete("key", "k", first.version)
        assert store.control_delete("key", "k", second.version) is True
        assert store.control_delete("key", "k") is False
        assert store.control_get("key", "k") is None
        again = store.control_put(ControlDocument("key", "k", {}), create=True)
        assert again.version not in (first.version, second.version)
        assert store.control_delete("key", "k") is True

    def test_control_documents_are_no_facts(self, store: Store) -> None:
        store.control_put(ControlDocument("key", "k", {"name": "open"}))
        put(store, FACT_LINES["event"])
        assert read_ids(store) == ["f1"]


class DeleteContract:
    """Hold a store to its word about erasure."""

    def test_delete_facts_of_a_user(self, store: Store) -> None:
        put(store, SAMPLE + FACT_LINES["link"] + FACT_LINES["op"])
        node = AnyOf((Sent(("u1",)), SessionSpans((SessionSpan("s1", NOON_MS + 1, NOON_MS + 2),))))
        assert store.delete(Deletion(("event", "link", "op"), node)) == 4
        assert read_ids(store) == list("cdefghij")
        assert read_facts(store, "link") == read_facts(store, "op") == []
        assert sorted(row["id"] for row in read_facts(store, "event")) == list("cdefghij")
        assert store.delete(Deletion(("event", "link", "op"), node)) == 0

    def test_delete_leaves_other_kinds(self, store: Store) -> None:
        put(store, b"".join(FACT_LINES.values()))
        node = Comparison(Field("user_id"), "in", ("u1",))
        assert store.delete(Deletion(("link", "op", "merge", "unmerge"), node)) == 4
        assert [len(read_facts(store, kind)) for kind in FACT_LINES] == [1, 0, 0, 0, 0, 1]
        assert (
            store.delete(Deletion(("event", "tombstone"), Comparison(Field("session_id"), "eq", "s1"))) == 1
        )
        assert [len(read_facts(store, kind)) for kind in FACT_LINES] == [0, 0, 0, 0, 0, 1]

    def test_delete_periods_drops_their_partitions(self, store: Store) -> None:
        events = [make_event(event_id="x", time_ms=NOON_MS + months * MONTH_MS) for months in (0, 1)]
        put(store, to_lines(*events) + FACT_LINES["link"])
        (before, _) = [part for part in store.partitions() if part.kind == "event"]
        assert store.delete(Deletion((), periods=("2026.11", "1999.01"))) == 1
        assert [part.period for part in store.partitions() if part.kind == "event"] == ["2026.12"]
        assert put(store, to_lines(*events)) == WriteReport(1, 1)
        (after, _) = [part for part in store.partitions() if part.kind == "event"]
        assert (after.period, after.identity != before.identity) == ("2026.11", True)
        assert len(read_facts(store, "link")) == 1

    def test_delete_of_nothing_deletes_nothing(self, store: Store) -> None:
        put(store, SAMPLE)
        assert store.delete(Deletion(("event",))) == 0
        assert store.delete(Deletion(("event",), AnyOf(()))) == 0
        assert len(read_ids(store)) == 10

    def test_deleted_events_may_be_written_again(self, store: Store) -> None:
        put(store, SAMPLE)
        assert store.delete(Deletion(("event",), Sent(("u1",)))) == 1
        assert put(store, SAMPLE) == WriteReport(1, 9)

    def test_erase_takes_what_users_and_nobodys_sessions_sent_until_then(self, store: Store) -> None:
        def event(id: str, user_id: str | None, session_id: str | None, received_ms: int) -> Event:
            return make_event(event_id=id, user_id=user_id, session_id=session_id, received_ms=received_ms)

        put(store, b"".join(FACT_LINES.values()))
        put(store, to_lines(
            event("a", "gone", "s9", 10), event("b", "gone", None, 11), event("c", None, "s9", 10),
            event("d", "stays", "s9", 10), event("e", None, "s8", 10), event("f", None, None, 10),
        ))  # fmt: skip
        put(store, link_line("l", "gone", "s9", 5, 10, True) + merge_line("merge", "m", "stays", "gone", 10))
        assert store.erase(("gone",), ("s9",), 10) == 4
        assert sorted(read_ids(store)) == ["b", "d", "e", "f", "f1"]
        assert [len(read_facts(store, kind)) for kind in FACT_LINES] == [5, 1, 1, 1, 1, 1]
        assert store.erase(("gone",), ("s9",), 10) == 0
        assert store.erase((), (), 1 << 50) == 0


class LifeContract:
    """Hold a store to its word about being open and closed."""

    def test_store_names_itself(self, store: Store) -> None:
        assert store.name
        assert isinstance(store.capabilities, frozenset)

    def test_health_of_an_open_store_is_ok(self, store: Store) -> None:
        health = store.health()
        assert health.is_ok
        assert health.detail

    def test_close_ends_every_method(self, store: Store) -> None:
        put(store, FACT_LINES["event"])
        (partition,) = [part for part in store.partitions() if part.kind == "event"]
        store.close()
        store.close()
        calls = {**CALLS, "scan": lambda store: list(store.scan(partition, {}, ("id",)))}
        assert [name for name, call in calls.items() if not _is_refused(call, store)] == []
        assert store.health().is_ok is False


class StoreContract(WriteContract, ReadContract, ControlContract, DeleteContract, LifeContract):
    """Everything that a store must do; give it a fixture `store`."""


def _is_refused(call: Callable[[Store], object], store: Store) -> bool:
    try:
        call(store)
    except StoreUnavailableError:
        return True
    return False
