"""Read one spool line back, and say what is wrong with one that cannot be stored."""

from __future__ import annotations

from typing import Any

import orjson

from openmetrics.ingest.event import period_of
from openmetrics.store.base import StoredEvent

REQUIRED: dict[str, dict[str, type]] = {
    "event": {"name": str, "value": list, "value_num": list, "active": bool, "raw": str},
    "link": {"user_id": str, "session_id": str, "explicit": bool},
    "op": {"target": str, "op": str, "raw": str},
    "merge": {"user_id": str, "other": str},
    "unmerge": {"user_id": str, "other": str},
    "tombstone": {"number": int, "user_ids": list, "session_ids": list},
}
"""The members that a fact of each kind must have, beside those of all."""
REQUIRED_OF_ALL: dict[str, type] = {"id": str, "time": int, "received": int}


class LineError(ValueError):
    """Say with a problem code why a line will never be stored."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse_line(line: bytes) -> dict[str, Any]:
    """Parse one spool line. Raises LineError where no engine can store it."""
    try:
        fact = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise LineError("malformed-json", f"The line is not JSON: {error}") from None
    if not isinstance(fact, dict):
        raise LineError("schema-violation", "The line must be a JSON object.")
    kind = fact.get("kind")
    if not isinstance(kind, str) or kind not in REQUIRED:
        raise LineError("schema-violation", f"`kind` must be one of {', '.join(REQUIRED)}.")
    for name, type in {**REQUIRED_OF_ALL, **REQUIRED[kind]}.items():
        value = fact.get(name)
        if not isinstance(value, type) or (type is int and isinstance(value, bool)):
            raise LineError("schema-violation", f"`{name}` of a line of kind {kind} must be {type.__name__}.")
    return fact


def to_stored_event(line: dict[str, Any]) -> StoredEvent:
    """Return an event line as a page holds it."""
    return StoredEvent(
        line["id"], line["time"], line["received"], line["name"], line.get("user_id"),
        line.get("session_id"), line.get("source"), line["active"], line["raw"],
    )  # fmt: skip


def partition_of(fact: dict[str, Any]) -> tuple[str, str]:
    """Return the kind and period of the partition that a fact belongs to; other kinds have no period."""
    return fact["kind"], period_of(fact["time"]) if fact["kind"] == "event" else ""
