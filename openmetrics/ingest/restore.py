"""Read facts back from the records of an export.

A record is an object with `kind` and `time`, and mostly `received`. Of kind `event` it is an event as
answers show it, with `sent_user_id` where that is not `user_id`; of kind `link` it has `session_id`,
`user_id`, `explicit`; of kind `operation` `id`, `op`, `content`, `target`, and `user_id` or `session_id`;
of kinds `merge` and `unmerge` `id`, `user_id`, `from`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmetrics.ingest.document import MAX_DEPTH, check_depth
from openmetrics.ingest.event import (
    Event,
    ProfileOperation,
    link_id,
    link_line,
    merge_line,
    operation_line,
)
from openmetrics.ingest.normalise import DAY_MS, FUTURE, TOO_DEEP, RejectionError, read_time, text_id
from openmetrics.query.times import parse_time


def restore_event(record: Mapping[str, Any], now_ms: int) -> Event:
    """Build an event from a record that its schema has passed. Raises RejectionError."""
    get = record.get
    sent = record["sent_user_id"] if "sent_user_id" in record else get("user_id")
    time_ms, received_ms = _read_times(record, now_ms)
    event = Event(
        text_id(record["event_id"], "/event_id"), time_ms, received_ms, record["name"],
        None if sent is None else text_id(sent, "/user_id"),
        None if get("session_id") is None else text_id(record["session_id"], "/session_id"),
        get("properties") or {}, get("fields") or {}, get("value", 1), get("data"), "data" in record,
        get("context") or {}, get("source"), get("active") is not False, get("client_time"),
    )  # fmt: skip
    if not check_depth(record, 1):
        raise RejectionError(TOO_DEEP)
    return event


def restore_fact(record: Mapping[str, Any], now_ms: int) -> bytes:
    """Build the line of a link, an operation, a merge or its undoing. Raises RejectionError."""
    time_ms, received_ms = _read_times(record, now_ms)
    kind = record["kind"]
    user_id = None if record.get("user_id") is None else text_id(record["user_id"], "/user_id")
    if kind in ("merge", "unmerge"):
        assert user_id is not None, "the schema asks for it"
        return merge_line(kind, record["id"], user_id, text_id(record["from"], "/from"), time_ms)
    session_id = None if record.get("session_id") is None else text_id(record["session_id"], "/session_id")
    if kind == "link":
        assert user_id is not None
        assert session_id is not None
        if user_id == session_id:
            raise RejectionError("a session cannot be linked to itself", "/user_id")
        is_explicit = record.get("explicit") is not False
        id = link_id(session_id, user_id, time_ms, is_explicit)
        return link_line(id, user_id, session_id, time_ms, received_ms, is_explicit)
    if not check_depth(record["content"], 2):
        raise RejectionError(f"JSON may nest {MAX_DEPTH} levels deep", "/content")
    _check_content(record)
    return operation_line(
        ProfileOperation(
            record["id"], time_ms, received_ms, record["op"], record["content"], user_id, session_id,
            record.get("target", "actor"),
        )
    )  # fmt: skip


def _check_content(record: Mapping[str, Any]) -> None:
    is_list = isinstance(record["content"], list)
    if is_list != (record["op"] == "unset"):
        wanted = "a list of names" if record["op"] == "unset" else "an object of names and values"
        raise RejectionError(f"the operation {record['op']} takes {wanted}", "/content")


def _read_times(record: Mapping[str, Any], now_ms: int) -> tuple[int, int]:
    """Return when it happened and when it was received: never later than now."""
    time_ms = read_time(record["time"], "/time")
    received_ms = now_ms
    if record.get("received") is not None:
        try:
            received_ms = min(now_ms, parse_time(record["received"]))
        except ValueError as error:
            raise RejectionError(str(error), "/received") from error
    if time_ms > now_ms + DAY_MS:
        raise RejectionError(FUTURE, "/time")
    return time_ms, received_ms
