"""Mixpanel: the lines of its Raw Event Export API, and the profiles of its Engage Query API.

`$device_id` is the session and `$user_id` the user. Projects of the older identity model have neither: there
`distinct_id` is the user, and `$identify`, `$create_alias` and `$merge` join two ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.plugin import Draft, Identify, Importer, Refused
from openmetrics_plugins.importer.members import Record, first_of, object_of, present, without

DEVICE = "$device:"
JOINS = frozenset(("$identify", "$create_alias", "$merge"))
IDS = frozenset(("time", "distinct_id", "$insert_id", "$user_id", "$device_id"))


def recognise(record: Record) -> bool:
    """Say whether a record is an event or a profile of Mixpanel."""
    if "$distinct_id" in record and "$properties" in record:
        return True
    properties = record.get("properties")
    return (
        record.keys() == {"event", "properties"}
        and isinstance(properties, dict)
        and "time" in properties
        and "distinct_id" in properties
    )


def decode(record: Record) -> Iterable[Draft]:
    """Read one event or profile."""
    if "$distinct_id" in record:
        profile = object_of(record, "$properties")
        time = first_of(profile, "$last_seen")
        return [Identify(present(user_id=record["$distinct_id"], properties=profile or None, time=time))]
    properties = object_of(record, "properties")
    user_id, session_id = _read_ids(properties)
    time = properties.get("time")
    name = record.get("event")
    if name in JOINS:
        return _join(properties, time)
    if not isinstance(name, str):
        return [Refused("schema-violation", "takes text: the name of the event", "/event")]
    return [
        present(
            name=name, time=time, user_id=user_id, session_id=session_id,
            event_id=first_of(properties, "$insert_id"), properties=without(properties, IDS),
            source="mixpanel",
        )
    ]  # fmt: skip


def _read_ids(properties: Record) -> tuple[Any, Any]:
    user_id, session_id = first_of(properties, "$user_id"), first_of(properties, "$device_id")
    distinct_id = first_of(properties, "distinct_id")
    if isinstance(distinct_id, str) and distinct_id.startswith(DEVICE):
        return user_id, session_id or distinct_id.removeprefix(DEVICE)
    if user_id is None and distinct_id is not None and distinct_id != session_id:
        user_id = distinct_id
    return user_id, session_id


def _join(properties: Record, time: Any) -> list[Draft]:
    """Read an event that says that two ids are one: the anonymous one becomes a session of the other."""
    pair = properties.get("$distinct_ids")
    if not isinstance(pair, list):
        user_id = first_of(properties, "$identified_id", "$user_id", "alias", "distinct_id")
        other = first_of(properties, "$anon_id", "$anon_distinct_id", "$device_id", "distinct_id")
        pair = [other, user_id]
    ids = [id.removeprefix(DEVICE) if isinstance(id, str) else id for id in pair[:2]]
    if len(ids) < 2 or None in ids or ids[0] == ids[1]:
        return []
    return [Identify(present(session_id=ids[0], user_id=ids[1], time=time))]


IMPORTER = Importer("mixpanel", "Mixpanel: raw events and profiles", recognise, decode)
