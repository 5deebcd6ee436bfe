"""Our own forms: what `/v1/export` gives, in NDJSON, CSV and Parquet, and what `/v1/collect` takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from openmetrics.plugin import (
    Draft,
    Identify,
    Importer,
    OpenMetricsError,
    Refused,
    Restored,
    parse_document,
)
from openmetrics_plugins.importer.documents import KINDS

FACTS = frozenset(("event", "link", "operation", "merge", "unmerge"))
MARKS = frozenset(("cursor", "end"))
"""Lines of an export that hold no fact."""
EVENT = frozenset(
    (
        "event_id", "name", "time", "user_id", "session_id", "properties", "fields", "value", "data",
        "context", "source", "active",
    )
)  # fmt: skip
IDENTIFY = frozenset(
    (
        "id", "time", "user_id", "session_id", "properties", "set_once", "add", "append", "union", "unset",
    )
)  # fmt: skip
TEXTS = ("properties", "fields", "value", "data", "context", "client_time", "content")
"""Columns of exported tables that hold JSON as text."""


def recognise_export(record: Mapping[str, Any]) -> bool:
    """Say whether a record is one of an export."""
    kind = record.get("kind")
    if kind in MARKS or kind in KINDS or kind == "profile":
        return True
    return kind in FACTS and "time" in record and ("id" in record or "user_id" in record or "name" in record)


def decode_export(record: Mapping[str, Any]) -> Iterable[Draft]:
    """Take a fact back as it was stored; a profile sets the properties that it shows."""
    kind = record.get("kind", "event")
    if kind in MARKS:
        return []
    if kind == "profile":
        return _decode_profile(record)
    if kind in KINDS:
        return [Restored(record)]
    if kind not in FACTS:
        return [Refused("schema-violation", f"takes one of {', '.join(sorted(FACTS))}", "/kind")]
    if any(isinstance(record.get(name), str) for name in ("properties", "content", "explicit")):
        try:
            return [Restored(_unfold(record))]
        except OpenMetricsError as error:
            return [Refused(error.code, error.detail)]
    return [Restored(record)]


def recognise_collect(record: Mapping[str, Any]) -> bool:
    """Say whether a record is an event or an identification as our ingest takes it."""
    if record.keys() <= EVENT:
        return "name" in record and "time" in record
    return record.keys() <= IDENTIFY and ("user_id" in record or "session_id" in record)


def decode_collect(record: Mapping[str, Any]) -> Iterable[Draft]:
    """Take an event or an identification as if it had been sent."""
    return [record if "name" in record else Identify(record)]


COLLECT = Importer(
    "collect", "Events as `/v1/collect` takes them", recognise_collect, decode_collect
)  # fmt: skip
EXPORT = Importer("openmetrics", "An export of OpenMetrics", recognise_export, decode_export)


def _decode_profile(record: Mapping[str, Any]) -> list[Draft]:
    body = {name: record[name] for name in ("user_id", "properties", "time") if record.get(name) is not None}
    if isinstance(body.get("properties"), str):
        try:
            body["properties"] = parse_document(body["properties"].encode())
        except OpenMetricsError as error:
            return [Refused(error.code, error.detail, "/properties")]
    return [Identify(body)]


def _unfold(record: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a row of an exported table into a record: texts into JSON, empty cells into nothing."""
    found: dict[str, Any] = {}
    for name, cell in record.items():
        if cell is None or cell == "":
            continue
        if name in TEXTS and isinstance(cell, str):
            found[name] = parse_document(cell.encode())
        elif name in ("active", "explicit") and isinstance(cell, str):
            found[name] = cell == "true"
        else:
            found[name] = cell
    if "sent_user_id" in record:
        found["sent_user_id"] = record["sent_user_id"] or None
    return found
