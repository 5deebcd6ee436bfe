"""What `accept` makes of drafts: the rulings of semantics section 2."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from openmetrics.ingest.event import Event
from openmetrics.ingest.line import event_line
from openmetrics.ingest.pipeline import Pipeline, Processor
from openmetrics.ingest.receipt import Drop, Identify, Origin, Refused
from openmetrics.schemas import load_schemas
from openmetrics.testing.clock import FixedClock

NOW = int(datetime(2026, 11, 15, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000


class Kept:
    """Stand in for the spool: keep the lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def append(self, lines: bytes) -> None:
        self.lines += [json.loads(line) for line in lines.splitlines()]


class Registry:
    """Stand in for the agreed property names."""

    def __init__(self, known: str = "plan", refused: str = "") -> None:
        self.known = set(known.split())
        self.refused = set(refused.split())


def make(**names: str) -> tuple[Pipeline, Kept]:
    kept = Kept()
    return Pipeline(load_schemas(), kept, Registry(**names), FixedClock(NOW), 1 << 20), kept


def accept(*drafts: Any, sent_at_ms: int | None = None) -> tuple[Any, list[dict[str, Any]]]:
    pipeline, kept = make()
    return pipeline.accept(drafts, Origin(NOW, "test", sent_at_ms)), kept.lines


def test_accept_bad_event_leaves_its_neighbours() -> None:
    receipt, lines = accept(
        {"name": "a"}, {"name": ""}, 17, {"name": "b"}, None, Refused("malformed-json", "no")
    )
    assert receipt.accepted == 2
    assert [line["name"] for line in lines] == ["a", "b"]
    assert [(row.index, row.code, row.pointer) for row in receipt.rejected] == [
        (1, "schema-violation", "/name"),
        (2, "schema-violation", ""),
        (4, "schema-violation", ""),
        (5, "malformed-json", ""),
    ]


def test_accept_bare_event_gets_defaults() -> None:
    _, [line] = accept({"name": "a"})
    assert line["kind"] == "event"
    assert line["time"] == line["received"] == NOW
    assert (line["value"], line["value_num"], line["active"]) == (["1"], [1], True)
    assert line["source"] == "test"
    assert json.loads(line["raw"]) == {"value": 1}
    assert not line.keys() & {
        "user_id",
        "session_id",
        "props",
        "num",
        "has",
        "kinds",
        "fields",
        "also",
        "new",
    }


def test_accept_null_members_count_as_absent_but_for_value() -> None:
    names = (
        "event_id",
        "time",
        "user_id",
        "session_id",
        "properties",
        "fields",
        "context",
        "source",
        "active",
    )
    _, [line] = accept({"name": "a", "value": None, "data": None} | dict.fromkeys(names))
    assert json.loads(line["raw"]) == {"value": None, "data": None}
    assert line["kinds"] == ["\x01null"]
    assert line["active"] is True


@pytest.mark.parametrize(
    ("value", "text", "numbers", "kind"),
    [
        ("pro", ["pro"], None, "text"),
        ("", [""], None, "text"),
        ("-1.5e3", ["-1.5e3"], [-1500.0], "text"),
        ("007", ["007"], None, "text"),
        (1.0, ["1"], [1.0], "number"),
        (-0.0, ["0"], [0.0], "number"),
        (1e21, ["1e+21"], [1e21], "number"),
        (10**30, [str(10**30)], [1e30], "number"),
        (10**400, [str(10**400)], None, "number"),
        (True, ["true"], None, "boolean"),
        (False, ["false"], None, "boolean"),
        (None, None, None, "null"),
        ([], None, None, "list"),
        ([1, "x", True, None, {"a": 1}, [2]], ["1", "x", "true"], [1.0], "list"),
        ({"a": 1}, None, None, "object"),
        ("x" * 1024, ["x" * 1024], None, "text"),
        ("x" * 1025, None, None, "text"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_accept_property_is_indexed_by_canonical_text(
    value: object, text: list[str] | None, numbers: list[float] | None, kind: str
) -> None:
    _, [line] = accept({"name": "a", "properties": {"plan": value}})
    assert line.get("props", {}).get("plan") == text
    assert line.get("num", {}).get("plan") == numbers
    assert line["has"] == ["plan"]
    assert line["kinds"] == [f"plan\x01{kind}"]
    assert json.loads(line["raw"])["properties"] == {"plan": value}


@pytest.mark.parametrize("name", ["", " \t", "a\0b", "a\x01b", "x" * 201])
def test_accept_odd_property_name_is_kept_and_not_indexed(name: str) -> None:
    receipt, [line] = accept({"name": "a", "properties": {name: 1, "plan": 2}})
    assert line["has"] == ["plan"]
    assert json.loads(line["raw"])["properties"] == {name: 1, "plan": 2}
    assert [(row.code, row.pointer) for row in receipt.warnings] == [
        ("property-not-indexed", f"/0/properties/{name[:200]}")
    ]


def test_accept_new_names_are_marked_and_refused_ones_left_out() -> None:
    pipeline, kept = make(known="plan", refused="over")
    receipt = pipeline.accept([{"name": "a", "properties": {"b": 1, "plan": 1, "over": 1}}], Origin(NOW))
    assert kept.lines[0]["new"] == ["b"]
    assert kept.lines[0]["has"] == ["b", "plan"]
    assert receipt.warnings[0].pointer == "/0/properties/over"


def test_accept_fields_and_context_are_flat_paths() -> None:
    sent = {"user": {"mail": "a@b", "tags": ["x", {"y": 1}]}, "n": 1.0}
    _, [line] = accept({"name": "a", "fields": sent, "context": {"page": {"url": "/"}}})
    assert line["fields"] == {"user.mail": ["a@b"], "user.tags": ["x"], "n": ["1"]}
    assert line["context"] == {"page.url": ["/"]}
    assert "fields\x01user" in line["has"]
    assert "context\x01page.url" in line["has"]
    assert json.loads(line["raw"])["fields"] == sent


def test_accept_numeric_ids_become_text() -> None:
    receipt, _ = accept({"name": "a", "user_id": 7, "session_id": 1.0, "event_id": 10**20})
    event = receipt.events[0]
    assert (event.user_id, event.session_id, event.event_id) == ("7", "1", str(10**20))


@pytest.mark.parametrize("id", ["", "x" * 257, "é" * 257, "🙂" * 129, "a\nb", "a\x7fb", "\x85", True, [], {}])
@pytest.mark.parametrize("member", ["event_id", "user_id", "session_id"])
def test_accept_bad_id_is_refused_with_its_pointer(member: str, id: object) -> None:
    receipt, lines = accept({"name": "a", member: id})
    assert [(row.code, row.pointer) for row in receipt.rejected] == [("schema-violation", f"/{member}")]
    assert not lines


def test_accept_time_more_than_a_day_ahead_is_set_to_receipt() -> None:
    _, [near, far] = accept(
        {"name": "a", "time": NOW + DAY}, {"name": "a", "time": NOW + DAY + 1, "event_id": "x"}
    )
    assert near["time"] == NOW + DAY
    assert far["time"] == NOW
    assert json.loads(far["raw"])["client_time"] == NOW + DAY + 1


@pytest.mark.parametrize(("skew", "shift"), [(5_000, 0), (5_001, 5_001), (-3_600_000, -3_600_000)])
def test_accept_clock_skew_over_five_seconds_corrects_times(skew: int, shift: int) -> None:
    _, [line] = accept({"name": "a", "time": NOW - DAY}, sent_at_ms=NOW - skew)
    assert line["time"] == NOW - DAY + shift


def at(day: int, month: int = 11) -> int:
    return int(datetime(2026, month, day, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "draft", "also"),
    [
        (at(1), {"event_id": "x"}, "2026.10"),
        (at(29), {"event_id": "x"}, "2026.12"),
        (at(15), {"event_id": "x"}, None),
        (at(1), {}, None),
        (at(1), {"event_id": "x", "time": "2026-11-01"}, None),
        (at(1), {"event_id": "x", "time": "2027-11-01"}, "2026.10"),
    ],
)
def test_accept_own_time_near_a_months_edge_asks_the_neighbour(
    now: int, draft: dict[str, Any], also: str | None
) -> None:
    pipeline, kept = make()
    pipeline.accept([{"name": "a"} | draft], Origin(now))
    assert kept.lines[0].get("also") == also


def test_accept_event_with_both_ids_links_once_and_again_when_earlier() -> None:
    pipeline, kept = make()
    for time in (NOW, NOW, NOW + 5, NOW - 5):
        pipeline.accept([{"name": "a", "user_id": "u", "session_id": "s", "time": time}], Origin(NOW))
    links = [line for line in kept.lines if line["kind"] == "link"]
    assert [(link["time"], link["explicit"]) for link in links] == [(NOW, False), (NOW - 5, False)]
    assert len({link["id"] for link in links}) == 2


def test_accept_identify_makes_link_and_operations() -> None:
    body = {
        "session_id": "s",
        "user_id": 7,
        "properties": {"a": 1},
        "add": {"n": 2},
        "unset": ["b"],
        "id": "k",
    }
    receipt, lines = accept(
        Identify(body), Identify({"session_id": "s"}), Identify({}), Identify({"add": {"a": "x"}})
    )
    assert receipt.accepted == 2
    assert [row.pointer for row in receipt.rejected] == ["", "/add/a"] or len(receipt.rejected) == 2
    kinds = [(line["kind"], line.get("op"), line["id"]) for line in lines]
    assert kinds[0][:2] == ("link", None)
    assert kinds[1:4] == [("op", "set", "k:set"), ("op", "add", "k:add"), ("op", "unset", "k:unset")]
    assert lines[1]["user_id"] == "7"
    assert (lines[4]["op"], lines[4]["session_id"], lines[4]["raw"]) == ("set", "s", "{}")


def test_accept_huge_event_is_refused_alone() -> None:
    receipt, lines = accept({"name": "a", "data": "x" * (1 << 20)}, {"name": "b"})
    assert [row.code for row in receipt.rejected] == ["payload-too-large"]
    assert [line["name"] for line in lines] == ["b"]


def nest(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("member", ["value", "data", "properties", "fields", "context"])
def test_accept_json_deeper_than_64_levels_is_refused(member: str) -> None:
    def wrap(depth: int) -> Any:
        return nest(depth - 1) if member in ("value", "data") else {"a": nest(depth - 2)}

    receipt, _ = accept({"name": "a", member: wrap(64)}, {"name": "a", member: wrap(65)})
    assert [(row.index, row.pointer) for row in receipt.rejected] == [(1, f"/{member}")]


def test_accept_processors_change_and_drop() -> None:
    def mark(event: Event, origin: Origin) -> Event:
        event.properties = {**event.properties, "plan": "x"}
        return event

    def drop(event: Event, origin: Origin) -> Event | Drop:
        return Drop("bot") if event.name == "b" else event

    pipeline, kept = make()
    pipeline.processors = (Processor("mark", "enrich", mark), Processor("drop", "filter", drop))
    receipt = pipeline.accept([{"name": "a"}, {"name": "b"}], Origin(NOW))
    assert receipt.accepted == 2
    assert [line["props"] for line in kept.lines] == [{"plan": ["x"]}]
    assert pipeline.counts["dropped:bot"] == 1


def test_event_line_refused_name_does_not_spoil_the_shape_of_others() -> None:
    def line(refused: frozenset[str]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            event_line(Event("e", 1, 1, "n", properties={"p": 1, "q": 2}), [], refused)
        )
        return found

    assert line(frozenset())["has"] == ["p", "q"]
    assert line(frozenset(("q",)))["has"] == ["p"]
    assert line(frozenset())["has"] == ["p", "q"]


@pytest.mark.parametrize(
    "make_value", [list, dict, lambda: "x", lambda: 1], ids=["list", "dict", "text", "int"]
)
def test_event_line_is_one_line(make_value: Callable[[], object]) -> None:
    line = event_line(Event("a\u2028b", 1, 1, "n\nm", properties={"a\nb": make_value()}))
    assert line.count(b"\n") == 1
    assert line.startswith(b'{"kind":"event","id":"')
