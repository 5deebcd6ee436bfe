"""The line of an event says what a plain construction of its members says, for events of any JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from openmetrics.ingest.event import Event, iter_paths, key_of
from openmetrics.ingest.line import event_line
from openmetrics.query.values import index_value, is_indexable_name, kind_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["", '"', "\\", "\x00", "\x01", "12", "-0", "1e3", "007", "1e999", "\u2028", "ü", "😀", "x" * 1025]
)
scalars = st.one_of(
    texts,
    st.booleans(),
    st.none(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 2**53, 2**53 - 1, -(2**53), 1e21, 1e-7, -0.0, 10**400]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
objects = st.dictionaries(texts, values, max_size=5)
events = st.builds(
    Event, texts, st.integers(0, 2**42), st.integers(0, 2**42), texts, st.none() | texts, st.none() | texts,
    objects, objects, values, values, st.booleans(), objects, st.none() | texts, st.booleans(),
    st.none() | texts, st.none() | st.just("2026.11"),
)  # fmt: skip


def describe(event: Event, new: list[str], refused: set[str]) -> dict[str, Any]:
    """Build the members one after the other, as `openmetrics.ingest.event` says."""
    line: dict[str, Any] = {"kind": "event", "id": event.event_id, "time": event.time_ms}
    line["received"] = event.received_ms
    optional = {"also": event.also, "new": new or None, "name": event.name, "source": event.source}
    optional |= {"user_id": event.user_id, "session_id": event.session_id}
    line |= {name: member for name, member in optional.items() if member is not None}
    for member, prefix in (("user", "u"), ("session", "s")):
        if f"{member}_id" in line:
            line[f"{member}_key"] = key_of(prefix, line[f"{member}_id"])
    line["value"], line["value_num"] = index_value(event.value)
    line["active"] = event.active
    kept = {
        name: value
        for name, value in event.properties.items()
        if is_indexable_name(name) and name not in refused
    }
    index = {name: index_value(value) for name, value in kept.items()}
    line["props"] = {name: found for name, (found, _) in index.items() if found}
    line["num"] = {name: found for name, (_, found) in index.items() if found}
    line["has"] = list(kept)
    line["kinds"] = [f"{name}\x01{kind_of(value)}" for name, value in kept.items()]
    if type(event.value) not in (int, float):
        line["kinds"].append(f"\x01{kind_of(event.value)}")
    for member, content in (("fields", event.fields), ("context", event.context)):
        line[member] = {}
        for path, value in iter_paths(content):
            if not is_indexable_name(path):
                continue
            line["has"].append(f"{member}\x01{path}")
            if found := [text for text in index_value(value)[0] if "\0" not in text]:
                line[member].setdefault(path, []).extend(found)
    raw = {"value": event.value, "properties": event.properties, "fields": event.fields}
    raw |= {"data": event.data} if event.has_data else {}
    raw |= {"context": event.context}
    line["raw"] = {name: member for name, member in raw.items() if name in ("value", "data") or member}
    line["raw"] |= {} if event.client_time is None else {"client_time": event.client_time}
    return line


@settings(max_examples=100)
@given(events, st.lists(texts, max_size=2), st.sets(texts, max_size=2))
def test_line_says_what_the_plain_construction_says(event: Event, new: list[str], refused: set[str]) -> None:
    expected = describe(event, new, refused)
    for _ in range(2):  # the second time from the shape that was learnt
        line = event_line(event, new, refused)
        assert line.endswith(b"}\n")
        assert line.count(b"\n") == 1
        found = json.loads(line)
        found["raw"] = json.loads(found["raw"])
        optional = ("props", "num", "has", "kinds", "fields", "context")
        assert {**dict.fromkeys(optional), **found} == {
            **expected,
            **{name: expected[name] or found.get(name) for name in optional},
        }
        assert list(found)[:3] == ["kind", "id", "time"]
