"""Answer what there is: types, conversions, tags and the values of tags, with their JSON kinds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from openmetrics.plugin import (
    Field,
    Filter,
    HasKind,
    ValuesQuery,
    invalid_query,
    to_json,
)
from openmetrics_plugins.micro_metrics.answers import stored_to_metric
from openmetrics_plugins.micro_metrics.filters import FILTER_KEYS, TEXT, join
from openmetrics_plugins.micro_metrics.lookups import Question, Reply, iter_pages, reply_json
from openmetrics_plugins.micro_metrics.ranges import Span, parse_range

TAGS_KEYS = {
    "format": {"enum": ["names"], "description": "`names`: a list of names without values."},
    **FILTER_KEYS,
}
TAG_VALUES_KEYS = {"tag": TEXT | {"description": "The tag whose values to list."}, **FILTER_KEYS}
_INTEGER = re.compile(r"-?[0-9]+")


def types(question: Question) -> Reply:
    """Answer all types, sorted."""
    names = _list_names(question, "names", Span(), None)
    return reply_json({"count": len(names), "results": sorted(names)})


def conversions(question: Question) -> Reply:
    """Answer the types of all conversions, sorted."""
    query = ValuesQuery("names", prefix="conversion", deadline=question.deadline)
    return reply_json(sorted(row.value for row in question.store.values(query).rows))


def tags(question: Question) -> Reply:
    """Answer each tag name with the list of its values; with `format=names` the names alone."""
    span = parse_range(question.query, question.now_ms)
    filter = question.filter()
    if question.query.get("format", "names") != "names":
        raise invalid_query("/format", "format takes names; leave it out for an object of names and values")
    kinds = _list_names(question, "properties", span, filter)
    if "format" in question.query:
        return reply_json(sorted(kinds))
    return reply_json(
        {name: _list_values(question, name, span, filter, kinds[name]) for name in sorted(kinds)}
    )


def tag_values(question: Question) -> Reply:
    """Answer the distinct values of one tag; lists are spread."""
    span = parse_range(question.query, question.now_ms)
    filter = question.filter()
    tag = question.query.get("tag")
    if tag is None:
        return reply_json([])
    return reply_json(_list_values(question, tag, span, filter, None))


def _list_names(
    question: Question, what: Any, span: Span, filter: Filter | None
) -> dict[str, tuple[str, ...]]:
    query = ValuesQuery(what, None, span.start_ms, span.end_ms, filter, deadline=question.deadline)
    return {row.value: row.kinds for row in question.store.values(query).rows}


def _list_values(
    question: Question, tag: str, span: Span, filter: Filter | None, kinds: Iterable[str] | None
) -> list[Any]:
    """Return the distinct values of a tag: null, numbers, text, booleans, then what lists and objects add.

    Only events that hold a list or an object are read themselves. `kinds` None asks the store for them.
    """
    if kinds is None:
        kinds = _list_names(question, "properties", span, filter).get(tag, ())
    found: dict[bytes, Any] = {}
    if "null" in kinds:
        found[b"null"] = None
    for kind in ("number", "text", "boolean"):
        if kind in kinds:
            for value in sorted(_iter_scalars(question, tag, kind, span, filter)):
                found.setdefault(to_json(value), value)
    for kind in ("object", "list"):
        if kind in kinds:
            for value in _iter_elements(question, tag, kind, span, filter):
                found.setdefault(to_json(value), value)
    return list(found.values())


def _iter_scalars(
    question: Question, tag: str, kind: str, span: Span, filter: Filter | None
) -> Iterator[Any]:
    of_kind = join(filter, HasKind(tag, kind))
    field = Field("props", tag)
    query = ValuesQuery("values", field, span.start_ms, span.end_ms, of_kind, deadline=question.deadline)
    for row in question.store.values(query).rows:
        if kind == "text":
            yield row.value
        elif kind == "boolean":
            yield row.value == "true"
        else:
            yield int(row.value) if _INTEGER.fullmatch(row.value) else float(row.value)


def _iter_elements(
    question: Question, tag: str, kind: str, span: Span, filter: Filter | None
) -> Iterator[Any]:
    for page in iter_pages(question, span, join(filter, HasKind(tag, kind))):
        for event in page:
            value = stored_to_metric(event)["tags"][tag]
            yield from value if isinstance(value, list) else (value,)
