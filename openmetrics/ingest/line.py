"""Write an event as a spool line, with the index by which filters find it.

`openmetrics.ingest.event` says what each member means.

PERF: the line is put together from pieces of JSON text, of which those that follow from the names and types
of the properties are remembered: 9 µs an event with ten properties, where one large dictionary took 17.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from openmetrics.ingest.event import Event, iter_paths, key_of, to_json
from openmetrics.query.values import (
    MAX_TEXT,
    canonical_text,
    is_indexable_name,
    kind_of,
    number_text,
    numeric_value,
)

MAX_EXACT = 2**53
_MAX_SHAPES = 5_000
_LONGEST_SHAPE = 100
_NUMBER_STARTS = frozenset("-0123456789")
_quote: Any = encode_basestring
_NONE: frozenset[str] = frozenset()


class _Shape(NamedTuple):
    """What the names and types of an event's properties say: JSON texts of members, without brackets."""

    heads: tuple[str, ...]
    """`"name":[` of each property."""
    has: str
    kinds: str


_Key = tuple[tuple[str, ...], tuple[type, ...]]
_SHAPES: dict[_Key, _Shape] = {}
"""Shapes all of whose names are indexed: most events of an application share a few."""


def event_line(event: Event, new: Sequence[str] = (), refused: Container[str] = _NONE) -> bytes:
    """Serialise an event as a newline-terminated spool line; names in `refused` are not indexed."""
    head = f'{{"kind":"event","id":{_quote(event.event_id)},"time":{event.time_ms}'
    parts = [head, f',"received":{event.received_ms}']
    if event.also:
        parts.append(f',"also":{_quote(event.also)}')
    if new:
        parts.append(f',"new":{_to_text(new)}')
    parts.append(f',"name":{_quote(event.name)}')
    if event.user_id is not None:
        parts.append(f',"user_id":{_quote(event.user_id)},"user_key":{key_of("u", event.user_id)}')
    if event.session_id is not None:
        session = event.session_id
        parts.append(f',"session_id":{_quote(session)},"session_key":{key_of("s", session)}')
    if event.source is not None:
        parts.append(f',"source":{_quote(event.source)}')
    has = kinds = ""
    parts.append(_index_value(event))
    if event.properties:
        has, kinds = _index_properties(parts, event.properties, refused)
    if type(event.value) is not int and type(event.value) is not float:
        kinds = f'{kinds},"\\u0001{kind_of(event.value)}"' if kinds else f'"\\u0001{kind_of(event.value)}"'
    if event.fields or event.context:
        has = _index_circumstances(parts, event, has)
    if has:
        parts.append(f',"has":[{has}]')
    if kinds:
        parts.append(f',"kinds":[{kinds}]')
    parts.append(f',"raw":{_quote(_to_text(_raw_of(event)))}}}\n')
    return "".join(parts).encode()


def _to_text(value: Any) -> str:
    return to_json(value).decode()


def _texts(value: Any) -> list[str]:
    elements = value if isinstance(value, list) else (value,)
    texts = [canonical_text(element) for element in elements]
    return [text for text in texts if text is not None and len(text) <= MAX_TEXT]


def _numbers(value: Any) -> list[float]:
    elements = value if isinstance(value, list) else (value,)
    numbers = [numeric_value(element) for element in elements]
    return [number for number in numbers if number is not None]


def _raw_of(event: Event) -> dict[str, Any]:
    raw: dict[str, Any] = {"value": event.value}
    if event.properties:
        raw["properties"] = event.properties
    if event.fields:
        raw["fields"] = event.fields
    if event.has_data:
        raw["data"] = event.data
    if event.context:
        raw["context"] = event.context
    if event.client_time is not None:
        raw["client_time"] = event.client_time
    return raw


def _index_value(event: Event) -> str:
    value, active = event.value, "true" if event.active else "false"
    if type(value) is int and -MAX_EXACT < value < MAX_EXACT:
        return f',"value":["{value}"],"value_num":[{value}],"active":{active}'
    texts, numbers = _to_text(_texts(value)), _to_text(_numbers(value))
    return f',"value":{texts},"value_num":{numbers},"active":{active}'


def _index_properties(
    parts: list[str], properties: dict[str, Any], refused: Container[str]
) -> tuple[str, str]:
    """Add `props` and `num` to the parts of a line; return the contents of `has` and `kinds`."""
    types = tuple(map(type, properties.values()))
    shape = _SHAPES.get((tuple(properties), types)) if refused is _NONE or not refused else None
    if shape is None:
        properties, shape = _learn_shape(properties, types, refused)
        types = tuple(map(type, properties.values()))
    props: list[str] = []
    num: list[str] = []
    for head, value, kind in zip(shape.heads, properties.values(), types, strict=True):
        if kind is str and len(value) <= MAX_TEXT:
            props.append(f"{head}{_quote(value)}]")
            if value[:1] in _NUMBER_STARTS and (number := numeric_value(value)) is not None:
                num.append(f"{head}{number!r}]")
        elif kind is int and -MAX_EXACT < value < MAX_EXACT:
            props.append(f'{head}"{value}"]')
            num.append(f"{head}{value}]")
        elif kind is float:
            props.append(f'{head}"{number_text(value)}"]')
            num.append(f"{head}{value!r}]")
        elif kind is bool:
            props.append(f'{head}"true"]' if value else f'{head}"false"]')
        else:
            if texts := _texts(value):
                props.append(f"{head}{_to_text(texts)[1:]}")
            if numbers := _numbers(value):
                num.append(f"{head}{_to_text(numbers)[1:]}")
    if props:
        parts.append(f',"props":{{{",".join(props)}}}')
    if num:
        parts.append(f',"num":{{{",".join(num)}}}')
    return shape.has, shape.kinds


def _learn_shape(
    properties: dict[str, Any], types: tuple[type, ...], refused: Container[str]
) -> tuple[dict[str, Any], _Shape]:
    """Return the properties that are indexed, and their shape; remember it where all are."""
    kept = {
        name: value for name, value in properties.items() if is_indexable_name(name) and name not in refused
    }
    names = [_quote(name) for name in kept]
    kinds = [_quote(f"{name}\x01{kind_of(value)}") for name, value in kept.items()]
    shape = _Shape(tuple(f"{name}:[" for name in names), ",".join(names), ",".join(kinds))
    if len(kept) == len(properties) <= _LONGEST_SHAPE:
        if len(_SHAPES) > _MAX_SHAPES:
            _SHAPES.clear()
        _SHAPES[tuple(properties), types] = shape
    return kept, shape


def _index_circumstances(parts: list[str], event: Event, has: str) -> str:
    """Add `fields` and `context` to the parts of a line; return `has` with their paths."""
    found = [has] if has else []
    for member, values in (("fields", event.fields), ("context", event.context)):
        index: dict[str, list[str]] = {}
        for path, value in iter_paths(values):
            if not is_indexable_name(path):
                continue
            found.append(_quote(f"{member}\x01{path}"))
            if texts := [text for text in _texts(value) if "\0" not in text]:
                index.setdefault(path, []).extend(texts)
        parts.append(f',"{member}":{_to_text(index)}')
    return ",".join(found)
