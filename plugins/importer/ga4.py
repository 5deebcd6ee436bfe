"""Google Analytics 4: the rows of its BigQuery export, as JSON lines or Parquet.

`user_pseudo_id` is the session. `event_params` become properties; a user property changes the profile at the
moment at which it was set.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.plugin import Draft, Identify, Importer
from openmetrics_plugins.importer.members import Record, first_of, object_of, present, without

USED = frozenset(
    (
        "event_name", "event_timestamp", "event_date", "event_params", "user_id", "user_pseudo_id",
        "user_properties", "event_previous_timestamp", "event_value_in_usd", "items", "ecommerce",
        "event_bundle_sequence_id", "event_server_timestamp_offset", "user_first_touch_timestamp",
    )
)  # fmt: skip
KINDS = ("string_value", "int_value", "double_value", "float_value")


def recognise(record: Record) -> bool:
    """Say whether a record is a row of the export."""
    return {"event_name", "event_timestamp", "event_params"} <= record.keys()


def decode(record: Record) -> Iterable[Draft]:
    """Read one row: the event, and a change of the profile for each user property."""
    ids = present(user_id=first_of(record, "user_id"), session_id=first_of(record, "user_pseudo_id"))
    properties = {key: value for key, value, _ in _iter_params(record.get("event_params"))}
    for name in ("items", "ecommerce"):
        if record.get(name):
            properties.setdefault(name, record[name])
    value = first_of(record, "event_value_in_usd")
    drafts: list[Draft] = [
        present(
            name=record.get("event_name"), time=_to_time(record.get("event_timestamp")), **ids,
            properties=properties, value=first_of(properties, "value") if value is None else value,
            context=without(record, USED), source="ga4",
        )
    ]  # fmt: skip
    owner = first_of(ids, "user_id", "session_id")
    for key, value, set_at in _iter_params(record.get("user_properties")):
        if owner is not None and set_at is not None:
            id = f"ga4-{owner}-{key}-{set_at}"[:150]
            one = "user_id" if "user_id" in ids else "session_id"
            time = _to_time(set_at)
            drafts.append(Identify({one: owner, "id": id, "time": time, "properties": {key: value}}))
    return drafts


def _iter_params(params: Any) -> Iterable[tuple[str, Any, Any]]:
    """Yield the key, the one value that is there, and when it was set."""
    for param in params if isinstance(params, list) else ():
        if not isinstance(param, dict) or not isinstance(param.get("key"), str):
            continue
        content = object_of(param, "value")
        for kind in KINDS:
            if (value := content.get(kind)) is not None:
                is_number = kind == "int_value" and isinstance(value, str) and value.lstrip("-").isdigit()
                yield param["key"], int(value) if is_number else value, content.get("set_timestamp_micros")
                break


def _to_time(value: Any) -> Any:
    """Return microseconds as the number that they are: BigQuery writes them as text."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


IMPORTER = Importer("ga4", "Google Analytics 4: rows of the BigQuery export", recognise, decode)
