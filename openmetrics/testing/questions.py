"""Draw random filters and questions, to hold engines and columns equal to the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openmetrics.query.model import (
    LIMITED_OPERATORS,
    OPERATORS,
    AggregateQuery,
    All,
    AnyOf,
    Comparison,
    EventsQuery,
    Field,
    FieldKind,
    Filter,
    HasKind,
    Interval,
    Measure,
    Not,
    Sent,
    SessionSpan,
    SessionSpans,
    ValuesQuery,
)
from openmetrics.query.values import KINDS, canonical_text
from openmetrics.testing.journeys import DAY_MS, NOON_MS, ODD_NAMES, ODD_NUMBERS, ODD_TEXTS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Question = AggregateQuery | EventsQuery | ValuesQuery
TEXTS = (
    *ODD_TEXTS,
    *(str(canonical_text(number)) for number in ODD_NUMBERS),
    "open",
    "u1",
    "s1",
    "web",
    "false",
)
NUMBERS = (-1.5e3, -1.0, 0.0, 0.5, 1.0, 1.5, 12.0, 1e6, 9_007_199_254_740_992.0, 1e21, 1e30)
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
PLAIN: tuple[FieldKind, ...] = ("name", "session_id", "user_id", "source", "value")
PATHS = (*ODD_NAMES, "a.b.x", "plan.a.b", "plan.a.", "unheard of")


def random_filters() -> SearchStrategy[Filter]:
    """Draw a filter with any operator and any nesting, such as reaches an engine."""
    from hypothesis import strategies as st

    spans = st.builds(
        SessionSpan,
        st.sampled_from(("s1", "s2", "s3", "nobody")),
        st.one_of(st.none(), st.integers(NOON_MS - 3, NOON_MS + 3)),
        st.one_of(st.none(), st.integers(NOON_MS - 3, NOON_MS + DAY_MS)),
    )
    kinds = st.builds(HasKind, st.sampled_from(("", *ODD_NAMES)), st.sampled_from(KINDS))
    leaves = st.one_of(
        _comparisons(),
        _comparisons(),
        _comparisons(),
        st.builds(Sent, st.sets(st.sampled_from(("u1", "u2", "Ü", "nobody"))).map(tuple)),
        st.builds(SessionSpans, st.lists(spans, max_size=3).map(tuple)),
        kinds,
    )

    def nest(parts: SearchStrategy[Filter]) -> SearchStrategy[Filter]:
        several = st.lists(parts, max_size=3).map(tuple)
        return st.one_of(st.builds(All, several), st.builds(AnyOf, several), st.builds(Not, parts))

    return st.recursive(leaves, nest, max_leaves=5)


def _comparisons() -> SearchStrategy[Comparison]:
    from hypothesis import strategies as st

    properties = st.builds(Field, st.just("props"), st.sampled_from((*ODD_NAMES, "unheard of")))
    plain = st.sampled_from([Field(kind) for kind in PLAIN])
    limited = st.one_of(
        st.builds(Field, st.sampled_from(("fields", "context")), st.sampled_from(PATHS)),
        st.just(Field("active")),
    )
    number = st.sampled_from(NUMBERS)
    text = st.sampled_from(TEXTS)
    texts = st.lists(text, max_size=3).map(tuple)
    operands: dict[str, SearchStrategy[Any]] = {
        **dict.fromkeys(OPERATORS, text),
        **dict.fromkeys(("in", "not_in"), texts),
        **dict.fromkeys(("exists", "missing"), st.none()),
        **dict.fromkeys(("gt", "gte", "lt", "lte"), number),
        "between": st.tuples(number, number),
    }

    def compare(fields: SearchStrategy[Field], operators: tuple[str, ...]) -> SearchStrategy[Comparison]:
        choice = st.sampled_from(operators)
        return choice.flatmap(lambda op: st.builds(Comparison, fields, st.just(op), operands[op]))

    every = tuple(OPERATORS)
    return st.one_of(
        compare(properties, every), compare(plain, every), compare(limited, tuple(sorted(LIMITED_OPERATORS)))
    )


def random_questions() -> SearchStrategy[Question]:
    """Draw an aggregate, a page of events, or a list of values."""
    from hypothesis import strategies as st

    edges = st.one_of(st.none(), st.integers(NOON_MS - 3, NOON_MS + 3), st.just(0))
    filters = st.one_of(st.none(), random_filters())
    properties = st.builds(Field, st.just("props"), st.sampled_from(ODD_NAMES))
    plain = st.sampled_from([Field(kind) for kind in PLAIN])
    numeric = st.one_of(properties, st.just(Field("value")))
    kinds = st.sampled_from(("numbers", "sum", "min", "max"))
    measures = st.one_of(st.just(Measure("count")), st.builds(Measure, kinds, numeric))
    intervals = st.builds(
        Interval,
        st.sampled_from(("minute", "hour", "day", "week", "month")),
        st.sampled_from(ZONES),
        st.sampled_from((0, 6)),
    )
    common = {"start_ms": edges, "end_ms": edges, "filter": filters}
    limit = st.one_of(st.none(), st.integers(1, 4))
    prefix = st.sampled_from(("", "a", "1", "s", "?", "100%", "\\", "🙂"))
    return st.one_of(
        st.builds(
            AggregateQuery,
            st.lists(measures, min_size=1, max_size=3).map(tuple),
            interval=st.one_of(st.none(), intervals),
            breakdown=st.lists(st.one_of(properties, plain), max_size=3).map(tuple),
            **common,
        ),
        st.builds(EventsQuery, newest_first=st.booleans(), limit=st.integers(1, 5), **common),
        st.builds(
            ValuesQuery, st.sampled_from(("names", "properties")), prefix=prefix, limit=limit, **common
        ),
        st.builds(
            ValuesQuery, st.just("values"), st.one_of(properties, plain), prefix=prefix, limit=limit, **common
        ),
    )
