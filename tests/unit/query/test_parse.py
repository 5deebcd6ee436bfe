"""Filters as documents: what is read, and where a refusal points."""

from __future__ import annotations

from typing import Any

import pytest

from openmetrics.errors import OpenMetricsError
from openmetrics.query.model import All, AnyOf, Comparison, Did, Field, Filter, InSegment, Not
from openmetrics.query.parse import FIELDS, parse_field, parse_filter
from openmetrics.query.ranges import Moment


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"field": "name", "op": "eq", "value": "a"}, Comparison(Field("name"), "eq", "a")),
        ({"field": "props.a.b", "op": "ne", "value": 1.0}, Comparison(Field("props", "a.b"), "ne", "1")),
        ({"field": "value", "op": "gt", "value": "7"}, Comparison(Field("value"), "gt", 7.0)),
        (
            {"field": "user.x", "op": "between", "value": [1, 2.5]},
            Comparison(Field("user", "x"), "between", (1.0, 2.5)),
        ),
        (
            {"field": "source", "op": "in", "value": [True, 1, "x"]},
            Comparison(Field("source"), "in", ("true", "1", "x")),
        ),
        ({"field": "fields.m", "op": "not_in", "value": []}, Comparison(Field("fields", "m"), "not_in", ())),
        ({"field": "context.p.u", "op": "exists"}, Comparison(Field("context", "p.u"), "exists")),
        ({"field": "user_id", "op": "missing", "value": None}, Comparison(Field("user_id"), "missing")),
        ({"all": []}, All(())),
        ({"any": [{"not": {"all": []}}]}, AnyOf((Not(All(())),))),
    ],
)
def test_parse_filter(document: Any, expected: Filter) -> None:
    assert parse_filter(document) == expected


NAME = {"field": "name", "op": "eq", "value": "a"}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (None, "/filter"),
        ({}, "/filter"),
        ({"or": []}, "/filter/or"),
        ({"all": NAME}, "/filter/all"),
        ({"all": [], "any": []}, "/filter/any"),
        ({"all": [NAME, 1]}, "/filter/all/1"),
        ({"not": [NAME]}, "/filter/not"),
        ({**NAME, "case": False}, "/filter/case"),
        ({**NAME, "field": "props."}, "/filter/field"),
        ({**NAME, "field": "tags.x"}, "/filter/field"),
        ({**NAME, "field": "active"}, "/filter/field"),
        ({**NAME, "field": "name.x"}, "/filter/field"),
        ({**NAME, "field": 1}, "/filter/field"),
        ({**NAME, "op": "matches"}, "/filter/op"),
        ({**NAME, "op": ["eq"]}, "/filter/op"),
        ({"field": "name"}, "/filter/op"),
        ({"field": "fields.x", "op": "contains", "value": "a"}, "/filter/op"),
        ({"field": "context.x", "op": "gt", "value": 1}, "/filter/op"),
        ({"field": "name", "op": "eq"}, "/filter/value"),
        ({**NAME, "value": None}, "/filter/value"),
        ({**NAME, "value": ["a"]}, "/filter/value"),
        ({**NAME, "value": {}}, "/filter/value"),
        ({**NAME, "op": "in"}, "/filter/value"),
        ({**NAME, "op": "in", "value": ["a", None]}, "/filter/value/1"),
        ({**NAME, "op": "gt", "value": "abc"}, "/filter/value"),
        ({**NAME, "op": "gt", "value": True}, "/filter/value"),
        ({**NAME, "op": "between", "value": [1]}, "/filter/value"),
        ({**NAME, "op": "between", "value": [1, "x"]}, "/filter/value/1"),
        ({**NAME, "op": "exists", "value": 1}, "/filter/value"),
    ],
)
def test_parse_filter_refusal_points_at_the_fault(document: Any, pointer: str) -> None:
    with pytest.raises(OpenMetricsError) as caught:
        parse_filter(document)
    assert (caught.value.code, caught.value.faults[0].pointer) == ("invalid-query", pointer)


def test_parse_filter_too_deep_is_refused() -> None:
    document: Any = NAME
    for _ in range(64):
        document = {"not": document}
    with pytest.raises(OpenMetricsError, match="64 levels"):
        parse_filter(document)
    assert parse_filter(document["not"])


def test_parse_field_refusal_lists_the_fields() -> None:
    with pytest.raises(OpenMetricsError, match=r"props\.X, fields\.X, context\.X, user\.X"):
        parse_field("nothing", "/breakdown/0")
    assert "active" not in FIELDS


def test_parse_filter_segment_and_did_are_read() -> None:
    moment = Moment(1_795_608_000_000, "UTC")
    did = {"event": ["buy", "pay"], "at_least": 2, "within": {"last": "1d"}, "filter": {"segment": "vips"}}
    assert parse_filter({"did": did}, moment=moment) == Did(
        ("buy", "pay"), InSegment("vips"), 2, moment.now_ms - 86_400_000, moment.now_ms
    )
    assert parse_filter({"did": {}}) == Did(None, None, 1, None, None)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"segment": 1}, "/filter/segment"),
        ({"segment": "No"}, "/filter/segment"),
        ({"segment": "a", "op": "eq"}, "/filter/op"),
        ({"did": "buy"}, "/filter/did"),
        ({"did": {"evnt": "buy"}}, "/filter/did/evnt"),
        ({"did": {"event": []}}, "/filter/did/event"),
        ({"did": {"event": 1}}, "/filter/did/event"),
        ({"did": {"at_least": 0}}, "/filter/did/at_least"),
        ({"did": {"at_least": True}}, "/filter/did/at_least"),
        ({"did": {"within": {"last": "1x"}}}, "/filter/did/within/last"),
        ({"did": {"within": {"from": "2026-02-30"}}}, "/filter/did/within/from"),
        ({"did": {"within": {"from": 5, "last": "1d"}}}, "/filter/did/within/from"),
        ({"did": {"within": []}}, "/filter/did/within"),
        ({"did": {"filter": {"any": [{"did": {"x": 1}}]}}}, "/filter/did/filter/any/0/did/x"),
    ],
)
def test_parse_filter_bad_behaviour_is_pointed_at(document: dict[str, object], pointer: str) -> None:
    with pytest.raises(OpenMetricsError) as caught:
        parse_filter(document, moment=Moment(1_795_608_000_000))
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_parse_filter_last_without_a_moment_asks_for_both_ends() -> None:
    with pytest.raises(OpenMetricsError, match="both its ends"):
        parse_filter({"did": {"within": {"last": "1d"}}})
    whole = {"from": "2026-11-01", "to": "2026-11-02"}
    assert parse_filter({"did": {"within": whole}}) == Did(
        None, None, 1, 1_793_491_200_000, 1_793_577_600_000
    )
