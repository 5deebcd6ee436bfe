"""Ten events of every kind, and what each filter finds among them: a table, letter by letter."""

from __future__ import annotations

from typing import Any

from openmetrics.query.model import (
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
from openmetrics.testing.journeys import NOON_MS, make_event, to_lines

PLAN, VALUE, NAME = Field("props", "plan"), Field("value"), Field("name")

SAMPLE = to_lines(
    make_event(
        "open", NOON_MS + 0, event_id="a", user_id="u1", session_id="s1", properties={"plan": "pro"}, value=0
    ),
    make_event("open", NOON_MS + 1, event_id="b", session_id="s1", properties={"plan": ""}, value="5"),
    make_event(
        "buy", NOON_MS + 2, event_id="c", session_id="s2", properties={"plan": 5}, value=5, source="web"
    ),
    make_event(
        "buy", NOON_MS + 3, event_id="d", properties={"plan": ["pro", 12, "12", None, "x_y"]}, value=[1, 2]
    ),
    make_event("buy", NOON_MS + 4, event_id="e", user_id="u2", properties={"plan": []}, value=None),
    make_event("100%", NOON_MS + 5, event_id="f", properties={"plan": None, "a.b": "v*w?\\"}, value="five"),
    make_event(
        "100%", NOON_MS + 6, event_id="g", properties={"plan": {"x": 1}}, context={"page": {"n": [1, "q"]}}
    ),
    make_event(
        "100%", NOON_MS + 7, event_id="h", properties={"plan": True}, fields={"mail": "a@b", "x.y": 0.5}
    ),
    make_event("100%", NOON_MS + 8, event_id="i", properties={"plan": "007"}, fields={"x": {"y": None}}),
    make_event(
        "100%", NOON_MS + 9, event_id="j", properties={"plan": "PRO" + "x" * 1_022}, value=True, active=False
    ),
)


def compare(field: Field, op: Any, operand: Any = None) -> Comparison:
    """Make one comparison."""
    return Comparison(field, op, operand)


FILTERS: tuple[tuple[Filter | None, str], ...] = (
    (None, "abcdefghij"),
    (All(()), "abcdefghij"),
    (AnyOf(()), ""),
    (compare(PLAN, "eq", "pro"), "ad"),
    (compare(PLAN, "eq", "5"), "c"),
    (compare(PLAN, "eq", "true"), "h"),
    (compare(PLAN, "eq", ""), "b"),
    (compare(PLAN, "eq", "PRO" + "x" * 1_022), ""),
    (compare(PLAN, "ne", "pro"), "bcefghij"),
    (compare(PLAN, "in", ("pro", "5")), "acd"),
    (compare(PLAN, "in", ()), ""),
    (compare(PLAN, "not_in", ("pro", "5")), "befghij"),
    (compare(PLAN, "not_in", ()), "abcdefghij"),
    (compare(PLAN, "exists"), "abcdefghij"),
    (compare(PLAN, "missing"), ""),
    (compare(Field("props", "a.b"), "exists"), "f"),
    (compare(Field("props", "a.b"), "missing"), "abcdeghij"),
    (compare(Field("props", "a"), "exists"), ""),
    (compare(Field("props", "unheard of"), "eq", "x"), ""),
    (compare(Field("props", "unheard of"), "ne", "x"), "abcdefghij"),
    (compare(PLAN, "gt", 5.0), "d"),
    (compare(PLAN, "gte", 5.0), "cd"),
    (compare(PLAN, "lt", 12.0), "c"),
    (compare(PLAN, "lte", 12.0), "cd"),
    (compare(PLAN, "between", (5.0, 11.0)), "c"),
    (Not(compare(PLAN, "gt", 5.0)), "abcefghij"),
    (compare(PLAN, "contains", ""), "abcdhi"),
    (compare(PLAN, "contains", "_"), "d"),
    (compare(PLAN, "not_contains", "r"), "bcefgij"),
    (compare(PLAN, "starts_with", "p"), "ad"),
    (compare(PLAN, "ends_with", "2"), "d"),
    (compare(Field("props", "a.b"), "contains", "*w?"), "f"),
    (compare(Field("props", "a.b"), "starts_with", "v?"), ""),
    (compare(Field("props", "a.b"), "ends_with", "\\"), "f"),
    (compare(NAME, "eq", "open"), "ab"),
    (compare(NAME, "ends_with", "%"), "fghij"),
    (compare(NAME, "exists"), "abcdefghij"),
    (compare(NAME, "gt", 1.0), ""),
    (compare(Field("source"), "eq", "web"), "c"),
    (compare(Field("source"), "missing"), "abdefghij"),
    (compare(Field("session_id"), "ne", "s1"), "cdefghij"),
    (compare(Field("user_id"), "contains", "u"), "ae"),
    (compare(VALUE, "eq", "5"), "bc"),
    (compare(VALUE, "eq", "1"), "dghi"),
    (compare(VALUE, "gte", 2.0), "bcd"),
    (compare(VALUE, "exists"), "abcdefghij"),
    (compare(VALUE, "starts_with", "f"), "f"),
    (compare(Field("fields", "mail"), "eq", "a@b"), "h"),
    (compare(Field("fields", "mail"), "ne", "a@b"), "abcdefgij"),
    (compare(Field("fields", "x.y"), "eq", "0.5"), "h"),
    (compare(Field("fields", "x.y"), "exists"), "hi"),
    (compare(Field("fields", "x"), "exists"), "i"),
    (compare(Field("fields", "mail"), "in", ("a@b", "c")), "h"),
    (compare(Field("context", "page.n"), "eq", "q"), "g"),
    (compare(Field("context", "page.n"), "not_in", ("q",)), "abcdefhij"),
    (compare(Field("context", "page"), "missing"), "abcdefhij"),
    (Not(All(())), ""),
    (Not(AnyOf(())), "abcdefghij"),
    (Not(Not(compare(PLAN, "ne", "pro"))), "bcefghij"),
    (All((compare(NAME, "eq", "buy"), Not(compare(PLAN, "eq", "pro")))), "ce"),
    (AnyOf((compare(NAME, "eq", "open"), All((compare(NAME, "eq", "buy"), compare(PLAN, "missing"))))), "ab"),
    (compare(Field("active"), "eq", "false"), "j"),
    (compare(Field("active"), "ne", "false"), "abcdefghi"),
    (compare(Field("active"), "exists"), "abcdefghij"),
    (Sent(("u1", "nobody")), "a"),
    (Sent(()), ""),
    (Not(Sent(("u1",))), "bcdefghij"),
    (SessionSpans((SessionSpan("s1"),)), "b"),
    (SessionSpans((SessionSpan("s1", None, NOON_MS + 1), SessionSpan("s2", NOON_MS + 2, NOON_MS + 3))), "c"),
    (SessionSpans((SessionSpan("s1", NOON_MS + 1), SessionSpan("s2", NOON_MS + 3))), "b"),
    (SessionSpans(()), ""),
    (Not(SessionSpans((SessionSpan("s1"),))), "acdefghij"),
    (HasKind("plan", "text"), "abij"),
    (HasKind("plan", "list"), "de"),
    (HasKind("plan", "null"), "f"),
    (HasKind("", "number"), "acghi"),
    (HasKind("", "text"), "bf"),
    (HasKind("", "boolean"), "j"),
    (Not(HasKind("", "list")), "abcefghij"),
)
