"""micro-metrics: its collection `tracks` as `mongoexport` writes it, by line or as a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from openmetrics.plugin import Draft, Importer, format_time
from openmetrics_plugins.importer.members import Record, first_of, present

NUMBERS = ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal")


def recognise(record: Record) -> bool:
    """Say whether a record is a metric of MongoDB's."""
    id = record.get("_id")
    return isinstance(id, dict) and "$oid" in id and "type" in record and "createdOn" in record


def decode(record: Record) -> Iterable[Draft]:
    """Read one metric; its id in MongoDB stays."""
    metric = {name: to_plain(value) for name, value in record.items()}
    created = metric.get("createdOn")
    is_number = isinstance(created, int | float) and not isinstance(created, bool)
    return [
        present(
            name=metric.get("type"), event_id=metric["_id"],
            time=format_time(int(created)) if is_number else created,  # type: ignore[arg-type]
            user_id=first_of(metric, "userId", "userID"), session_id=first_of(metric, "sessionId"),
            properties=metric.get("tags"), fields=metric.get("fields"), data=metric.get("data"),
            source="micro_metrics",
        )
        | ({"value": metric["value"]} if "value" in metric else {})
    ]  # fmt: skip


def to_plain(value: Any) -> Any:
    """Return MongoDB's Extended JSON as plain JSON."""
    if isinstance(value, list):
        return [to_plain(element) for element in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        [(sign, content)] = value.items()
        if sign == "$oid":
            return content
        if sign == "$date":
            return to_plain(content)
        if sign in NUMBERS and isinstance(content, str):
            return _to_number(sign, content)
    return {name: to_plain(member) for name, member in value.items()}


def _to_number(sign: str, content: str) -> Any:
    try:
        return int(content) if sign in ("$numberLong", "$numberInt") else float(content)
    except ValueError:
        return content


IMPORTER = Importer("micro_metrics", "micro-metrics: mongoexport of its metrics", recognise, decode)
