"""The SQL compiler is total, and no text of a caller becomes SQL."""

from __future__ import annotations

import pytest

from openmetrics.query.model import (
    FIELD_KINDS,
    NEGATIONS,
    OPERATORS,
    All,
    Comparison,
    Did,
    Field,
    Filter,
    InSegment,
    Not,
    SessionSpan,
    SessionSpans,
)
from openmetrics.store.duckdb.compile import (
    LIST_TESTS,
    NUMBER_TESTS,
    SCALAR_TESTS,
    Bindings,
    compile_filter,
    number_sql,
)

OPERANDS = {"in": ("a",), "not_in": ("a",), "between": (1.0, 2.0), "exists": None, "missing": None}
STORED_KINDS = [kind for kind in FIELD_KINDS if kind != "user"]


def test_every_operator_is_in_the_tables() -> None:
    assert {*LIST_TESTS, *NUMBER_TESTS, *NEGATIONS, "exists"} == set(OPERATORS)
    assert LIST_TESTS.keys() == SCALAR_TESTS.keys()


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("kind", STORED_KINDS)
def test_every_operator_compiles_for_every_field(op: str, kind: str) -> None:
    bindings = Bindings()
    name = "x') OR true --" if kind in ("props", "fields", "context") else ""
    sql = compile_filter(Comparison(Field(kind, name), op, OPERANDS.get(op, "' OR 1=1 --")), bindings)
    assert "true --" not in sql
    assert "1=1" not in sql
    assert all(f"${name}" in sql for name in bindings.values)


@pytest.mark.parametrize(
    "node",
    [
        InSegment("vip"),
        Did(None, None, 1, None, None),
        Not(InSegment("vip")),
        All((Comparison(Field("user", "plan"), "eq", "x"),)),
    ],
)
def test_what_needs_an_actor_is_refused(node: Filter) -> None:
    with pytest.raises(TypeError, match="must be resolved"):
        compile_filter(node, Bindings())


def test_a_field_without_numbers_has_no_number() -> None:
    assert number_sql(Field("name"), Bindings()) == "NULL::DOUBLE"


def test_many_spans_stay_one_condition() -> None:
    bindings = Bindings()
    spans = SessionSpans(tuple(SessionSpan(f"s{n}", n) for n in range(5_000)))
    assert len(compile_filter(spans, bindings)) < 500
    assert len(bindings.values) == 2
