"""Filters become queries: the shape of the few that are easy to get wrong, and all operators at all."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from openmetrics.query.model import (
    LIMITED_OPERATORS,
    All,
    AnyOf,
    Comparison,
    Did,
    Field,
    FieldKind,
    HasKind,
    InSegment,
    Not,
    Operator,
    Sent,
    SessionSpan,
    SessionSpans,
)
from openmetrics.store.elastic.filters import ALL, NONE, compile_filter, compile_query, escape_pattern

PLAN = Field("props", "plan")
OPERANDS: dict[str, Any] = {
    "in": ("a",), "not_in": ("a",), "exists": None, "missing": None, "between": (1.0, 2.0),
    **dict.fromkeys(("gt", "gte", "lt", "lte"), 1.0),
}  # fmt: skip


@pytest.mark.parametrize("op", get_args(Operator))
@pytest.mark.parametrize("kind", [kind for kind in get_args(FieldKind) if kind != "user"])
def test_compile_knows_every_operator_on_every_field(kind: FieldKind, op: Operator) -> None:
    if kind in ("fields", "context") and op not in LIMITED_OPERATORS:
        return
    field = Field(kind, "x" if kind in ("props", "fields", "context") else "")
    assert compile_filter(Comparison(field, op, OPERANDS.get(op, "a")))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(None, ALL, id="nothing asked"),
        pytest.param(All(()), ALL, id="all of nothing"),
        pytest.param(AnyOf(()), NONE, id="any of nothing"),
        pytest.param(Not(All(())), NONE, id="not everything"),
        pytest.param(All((All(()), AnyOf(()))), NONE, id="all with nothing"),
        pytest.param(Comparison(PLAN, "in", ()), NONE, id="in an empty list"),
        pytest.param(Comparison(PLAN, "not_in", ()), ALL, id="not in an empty list"),
        pytest.param(Comparison(PLAN, "eq", "x" * 1_025), NONE, id="text longer than any"),
        pytest.param(Comparison(PLAN, "exists"), {"term": {"has": "plan"}}, id="exists"),
        pytest.param(
            Comparison(Field("props", "*"), "exists"), {"term": {"has": "*"}}, id="exists of a star"
        ),
        pytest.param(
            Comparison(Field("context", "a.b"), "exists"), {"term": {"has": "context\x01a.b"}}, id="path"
        ),
        pytest.param(Comparison(Field("name"), "gt", 1.0), NONE, id="name has no number"),
        pytest.param(Comparison(PLAN, "gte", 0.0), {"range": {"num.plan": {"gte": -0.0}}}, id="from zero"),
        pytest.param(Comparison(PLAN, "lte", -0.0), {"range": {"num.plan": {"lte": 0.0}}}, id="to zero"),
        pytest.param(Sent(("u",)), {"terms": {"user_id": ["u"]}}, id="sent"),
        pytest.param(
            HasKind("", "number"), {"bool": {"must_not": [{"prefix": {"kinds": "\x01"}}]}}, id="number value"
        ),
    ],
)
def test_compile_filter(node: Any, expected: Any) -> None:
    assert repr(compile_filter(node)) == repr(expected), "repr tells -0.0 from 0.0"


def test_compile_many_ids_in_portions() -> None:
    query = compile_filter(Sent(tuple(f"u{n}" for n in range(70_000))))
    assert [len(part["terms"]["user_id"]) for part in query["bool"]["should"]] == [65_536, 4_464]


def test_compile_spans_ask_for_no_user() -> None:
    query = compile_filter(SessionSpans((SessionSpan("a"), SessionSpan("b", 1, 2))))
    without_user, sessions = query["bool"]["filter"]
    assert without_user == {"bool": {"must_not": [{"exists": {"field": "user_id"}}]}}
    whole, part = sessions["bool"]["should"]
    assert whole == {"terms": {"session_id": ["a"]}}
    assert part["bool"]["filter"] == [
        {"term": {"session_id": "b"}},
        {"range": {"@timestamp": {"gte": 1, "lt": 2}}},
    ]


def test_compile_query_has_a_half_open_range() -> None:
    assert compile_query(None, None, None) == ALL
    assert compile_query(1, 2, None) == {"range": {"@timestamp": {"gte": 1, "lt": 2}}}
    assert compile_query(0, None, AnyOf(())) == NONE


@pytest.mark.parametrize(
    "node", [InSegment("s"), Did(None, None, 1, None, None), Comparison(Field("user", "x"), "eq", "a")]
)
def test_compile_what_needs_a_history_is_an_error(node: Any) -> None:
    with pytest.raises(TypeError):
        compile_filter(node)


def test_escape_pattern_leaves_letters_alone() -> None:
    assert escape_pattern("aé🙂1") == "aé🙂1"
    assert escape_pattern('.*"\\ ') == '\\.\\*\\"\\\\\\ '
