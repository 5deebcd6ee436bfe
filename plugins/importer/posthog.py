"""PostHog: events and persons of its batch exports, NDJSON or Parquet, and events of its API.

`$device_id` is the session. `distinct_id` is the user unless it is that of a device that nobody has
identified. `$set`, `$set_once` and `$unset` change the profile.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.plugin import Draft, Identify, Importer
from openmetrics_plugins.importer.members import Record, first_of, object_of, present, without

IDENTIFY = "$identify"
ALIASES = frozenset(("$create_alias", "$merge_dangerously"))
SETTERS = {"$set": "properties", "$set_once": "set_once"}
HIDDEN = frozenset((*SETTERS, "$unset", "$device_id", "$user_id", "$anon_distinct_id", "alias", "token"))


def recognise(record: Record) -> bool:
    """Say whether a record is an event or a person of PostHog."""
    is_person = {"person_id", "distinct_id", "properties"} <= record.keys() and "event" not in record
    return is_person or {"event", "distinct_id", "properties", "timestamp"} <= record.keys()


def decode(record: Record) -> Iterable[Draft]:
    """Read one event, with what it says about its user, or a person."""
    properties = object_of(record, "properties")
    distinct_id = first_of(record, "distinct_id")
    if "event" not in record:
        return [Identify(present(user_id=distinct_id, properties=properties or None))]
    time, name = first_of(record, "timestamp"), record.get("event")
    user_id, session_id = _read_ids(name, distinct_id, properties)
    event_id = first_of(record, "uuid", "id")
    draft: Draft = present(
        name=name, time=time, user_id=user_id, session_id=session_id, event_id=event_id,
        properties=without(properties, HIDDEN), source="posthog",
    )  # fmt: skip
    said = {
        member: found
        for sign, member in SETTERS.items()
        if (found := object_of(properties, sign) or object_of(record, sign[1:]))
    }
    if isinstance(properties.get("$unset"), list):
        said["unset"] = properties["$unset"]
    drafts: list[Draft] = [draft]
    if said:
        drafts.append(
            Identify(present(time=time, user_id=user_id, session_id=session_id, id=event_id) | said)
        )
    return [*drafts, *_link(name, distinct_id, properties, time)]


def _read_ids(name: Any, distinct_id: Any, properties: Record) -> tuple[Any, Any]:
    user_id, session_id = first_of(properties, "$user_id"), first_of(properties, "$device_id")
    if name == IDENTIFY:
        return distinct_id, session_id
    is_device = distinct_id == session_id or properties.get("$is_identified") is False
    if is_device or properties.get("$process_person_profile") is False:
        return user_id, session_id or distinct_id
    return user_id or distinct_id, session_id


def _link(name: Any, distinct_id: Any, properties: Record, time: Any) -> list[Draft]:
    """Say which anonymous id the event makes a session of its user."""
    other = None
    if name == IDENTIFY:
        other = first_of(properties, "$anon_distinct_id")
    elif name in ALIASES:
        other = first_of(properties, "alias")
    if other is None or other in (distinct_id, first_of(properties, "$device_id")):
        return []
    return [Identify(present(session_id=other, user_id=distinct_id, time=time))]


IMPORTER = Importer("posthog", "PostHog: events and persons", recognise, decode)
