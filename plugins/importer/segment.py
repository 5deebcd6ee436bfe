"""Segment and RudderStack: the calls that their warehouses and archives hold, one a line.

`anonymousId` is the session. `track` gives an event of its own name, `page` and `screen` events of these
names; `identify` and `group` change the profile, `alias` makes the former id a session of the new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.plugin import Draft, Identify, Importer, Refused
from openmetrics_plugins.importer.members import Record, first_of, object_of, present

CALLS = ("track", "page", "screen", "identify", "group", "alias")


def recognise(record: Record) -> bool:
    """Say whether a record is a call."""
    is_call = record.get("type") in CALLS
    return is_call and ("userId" in record or "anonymousId" in record or "previousId" in record)


def decode(record: Record) -> Iterable[Draft]:
    """Read one call."""
    time = first_of(record, "timestamp", "originalTimestamp", "sentAt", "receivedAt")
    user_id, session_id = first_of(record, "userId"), first_of(record, "anonymousId")
    id = first_of(record, "messageId")
    match record.get("type"):
        case "track" | "page" | "screen" as call:
            ids = present(event_id=id, user_id=user_id, session_id=session_id)
            return [_event(call, record, {"time": time, **ids})]
        case "identify":
            profile = object_of(record, "traits") or object_of(object_of(record, "context"), "traits")
        case "group":
            profile = present(group_id=first_of(record, "groupId"), group=object_of(record, "traits") or None)
        case "alias":
            profile, session_id = {}, first_of(record, "previousId")
        case other:
            detail = f"takes one of {', '.join(CALLS)}, not {str(other)[:40]!r}"
            return [Refused("schema-violation", detail, "/type")]
    ids = present(id=id, time=time, user_id=user_id, session_id=session_id)
    return [Identify({**ids, "properties": profile} if profile else ids)]


def _event(call: str, record: Record, ids: Record) -> dict[str, Any]:
    properties = object_of(record, "properties")
    name = record.get("event") if call == "track" else call
    if call != "track" and record.get("name"):
        properties = {"name": record["name"], **properties}
    value = first_of(properties, "revenue", "value")
    context = object_of(record, "context")
    source = str(first_of(record, "channel") or "segment")
    draft = present(name=name, properties=properties, value=value, context=context or None, source=source)
    return {**ids, **draft}


IMPORTER = Importer("segment", "Segment and RudderStack: calls", recognise, decode)
