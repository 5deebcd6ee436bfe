"""Turn filters into the query language of Elasticsearch; `query/match.py` says what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.query.match import TEXT_TESTS
from openmetrics.query.model import (
    NEGATIONS,
    All,
    AnyOf,
    Comparison,
    Field,
    Filter,
    HasKind,
    Not,
    Sent,
    SessionSpan,
    SessionSpans,
)
from openmetrics.query.values import MAX_TEXT

Query = dict[str, Any]

ALL: Query = {"match_all": {}}
NONE: Query = {"match_none": {}}
TIME = "@timestamp"
"""The time of a fact as the cluster indexes it, in Unix milliseconds: a copy of `time`."""
MAX_TERMS = 65_536
MAX_STATES = 2_000_000
BOOLEANS = ("true", "false")
BOUNDS = {"gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}


def compile_query(start_ms: int | None, end_ms: int | None, node: Filter | None) -> Query:
    """Build the query of a half-open range of event times and a filter."""
    parts = [compile_filter(node)]
    bounds = {name: ms for name, ms in (("gte", start_ms), ("lt", end_ms)) if ms is not None}
    if bounds:
        parts.append({"range": {TIME: bounds}})
    return _all(parts)


def compile_filter(node: Filter | None) -> Query:
    """Build the query that finds exactly what `matches` says; it never scores."""
    match node:
        case None:
            return ALL
        case All(parts):
            return _all([compile_filter(part) for part in parts])
        case AnyOf(parts):
            return _any([compile_filter(part) for part in parts])
        case Not(part):
            return _not(compile_filter(part))
        case Comparison():
            return _compile_comparison(node)
        case Sent(user_ids):
            return _terms("user_id", user_ids)
        case SessionSpans(spans):
            return _all([_not({"exists": {"field": "user_id"}}), _any(_compile_spans(spans))])
        case HasKind("", "number"):
            return _not({"prefix": {"kinds": "\x01"}})
        case HasKind(name, kind):
            return {"term": {"kinds": f"{name}\x01{kind}"}}
        case _:
            raise TypeError(f"{type(node).__name__} must be resolved before it reaches an engine")


def compile_erasure(user_ids: Iterable[str], session_ids: Iterable[str], until_ms: int) -> Query:
    """Build the query of facts that name one of these users, or no user and one of these sessions.

    Only those received until then are meant.
    """
    user_ids = list(user_ids)
    nobody = [_not({"exists": {"field": name}}) for name in ("user_id", "other")]
    who = [_terms("user_id", user_ids), _terms("other", user_ids)]
    who.append(_all([*nobody, _terms("session_id", session_ids)]))
    return _all([_any(who), {"range": {"received": {"lte": until_ms}}}])


def text_path(field: Field) -> str:
    """Return the name under which Elasticsearch knows the texts of a field."""
    if field.kind == "user":
        raise TypeError("fields of kind user must be resolved before they reach an engine")
    return str(field)


def number_path(field: Field) -> str | None:
    """Return the name under which Elasticsearch knows the numbers of a field, if it has any."""
    if field.kind == "props":
        return f"num.{field.name}"
    return "value_num" if field.kind == "value" else None


def escape_pattern(text: str) -> str:
    """Escape all that has a meaning in a regular expression of Lucene."""
    return "".join(c if c.isalnum() or ord(c) > 127 else f"\\{c}" for c in text)


def _compile_comparison(comparison: Comparison) -> Query:
    field, op, operand = comparison.field, comparison.op, comparison.operand
    if op in NEGATIONS:
        return _not(_compile_comparison(Comparison(field, NEGATIONS[op], operand)))
    if op == "exists":
        return _compile_exists(field)
    if op in BOUNDS or op == "between":
        return _compile_bounds(field, op, operand)
    if field.kind == "active":
        return _any([{"term": {"active": text}} for text in BOOLEANS if TEXT_TESTS[op](text, operand)])
    return _compile_text(text_path(field), op, operand)


def _compile_text(path: str, op: str, operand: Any) -> Query:
    if op == "in":
        return _terms(path, operand)
    if len(operand) > MAX_TEXT:
        return NONE
    if op == "eq":
        return {"term": {path: operand}}
    if op == "starts_with":
        return {"prefix": {path: operand}}
    pattern = f".*{escape_pattern(operand)}" + (".*" if op == "contains" else "")
    # NOTE: a `wildcard` query cannot be as long as a text may be, for it has no `max_determinized_states`.
    return {"regexp": {path: {"value": pattern, "flags": "NONE", "max_determinized_states": MAX_STATES}}}


def _compile_exists(field: Field) -> Query:
    if field.kind == "props":
        return {"term": {"has": field.name}}
    if field.kind in ("fields", "context"):
        return {"term": {"has": f"{field.kind}\x01{field.name}"}}
    return ALL if field.kind in ("name", "value", "active") else {"exists": {"field": text_path(field)}}


def _compile_bounds(field: Field, op: str, operand: Any) -> Query:
    path = number_path(field)
    if path is None:
        return NONE
    low, high = operand if op == "between" else (operand, operand)
    bounds = {"gte": low, "lte": high} if op == "between" else {BOUNDS[op]: operand}
    return {"range": {path: {name: _signed_zero(name, bound) for name, bound in bounds.items()}}}


def _signed_zero(name: str, bound: float) -> float:
    """Give a bound of zero the sign that makes -0.0 and 0.0 equal: Lucene orders one before the other."""
    if bound != 0:
        return bound
    return -0.0 if name in ("gte", "lt") else 0.0


def _compile_spans(spans: Iterable[SessionSpan]) -> list[Query]:
    whole = [span.session_id for span in spans if span.start_ms is None and span.end_ms is None]
    parts = [_terms("session_id", whole)]
    for span in spans:
        bounds = {name: ms for name, ms in (("gte", span.start_ms), ("lt", span.end_ms)) if ms is not None}
        if bounds:
            parts.append(_all([{"term": {"session_id": span.session_id}}, {"range": {TIME: bounds}}]))
    return parts


def _terms(path: str, texts: Iterable[str]) -> Query:
    texts = list(texts)
    chunks = [texts[first : first + MAX_TERMS] for first in range(0, len(texts), MAX_TERMS)]
    return _any([{"terms": {path: chunk}} for chunk in chunks])


def _all(parts: list[Query]) -> Query:
    parts = [part for part in parts if part is not ALL]
    if any(part is NONE for part in parts):
        return NONE
    if not parts:
        return ALL
    return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}


def _any(parts: list[Query]) -> Query:
    parts = [part for part in parts if part is not NONE]
    if any(part is ALL for part in parts):
        return ALL
    if not parts:
        return NONE
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}


def _not(part: Query) -> Query:
    if part is ALL:
        return NONE
    return ALL if part is NONE else {"bool": {"must_not": [part]}}
