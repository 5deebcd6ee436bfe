"""Amplitude: the lines of its Export API. `device_id` is the session.

Of profiles the changes are taken, which stand in events named `$identify`; what an event shows of its user's
properties is kept in its context.
"""

from __future__ import annotations

from collections.abc import Iterable

from openmetrics.plugin import Draft, Identify, Importer
from openmetrics_plugins.importer.members import Record, first_of, object_of, present, without

OPERATIONS = {
    "$set": "properties", "$setOnce": "set_once", "$add": "add", "$append": "append", "$postInsert": "union",
}  # fmt: skip
USED = frozenset(
    (
        "event_type", "event_time", "client_event_time", "client_upload_time", "server_received_time",
        "server_upload_time", "processed_time", "user_id", "device_id", "event_properties", "$insert_id",
        "insert_id", "uuid", "data", "event_id", "$schema",
    )
)  # fmt: skip


def recognise(record: Record) -> bool:
    """Say whether a record is an event of Amplitude."""
    return (
        "event_type" in record and ("event_time" in record) and ("device_id" in record or "user_id" in record)
    )


def decode(record: Record) -> Iterable[Draft]:
    """Read one event, or the change of a profile."""
    time = first_of(record, "event_time", "client_event_time")
    user_id, session_id = first_of(record, "user_id"), first_of(record, "device_id")
    event_id = first_of(record, "uuid", "$insert_id", "insert_id")
    if record.get("event_type") == "$identify":
        return _identify(record, present(time=time, user_id=user_id, session_id=session_id, id=event_id))
    return [
        present(
            name=record.get("event_type"), time=time, user_id=user_id, session_id=session_id,
            event_id=event_id, properties=object_of(record, "event_properties"),
            context=without(record, USED), source="amplitude",
        )
    ]  # fmt: skip


def _identify(record: Record, ids: Record) -> list[Draft]:
    profile = object_of(record, "user_properties")
    found = {
        member: profile[sign] for sign, member in OPERATIONS.items() if isinstance(profile.get(sign), dict)
    }
    unset = profile.get("$unset")
    if isinstance(unset, dict):
        found["unset"] = list(unset)
    plain = {name: value for name, value in profile.items() if not name.startswith("$")}
    if plain:
        found["properties"] = {**plain, **found.get("properties", {})}
    return [Identify({**ids, **found})] if "user_id" in ids or "session_id" in ids else []


IMPORTER = Importer("amplitude", "Amplitude: exported events", recognise, decode)
