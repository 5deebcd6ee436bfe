"""What conditions on actors mean for an event that has none: nobody has no profile, and did nothing."""

from __future__ import annotations

from collections.abc import Callable

from openmetrics.query.model import (
    NEGATIONS,
    All,
    AnyOf,
    Comparison,
    Did,
    Filter,
    InSegment,
    Not,
    iter_filters,
)

EVERYTHING, NOTHING = All(()), AnyOf(())
Lookup = Callable[[str], Filter | tuple[str, ...]]


def asks_actor(filter: Filter | None) -> bool:
    """Say whether any condition of a filter is about the actor of an event, not the event."""
    return any(_is_of_actor(node) for node in iter_filters(filter))


def resolve_nobody(node: Filter, segment: Lookup) -> Filter:
    """Return what is left of a filter for events without an actor: conditions on the events themselves."""
    match node:
        case All(parts):
            return All(tuple(resolve_nobody(part, segment) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(resolve_nobody(part, segment) for part in parts))
        case Not(part):
            return Not(resolve_nobody(part, segment))
        case _ if _is_of_actor(node):
            return EVERYTHING if is_nobody_in(node, segment) else NOTHING
        case _:
            return node


def is_nobody_in(node: Filter, segment: Lookup) -> bool:
    """Say whether no actor at all is in the group that a filter on actors describes."""
    match node:
        case All(parts):
            return all(is_nobody_in(part, segment) for part in parts)
        case AnyOf(parts):
            return any(is_nobody_in(part, segment) for part in parts)
        case Not(part):
            return not is_nobody_in(part, segment)
        case InSegment(id):
            found = segment(id)
            return not isinstance(found, tuple) and is_nobody_in(found, segment)
        case Comparison() if _is_of_actor(node):
            return node.op in NEGATIONS
        case _:
            return False


def _is_of_actor(node: Filter) -> bool:
    if isinstance(node, Comparison):
        return node.field.kind in ("user", "user_id")
    return isinstance(node, InSegment | Did)
