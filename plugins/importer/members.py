"""Take what is needed out of records of other systems."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from openmetrics.plugin import OpenMetricsError, parse_document

Record = Mapping[str, Any]


def first_of(record: Record, *names: str) -> Any:
    """Return the first member that is neither absent, null nor an empty text."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def object_of(record: Record, name: str) -> dict[str, Any]:
    """Return a member that is an object, or the text of one (as tables hold it); empty where it is not."""
    value = record.get(name)
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = parse_document(value.encode())
        except OpenMetricsError:
            return {}
    return value if isinstance(value, dict) else {}


def without(record: Record, names: Container[str]) -> dict[str, Any]:
    """Return the members that are there, but for some names."""
    return {
        name: value
        for name, value in record.items()
        if name not in names and value is not None and value != "" and value != {} and value != []
    }


def present(**members: Any) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
