"""Read which events, groups and units a question means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openmetrics.plugin import (
    All,
    Asking,
    Comparison,
    Field,
    Filter,
    invalid_query,
    parse_events,
    parse_field,
    read_filter,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are meant: by name (None: any) and by a filter."""

    names: tuple[str, ...] | None = None
    filter: Filter | None = None

    @property
    def by_name(self) -> Filter | None:
        """Return the condition on names alone."""
        return None if self.names is None else Comparison(Field("name"), "in", self.names)

    @property
    def whole(self) -> Filter | None:
        """Return the whole condition; None matches everything."""
        return join_filters(self.by_name, self.filter)


def join_filters(*filters: Filter | None) -> Filter | None:
    """Return what matches where all filters do; None matches everything."""
    parts = tuple(part for part in filters if part is not None)
    return All(parts) if len(parts) > 1 else (parts[0] if parts else None)


def read_choice(document: Mapping[str, Any], name: str, asking: Asking) -> Choice:
    """Return the events that the member `{"event": ..., "filter": ...}` means; all where it is missing."""
    choice = document.get(name, {})
    names = parse_events(choice.get("event"), f"/{name}/event")
    return Choice(names, read_filter(choice, f"/{name}/filter", asking))


def read_unit(unit: str) -> str | Field:
    """Return what is counted: users, sessions, or the values of a property."""
    if unit in ("user", "session"):
        return unit
    if not unit.startswith("props."):
        raise invalid_query("/unit", "A unit is `user`, `session` or a property such as `props.account`.")
    return parse_field(unit, "/unit")
