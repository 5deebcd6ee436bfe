"""Read the query strings of reports: which keys there are, and the filter that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import parse_qsl

from openmetrics.plugin import (
    All,
    AnyOf,
    Comparison,
    Field,
    Filter,
    Server,
    canonical_text,
    invalid_query,
)
from openmetrics_plugins.micro_metrics.pairs import iter_pairs, parse_number

Query = Mapping[str, str]
COMBINED = frozenset(("tags", "fields"))
"""Keys that may be repeated: an event must meet all their conditions."""
ALWAYS_TAKEN = frozenset(("key", "_"))
"""An API key, and what browser libraries append against caches."""
EXACT_INTEGERS = 2**53
TEXT: dict[str, Any] = {"type": "string"}

FILTER_KEYS: dict[str, dict[str, Any]] = {
    "type": TEXT | {"description": "Metrics of this type."},
    "tags": TEXT
    | {"description": "Tags to match, all of them: `name`, `name:value` or `name=value`, by commas."},
    "fields": TEXT | {"description": "Fields to match, written like `tags`."},
    "value": TEXT | {"description": "Metrics of this value; a number also finds it written as text."},
    "userId": TEXT | {"description": "Metrics of this user, those of its linked sessions included."},
    "sessionId": TEXT | {"description": "Metrics of this session."},
    "startDate": TEXT | {"description": "Metrics at or after this date."},
    "endDate": TEXT | {"description": "Metrics at or before this date; a date alone is its midnight UTC."},
    "last": TEXT | {"description": "Relative range such as `30d`, `4w`, `1d12h`, `45m`; `0` is all time."},
}
PERIOD_KEY = {"period": {"enum": ["d", "h", "m"], "default": "d", "description": "Day, hour or minute."}}


def parse_query(text: str, known: Sequence[str] | Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of a query string. Refuses unknown, empty and repeated ones, by name."""
    query: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if key in ALWAYS_TAKEN:
            continue
        if key not in known:
            raise invalid_query(f"/{key}", f"{key[:60]!r} is not known here; known are {', '.join(known)}")
        if not value:
            raise invalid_query(f"/{key}", f"{key} is empty; give it a value or leave it out")
        if key not in query:
            query[key] = value
        elif key in COMBINED:
            query[key] += f",{value}"
        else:
            raise invalid_query(f"/{key}", f"{key} is given twice; give it once")
    return query


def parse_filter(query: Query, server: Server) -> Filter | None:
    """Return the filter that the keys of a question make, or None where they make none.

    The server's facts must be up to date: `userId` is looked up in them.
    """
    parts: list[Filter] = []
    if "type" in query:
        parts.append(Comparison(Field("name"), "eq", query["type"]))
    parts += parse_pairs_filter(query, "tags", "props")
    parts += parse_pairs_filter(query, "fields", "fields")
    if "value" in query:
        parts.append(value_filter(query["value"]))
    if "sessionId" in query:
        parts.append(Comparison(Field("session_id"), "eq", query["sessionId"]))
    if "userId" in query:
        server.identity.sync()
        parts.append(server.identity.expand_user(query["userId"]))
    return join(*parts)


def join(*parts: Filter | None) -> Filter | None:
    """Return the filter that all parts together make."""
    given = tuple(part for part in parts if part is not None)
    return given[0] if len(given) == 1 else All(given) if given else None


def parse_pairs_filter(query: Query, key: str, kind: Literal["props", "fields"]) -> list[Filter]:
    """Return the conditions of a `tags` or `fields` key: a bare name must exist, a pair match as text."""
    conditions: list[Filter] = []
    for name, value in iter_pairs(query.get(key, "")):
        if not name:
            raise invalid_query(f"/{key}", f"{key} has a condition without a name: {(value or '')[:40]!r}")
        if value is None:
            conditions.append(Comparison(Field(kind, name), "exists"))
        else:
            conditions.append(Comparison(Field(kind, name), "eq", value))
    return conditions


def value_filter(text: str) -> Filter:
    """Return the filter for a value: the same text, or the same number however it is written."""
    same_text = Comparison(Field("value"), "eq", text)
    number = parse_number(text)
    if number is None:
        return same_text
    if isinstance(number, int) and abs(number) >= EXACT_INTEGERS:
        # NOTE: engines compare numbers as floats, which cannot tell such integers apart.
        return AnyOf((same_text, Comparison(Field("value"), "eq", canonical_text(number))))
    return AnyOf((same_text, Comparison(Field("value"), "between", (float(number), float(number)))))
