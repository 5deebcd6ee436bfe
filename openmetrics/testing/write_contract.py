"""What every store must do with facts that it is given; part of `store_contract`."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from openmetrics.errors import PROBLEMS
from openmetrics.ingest.event import (
    ProfileOperation,
    link_line,
    merge_line,
    operation_line,
    to_json,
    tombstone_line,
)
from openmetrics.query.model import EventsQuery
from openmetrics.store.base import FactKind, Store, StoredEvent, WriteReport
from openmetrics.store.scan import FACT_COLUMNS
from openmetrics.testing.journeys import DAY_MS, NOON_MS, make_event, to_lines

MONTH_MS = 30 * DAY_MS
FACT_LINES: dict[FactKind, bytes] = {
    "event": to_lines(make_event(event_id="f1", user_id="u1", session_id="s1", properties={"plan": "pro"})),
    "link": link_line("f1", "u1", "s1", NOON_MS, NOON_MS, explicit=True),
    "op": operation_line(ProfileOperation("f1", NOON_MS, NOON_MS, "set", {"a": 10**30}, user_id="u1")),
    "merge": merge_line("merge", "f1", "u1", "u2", NOON_MS),
    "unmerge": merge_line("unmerge", "f1", "u1", "u2", NOON_MS),
    "tombstone": tombstone_line(7, ["u1", "u2"], ["s1"], NOON_MS),
}


def put(store: Store, lines: bytes) -> WriteReport:
    """Declare the property names of some lines, write them, and make them visible."""
    parsed = [orjson.loads(line) for line in lines.splitlines()]
    store.declare_names(sorted({name for line in parsed for name in line.get("props", ())}))
    report = store.write(lines)
    store.refresh()
    return report


def read_facts(store: Store, kind: FactKind, columns: tuple[str, ...] = ("id",)) -> list[dict[str, Any]]:
    """Read all facts of a kind by scan, with shard and seq."""
    partitions = [partition for partition in store.partitions() if partition.kind == kind]
    store.refresh()
    return [
        row
        for partition in partitions
        for batch in store.scan(partition, {}, columns)
        for row in batch.to_pylist()
    ]


def read_ids(store: Store, **members: Any) -> list[str]:
    """Read the ids of events that a question finds."""
    return [event.event_id for event in store.events(EventsQuery(**members)).events]


class WriteContract:
    """Hold a store to its word about writing."""

    def test_write_event_comes_back_exactly(self, store: Store) -> None:
        event = make_event(
            "100% 🙂", user_id="Ü", session_id='s"1', source="web", active=False, received_ms=NOON_MS + 5,
            properties={
                "a.b": 10**40, "$k": [1.0, None, {"x": -0.0}], " ": "blank", "": True, "long": "x" * 40_000,
            },
            fields={"mail": {"to": "a@b"}}, context={"page": None}, value="12", data="\0\n\\", has_data=True,
        )  # fmt: skip
        assert put(store, to_lines(event)) == WriteReport(1, 0)
        (found,) = store.events(EventsQuery()).events
        raw = {
            "value": "12", "properties": event.properties, "fields": event.fields, "data": event.data,
            "context": event.context,
        }  # fmt: skip
        assert json.loads(found.raw) == raw
        assert found == StoredEvent(
            event.event_id, NOON_MS, NOON_MS + 5, "100% 🙂", "Ü", 's"1', "web", False, to_json(raw).decode()
        )  # fmt: skip

    def test_write_event_without_optional_members_has_none(self, store: Store) -> None:
        put(store, to_lines(make_event()))
        (found,) = store.events(EventsQuery()).events
        assert (found.user_id, found.session_id, found.source, found.active) == (None, None, None, True)
        assert found.raw == '{"value":1}'

    def test_write_nothing_stores_nothing(self, store: Store) -> None:
        assert store.write(b"") == WriteReport(0, 0)

    def test_write_replayed_batch_reports_duplicates(self, store: Store) -> None:
        lines = b"".join(FACT_LINES.values())
        assert put(store, lines) == WriteReport(6, 0)
        assert put(store, lines) == WriteReport(0, 6)
        assert {kind: len(read_facts(store, kind)) for kind in FACT_LINES} == dict.fromkeys(FACT_LINES, 1)

    def test_write_same_id_keeps_the_first(self, store: Store) -> None:
        first, second = (
            make_event("first", event_id="x"),
            make_event("second", event_id="x", time_ms=NOON_MS + 1),
        )
        assert put(store, to_lines(first, second)) == WriteReport(1, 1)
        assert put(store, to_lines(second, make_event(event_id="y"))) == WriteReport(1, 1)
        assert [event.name for event in store.events(EventsQuery(limit=1)).events] == ["first"]

    def test_write_same_id_in_another_month_is_another_event(self, store: Store) -> None:
        events = [make_event(event_id="x", time_ms=NOON_MS + months * MONTH_MS) for months in (0, 1, 2)]
        assert put(store, to_lines(*events)) == WriteReport(3, 0)
        assert put(store, to_lines(*events)) == WriteReport(0, 3)

    def test_write_times_before_2000_share_one_period(self, store: Store) -> None:
        events = [
            make_event(event_id="x", time_ms=time) for time in (-62_135_596_800_000, 0, 946_684_799_999)
        ]
        assert put(store, to_lines(*events)) == WriteReport(1, 2)
        assert [part.period for part in store.partitions() if part.kind == "event"] == ["old"]

    def test_write_also_asks_another_month(self, store: Store) -> None:
        put(store, to_lines(make_event(event_id="x"), make_event(event_id="z", time_ms=NOON_MS + MONTH_MS)))
        moved = make_event(event_id="x", time_ms=NOON_MS + MONTH_MS, also="2026.11")
        unseen = make_event(event_id="y", time_ms=NOON_MS + MONTH_MS, also="2026.11")
        elsewhere = make_event(event_id="z", time_ms=NOON_MS + 2 * MONTH_MS, also="2026.11")
        assert put(store, to_lines(moved, unseen, elsewhere)) == WriteReport(2, 1)
        assert put(store, to_lines(moved, unseen, elsewhere)) == WriteReport(0, 3)

    def test_write_also_asks_the_same_batch(self, store: Store) -> None:
        moved = make_event(event_id="x", time_ms=NOON_MS + MONTH_MS, also="2026.11")
        assert put(store, to_lines(make_event(event_id="x"), moved)) == WriteReport(1, 1)
        assert len(store.events(EventsQuery()).events) == 1

    def test_write_all_kinds_come_back(self, store: Store) -> None:
        put(store, b"".join(FACT_LINES.values()))
        for kind, line in FACT_LINES.items():
            columns = tuple(name for name in FACT_COLUMNS[kind] if kind != "event" or name != "source")
            (row,) = read_facts(store, kind, columns)
            expected = orjson.loads(line)
            assert {name: row[name] for name in columns} == {name: expected.get(name) for name in columns}

    def test_write_unusable_lines_are_refused_alone(self, store: Store) -> None:
        good = to_lines(make_event(event_id="a")), to_lines(make_event(event_id="b"))
        bad = (
            b"{broken\n",
            b"[1]\n",
            b'{"kind":"nonsense","id":"x","time":1}\n',
            b'{"kind":"event","id":"x"}\n',
        )
        report = store.write(bad[0] + good[0] + bad[1] + bad[2] + good[1] + bad[3])
        store.refresh()
        assert (report.stored, report.duplicate) == (2, 0)
        assert [refusal.index for refusal in report.refused] == [0, 2, 3, 5]
        assert all(refusal.code in PROBLEMS and refusal.detail for refusal in report.refused)
        assert read_ids(store) == ["a", "b"]

    def test_write_concurrently_stores_each_once(self, store: Store) -> None:
        events = [make_event(event_id=f"c{n:03d}", time_ms=NOON_MS + n % 7 * DAY_MS) for n in range(200)]
        batches = [to_lines(*events[start : start + 100]) for start in range(0, 101, 20)]
        with ThreadPoolExecutor(len(batches)) as pool:
            reports = list(pool.map(store.write, batches))
        store.refresh()
        assert sum(report.stored for report in reports) == 200
        assert sum(report.duplicate for report in reports) == 400
        assert sorted(read_ids(store)) == [event.event_id for event in events]
        rows = read_facts(store, "event")
        assert len({(row["shard"], row["seq"]) for row in rows}) == len(rows) == 200

    def test_write_while_reading_never_fails(self, store: Store) -> None:
        put(store, to_lines(make_event()))
        batches = [to_lines(*(make_event() for _ in range(50))) for _ in range(6)]
        with ThreadPoolExecutor(4) as pool:
            writes = [pool.submit(store.write, batch) for batch in batches]
            counts = [pool.submit(read_ids, store) for _ in range(6)]
            assert sum(write.result().stored for write in writes) == 300
            assert all(1 <= len(count.result()) <= 301 for count in counts)
        store.refresh()
        assert len(read_ids(store)) == 301

    def test_ensure_schema_again_and_at_once_is_harmless(self, store: Store) -> None:
        put(store, FACT_LINES["event"])
        with ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(store.ensure_schema) for _ in range(4)]:
                future.result()
        store.ensure_schema()
        assert read_ids(store) == ["f1"]

    def test_declare_names_again_is_harmless(self, store: Store) -> None:
        for _ in range(2):
            store.declare_names(("plan", "a.b", "100%", "*"))
        put(store, to_lines(make_event(properties={"*": 1})))
        assert len(read_ids(store)) == 1

    def test_scan_numbers_grow_and_since_is_exclusive(self, store: Store) -> None:
        put(store, to_lines(*(make_event(event_id=f"n{n}") for n in range(5))))
        (partition,) = [part for part in store.partitions() if part.kind == "event"]
        assert {shard.id for shard in partition.shards} >= {
            row["shard"] for row in read_facts(store, "event")
        }
        since = {shard.id: shard.checkpoint for shard in partition.shards}
        assert list(_ids(store, partition, since)) == []
        put(store, to_lines(*(make_event(event_id=f"m{n}") for n in range(5))))
        assert sorted(_ids(store, partition, since)) == ["m0", "m1", "m2", "m3", "m4"], "no upper bound"
        (again,) = [part for part in store.partitions() if part.kind == "event"]
        assert (again.period, again.identity) == (partition.period, partition.identity)
        rows = read_facts(store, "event")
        assert rows == sorted(rows, key=lambda row: (row["shard"], row["seq"]))

    def test_scan_gives_columns_in_the_order_asked(self, store: Store) -> None:
        odd = {"a.b": "x", "100%": [2, "y", None], "*": [], "'": "1e400", '"': {"k": 1}}
        put(store, to_lines(make_event(properties=odd, value=[1, "b"]), make_event(user_id="u")))
        columns = (
            "num.100%", "props.100%", "props.a.b", "props.*", "props.'", "num.'", 'props."', "props.none",
            "value", "value_num", "active", "kinds", "user_key", "time",
        )  # fmt: skip
        rows = sorted(read_facts(store, "event", columns), key=lambda row: row["user_key"] is not None)
        assert list(rows[0]) == ["shard", "seq", *columns]
        assert [rows[0][name] or None for name in columns[:8]] == [
            [2.0], ["2", "y"], ["x"], None, ["1e400"], None, None, None,
        ]  # fmt: skip
        assert (rows[0]["value"], rows[0]["value_num"], rows[0]["user_key"]) == (["1", "b"], [1.0], None)
        assert sorted(rows[0]["kinds"]) == sorted(
            ["a.b\x01text", "100%\x01list", "*\x01list", "'\x01text", '"\x01object', "\x01list"]
        )
        assert [rows[1][name] or None for name in columns[:8]] == [None] * 8
        assert (rows[1]["value"], rows[1]["active"], rows[1]["kinds"] or None) == (["1"], True, None)

    def test_partitions_are_ordered_by_period(self, store: Store) -> None:
        times = (NOON_MS + MONTH_MS, 0, NOON_MS, NOON_MS + 2 * MONTH_MS)
        put(store, to_lines(*(make_event(time_ms=time) for time in times)) + FACT_LINES["link"])
        periods = [part.period for part in store.partitions() if part.kind == "event"]
        assert periods == ["old", "2026.11", "2026.12", "2027.01"]
        assert [part.kind for part in store.partitions() if part.kind == "link"] == ["link"]
        assert all(dataclasses.asdict(part)["shards"] for part in store.partitions())


def _ids(store: Store, partition: Any, since: dict[str, int]) -> list[str]:
    store.refresh()
    return [id for batch in store.scan(partition, since, ("id",)) for id in batch.column("id").to_pylist()]
