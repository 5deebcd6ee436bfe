"""The shape of a fact on its way to the store: one JSON line, the same for every engine.

`openmetrics.ingest.line` writes those of events.

Every line begins with `kind`, `id` and `time` (Unix ms), so that an engine can form its own action by
slicing. A line of kind `event` then holds, in this order:

- `received`: Unix ms at which this server got it.
- `also`: only where the server set or corrected the time near a month's edge: the other period whose ids
  count as duplicates.
- `new`: only where property names are new to the process: the pump first agrees them with other writers.
- `name`, `user_id`, `session_id`, `source`: text as sent; absent where there is none. `user_key`,
  `session_key`: signed 64-bit BLAKE2b of `u:` + id and `s:` + id.
- `value`, `value_num`: lists of the value's canonical texts and numbers.
- `active`: boolean.
- `props`, `num`: name to list of canonical texts, and of numbers.
- `has`: names of the properties present; of fields and context members as `fields` U+0001 path.
- `kinds`: name U+0001 kind of each property; the value's kind, unless a number, under the empty name.
- `fields`, `context`: dotted path to list of canonical texts.
- `raw`: what was sent, as JSON text: `value`, `properties`, `fields`, `data`, `context`, `client_time`;
  members not sent are absent.

Empty `props`, `num`, `has`, `kinds`, `fields`, `context` may be absent.

Other kinds: `link` (`received user_id session_id user_key session_key explicit`), `op` (`received`,
`user_id` or `session_id` with its key, `target` actor or session, `op` set set_once add append union unset,
`raw`: JSON text of an object, of a list of names for unset), `merge` and `unmerge` (`received user_id
other`), `tombstone` (`received number user_ids session_ids`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal

import orjson

OLD_PERIOD = "old"
OLD_BEFORE_MS = 946_684_800_000  # 2000-01-01
Operation = Literal["set", "set_once", "add", "append", "union", "unset"]
OPERATIONS: tuple[Operation, ...] = ("set", "set_once", "add", "append", "union", "unset")


@dataclass(slots=True)
class Event:
    """One event after normalisation: what processors see and the spool line is made from.

    PERF: not frozen, since a frozen dataclass of this size costs 3 µs to make; nobody writes to it but
    processors, which return it.
    """

    event_id: str
    time_ms: int
    received_ms: int
    name: str
    user_id: str | None = None
    session_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    value: Any = 1
    data: Any = None
    has_data: bool = False
    context: dict[str, Any] = field(default_factory=dict)
    source: str | None = None
    active: bool = True
    client_time: Any = None
    also: str | None = None


@lru_cache(maxsize=50_000)
def key_of(prefix: str, id: str) -> int:
    """Return the signed 64-bit key of a user (`u`) or session (`s`) id."""
    digest = blake2b(f"{prefix}:{id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def period_of(time_ms: int) -> str:
    """Return the storage period of an event time: `2026.11`, or `old` before the year 2000."""
    if time_ms < OLD_BEFORE_MS:
        return OLD_PERIOD
    return _month_of_day(time_ms // 86_400_000)


@lru_cache(maxsize=4_096)
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y.%m")


def to_json(value: Any) -> bytes:
    """Serialise any JSON value, integers of any size included."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def iter_paths(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) of every member of nested objects, parents before children."""
    for name, member in value.items():
        path = f"{prefix}{name}"
        yield path, member
        if isinstance(member, dict):
            yield from iter_paths(member, f"{path}.")


def link_id(session_id: str, user_id: str, time_ms: int, is_explicit: bool) -> str:
    """Return the identity of a link: a hash of all that it says."""
    text = f"{session_id}\0{user_id}\0{time_ms}\0{is_explicit}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def link_line(
    id: str, user_id: str, session_id: str, time_ms: int, received_ms: int, explicit: bool
) -> bytes:
    """Serialise the link of a session to a user."""
    line = {
        "kind": "link", "id": id, "time": time_ms, "received": received_ms,
        "user_id": user_id, "session_id": session_id,
        "user_key": key_of("u", user_id), "session_key": key_of("s", session_id), "explicit": explicit,
    }  # fmt: skip
    return orjson.dumps(line) + b"\n"


@dataclass(frozen=True, slots=True)
class ProfileOperation:
    """One operation on the profile of a user, of whoever owns a session, or of a session itself."""

    id: str
    time_ms: int
    received_ms: int
    op: Operation
    content: Any
    """An object of names and values; for `unset` a list of names."""
    user_id: str | None = None
    session_id: str | None = None
    target: Literal["actor", "session"] = "actor"


def operation_line(operation: ProfileOperation) -> bytes:
    """Serialise a profile operation."""
    line: dict[str, Any] = {
        "kind": "op", "id": operation.id, "time": operation.time_ms, "received": operation.received_ms
    }  # fmt: skip
    if operation.user_id is not None:
        line["user_id"] = operation.user_id
        line["user_key"] = key_of("u", operation.user_id)
    if operation.session_id is not None:
        line["session_id"] = operation.session_id
        line["session_key"] = key_of("s", operation.session_id)
    line["target"] = operation.target
    line["op"] = operation.op
    line["raw"] = to_json(operation.content).decode()
    return orjson.dumps(line) + b"\n"


def merge_line(kind: Literal["merge", "unmerge"], id: str, keep: str, other: str, time_ms: int) -> bytes:
    """Serialise the merge of two users, or its undoing."""
    line = {"kind": kind, "id": id, "time": time_ms, "received": time_ms, "user_id": keep, "other": other}
    return orjson.dumps(line) + b"\n"


def tombstone_line(number: int, user_ids: list[str], session_ids: list[str], time_ms: int) -> bytes:
    """Serialise the erasure of a user: all its ids and the sessions that were its own."""
    line = {
        "kind": "tombstone", "id": str(number), "time": time_ms, "received": time_ms,
        "number": number, "user_ids": user_ids, "session_ids": session_ids,
    }  # fmt: skip
    return orjson.dumps(line) + b"\n"
