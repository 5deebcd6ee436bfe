"""Segments: saved sets of actors, by a filter or as a list of users. "User group" in the UI.

A condition on an event's own fields means: did such an event, ever (semantics sections 1 and 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmetrics.errors import Fault, OpenMetricsError, invalid_query
from openmetrics.query.model import Filter
from openmetrics.query.parse import parse_filter
from openmetrics.query.ranges import Moment
from openmetrics.query.values import canonical_text
from openmetrics.saved import iter_segments
from openmetrics.store.base import Store

KIND = "segment"
MAX_ID_BYTES = 512


def read_segment(store: Store, id: str, moment: Moment) -> Filter | tuple[str, ...]:
    """Return what a segment means at a moment. Raises OpenMetricsError `invalid-query` for an unknown one."""
    found = store.control_get(KIND, id)
    if found is None:
        raise invalid_query("", f"There is no segment {id[:60]!r}; save it first.")
    if "users" in found.body:
        return tuple(found.body["users"])
    return parse_filter(found.body["filter"], "/filter", moment)


def check_segment(store: Store, id: str, document: Mapping[str, Any], moment: Moment) -> Mapping[str, Any]:
    """Return a segment as it is stored. Raises OpenMetricsError `invalid-query` with a pointer.

    Every segment that its filter names must exist, and none may lead back to it.
    """
    if ("filter" in document) == ("users" in document):
        place = "/users" if "users" in document else "/filter"
        raise invalid_query(place, "A segment has either a `filter` or a list of `users`.")
    if "users" in document:
        return {"label": document["label"], "users": _read_users(document["users"])}
    parse_filter(document["filter"], "/filter", moment)
    for pointer, named in iter_segments(document["filter"], "/filter"):
        path = _find_path(store, named, id)
        if path is not None:
            detail = f"The segment {id} would refer to itself ({' -> '.join((id, *path))}); name another."
            raise invalid_query(pointer, detail)
        if store.control_get(KIND, named) is None:
            raise invalid_query(pointer, f"There is no segment {named!r}; save it first.")
    return {"label": document["label"], "filter": document["filter"]}


def list_references(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the segments that a document names, as `SavedKind.refers` does."""
    return [(KIND, id) for _, id in iter_segments(document)]


def _find_path(store: Store, start: str, goal: str) -> tuple[str, ...] | None:
    """Return how a segment leads to another one, both included; None where it does not."""
    paths: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while paths:
        path = paths.pop()
        if path[-1] == goal:
            return path
        found = store.control_get(KIND, path[-1])
        for _, named in iter_segments(found.body.get("filter") if found else None):
            if named not in seen:
                seen.add(named)
                paths.append((*path, named))
    return None


def _read_users(users: list[Any]) -> list[str]:
    """Return the ids as texts, each once; an id is what an event can be sent with."""
    texts = [str(canonical_text(user)) for user in users]
    faults = [
        Fault(f"/users/{number}", f"An id has at most {MAX_ID_BYTES} bytes; shorten it or leave it out.")
        for number, text in enumerate(texts)
        if len(text.encode()) > MAX_ID_BYTES
    ]
    if faults:
        raise OpenMetricsError("invalid-query", f"{faults[0].pointer}: {faults[0].detail}", faults)
    return list(dict.fromkeys(texts))
