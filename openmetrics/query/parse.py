"""Read filters into the frozen model, each refusal pointing at the thing itself (semantics section 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from openmetrics.errors import invalid_query
from openmetrics.query.model import (
    LIMITED_OPERATORS,
    OPERATORS,
    All,
    AnyOf,
    Comparison,
    Did,
    Field,
    FieldKind,
    Filter,
    InSegment,
    Not,
)
from openmetrics.query.ranges import END_MS, Moment, parse_range
from openmetrics.query.values import canonical_text, numeric_value

MAX_DEPTH = 64
SEGMENT_ID = re.compile(r"[a-z0-9_-]{1,64}")
PLAIN_FIELDS = ("name", "session_id", "user_id", "source", "value")
NAMED_FIELDS = ("props", "fields", "context", "user")
FIELDS = ", ".join((*PLAIN_FIELDS, *(f"{kind}.X" for kind in NAMED_FIELDS)))
FORMS = (
    '{"all": [...]}, {"any": [...]}, {"not": {...}}, {"field": ..., "op": ..., "value": ...}, '
    '{"segment": ...} or {"did": {...}}'
)


def parse_filter(
    document: Any, pointer: str = "/filter", moment: Moment | None = None, depth: int = 1
) -> Filter:
    """Return the filter that a document describes. Raises OpenMetricsError `invalid-query`.

    `moment` is what a `within` of `did` counts from; without it such a range must name both its ends.
    """
    if not isinstance(document, Mapping):
        raise invalid_query(pointer, f"A filter is an object: {FORMS}.")
    if depth > MAX_DEPTH:
        raise invalid_query(pointer, f"Filters nest at most {MAX_DEPTH} levels deep.")
    for form in ("all", "any", "not", "segment", "did"):
        if form in document:
            _check_members(document, (form,), pointer)
            return _parse_form(form, document[form], (f"{pointer}/{form}", moment, depth + 1))
    if "field" not in document:
        unknown = next((name for name in document if name not in ("op", "value")), None)
        place = pointer if unknown is None else f"{pointer}/{unknown}"
        raise invalid_query(place, f"A filter is one of {FORMS}.")
    return _parse_comparison(document, pointer)


def parse_events(event: Any, pointer: str) -> tuple[str, ...] | None:
    """Return the event names that are meant: one, several, or None for any event."""
    if event is None:
        return None
    names = [event] if isinstance(event, str) else event
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise invalid_query(pointer, "An event is a name, a list of names, or null for any event.")
    return tuple(dict.fromkeys(names))


def parse_field(path: Any, pointer: str) -> Field:
    """Return the field that a path names. Raises OpenMetricsError `invalid-query`."""
    if isinstance(path, str):
        if path in PLAIN_FIELDS:
            return Field(_kind(path))
        kind, _, name = path.partition(".")
        if kind in NAMED_FIELDS and name:
            return Field(_kind(kind), name)
    raise invalid_query(pointer, f"There is no field {str(path)[:60]!r}; a field is one of {FIELDS}.")


def _kind(text: str) -> FieldKind:
    return next(kind for kind in get_args(FieldKind) if kind == text)


_Place = tuple[str, Moment | None, int]


def _parse_form(form: str, content: Any, place: _Place) -> Filter:
    pointer, moment, depth = place
    if form == "not":
        return Not(parse_filter(content, pointer, moment, depth))
    if form == "segment":
        if not isinstance(content, str) or not SEGMENT_ID.fullmatch(content):
            raise invalid_query(pointer, "A segment is named by its id: 1 to 64 of a-z, 0-9, _ and -.")
        return InSegment(content)
    if form == "did":
        return _parse_did(content, place)
    if not isinstance(content, list):
        raise invalid_query(pointer, f"`{form}` takes a list of filters.")
    parts = tuple(parse_filter(part, f"{pointer}/{n}", moment, depth) for n, part in enumerate(content))
    return All(parts) if form == "all" else AnyOf(parts)


def _parse_did(content: Any, place: _Place) -> Did:
    pointer, moment, depth = place
    if not isinstance(content, Mapping):
        raise invalid_query(pointer, '`did` takes an object, such as {"event": "buy", "at_least": 2}.')
    _check_members(content, ("event", "filter", "at_least", "within"), pointer)
    at_least = content.get("at_least", 1)
    if isinstance(at_least, bool) or not isinstance(at_least, int) or not 1 <= at_least <= 1_000_000_000:
        raise invalid_query(f"{pointer}/at_least", "at_least is a whole number from 1.")
    start_ms = end_ms = None
    if content.get("within") is not None:
        within = content["within"]
        if moment is None and isinstance(within, Mapping) and not {"from", "to"} <= within.keys():
            raise invalid_query(f"{pointer}/within", "Here a range names both its ends: from and to.")
        start_ms, end_ms = parse_range(within, moment or Moment(END_MS), f"{pointer}/within")
    inner = content.get("filter")
    filter = None if inner is None else parse_filter(inner, f"{pointer}/filter", moment, depth)
    return Did(parse_events(content.get("event"), f"{pointer}/event"), filter, at_least, start_ms, end_ms)


def _parse_comparison(document: Mapping[str, Any], pointer: str) -> Comparison:
    _check_members(document, ("field", "op", "value"), pointer)
    field = parse_field(document["field"], f"{pointer}/field")
    op = next((op for op in OPERATORS if op == document.get("op")), None)
    if op is None:
        detail = (
            f"There is no operator {str(document.get('op'))[:60]!r}; it is one of {', '.join(OPERATORS)}."
        )
        raise invalid_query(f"{pointer}/op", detail)
    if field.kind in ("fields", "context") and op not in LIMITED_OPERATORS:
        known = ", ".join(name for name in OPERATORS if name in LIMITED_OPERATORS)
        raise invalid_query(f"{pointer}/op", f"`{field.kind}.X` knows {known} only.")
    if op in ("exists", "missing"):
        if document.get("value") is not None:
            raise invalid_query(f"{pointer}/value", f"`{op}` takes no value; leave it out.")
        return Comparison(field, op)
    read: Callable[[Any, str], Any] = _READERS.get(op, _read_text)
    return Comparison(field, op, read(document.get("value"), f"{pointer}/value"))


def _read_text(value: Any, pointer: str) -> str:
    text = canonical_text(value)
    if text is None:
        raise invalid_query(pointer, "The value is a text, a number, true or false.")
    return text


def _read_texts(value: Any, pointer: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise invalid_query(pointer, "The value is a list of texts, numbers, true or false.")
    return tuple(_read_text(element, f"{pointer}/{n}") for n, element in enumerate(value))


def _read_number(value: Any, pointer: str) -> float:
    number = numeric_value(value)
    if number is None:
        raise invalid_query(pointer, "The value is a number.")
    return number


def _read_pair(value: Any, pointer: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise invalid_query(pointer, "The value is a list of two numbers, both ends included.")
    return _read_number(value[0], f"{pointer}/0"), _read_number(value[1], f"{pointer}/1")


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "in": _read_texts, "not_in": _read_texts, "between": _read_pair,
    "gt": _read_number, "gte": _read_number, "lt": _read_number, "lte": _read_number,
}  # fmt: skip


def _check_members(document: Mapping[str, Any], known: tuple[str, ...], pointer: str) -> None:
    for name in document:
        if name not in known:
            detail = f"There is no member {str(name)[:60]!r} here; it takes {', '.join(known)}."
            raise invalid_query(f"{pointer}/{name}", detail)
