"""Read the parts of a question about a funnel: events, filters, durations, units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openmetrics.plugin import (
    All,
    Asking,
    Comparison,
    Field,
    Filter,
    invalid_query,
    parse_duration,
    parse_events,
    parse_field,
    read_filter,
)

LONGEST_MS = 36_525 * 86_400_000
"""100 years."""


def read_choice(document: Mapping[str, Any], pointer: str, asking: Asking) -> Filter | None:
    """Return which events `{"event": ..., "filter": ...}` means; None means all."""
    names = parse_events(document.get("event"), f"{pointer}/event")
    named = None if names is None else Comparison(Field("name"), "in", names)
    return join_filters(named, read_filter(document, f"{pointer}/filter", asking))


def join_filters(*filters: Filter | None) -> Filter | None:
    """Return what matches where all filters do; None matches everything."""
    parts = tuple(part for part in filters if part is not None)
    return All(parts) if len(parts) > 1 else next(iter(parts), None)


def read_length(text: Any, pointer: str, least_ms: int = 0) -> int:
    """Return a length of time in milliseconds, at most 100 years."""
    length_ms = parse_duration(text, pointer).ms
    if length_ms < least_ms:
        raise invalid_query(pointer, "The window is longer than nothing, such as 14d.")
    if length_ms > LONGEST_MS:
        raise invalid_query(pointer, "This is longer than 100 years; write at most 36525d.")
    return length_ms


def read_unit(unit: str) -> str | Field:
    """Return what is counted: users, sessions, or the values of a property."""
    if unit in ("user", "session"):
        return unit
    if not unit.startswith("props."):
        raise invalid_query("/unit", "A unit is `user`, `session` or a property such as `props.account`.")
    return parse_field(unit, "/unit")


def read_listed(path: str, pointer: str) -> Field:
    """Return a field whose values can be told apart."""
    field = parse_field(path, pointer)
    if field.kind in ("fields", "context"):
        raise invalid_query(
            pointer, f"`{field.kind}.X` is never listed; use a property such as `props.plan`."
        )
    return field


def name_events(event: str | Sequence[str] | None) -> str:
    """Return the label of a step that was given none."""
    if event is None:
        return "any event"
    return event if isinstance(event, str) else " or ".join(event)
