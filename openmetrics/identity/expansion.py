"""Rewrite filters on owners into what engines know: ids that were sent, and spans of sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from openmetrics.query.match import TEXT_TESTS
from openmetrics.query.model import (
    NEGATIONS,
    All,
    AnyOf,
    Comparison,
    Did,
    Field,
    Filter,
    Not,
    Sent,
    SessionSpan,
    SessionSpans,
)
from openmetrics.store.base import QueryTooLargeError

if TYPE_CHECKING:
    from openmetrics.identity.table import IdentityTable

MAX_SPANS = 50_000
MOST_SESSIONS = 2 * MAX_SPANS
"""So many links are not even looked at; of fewer the spans are counted."""
USER_ID = Field("user_id")


def expand_filter(table: IdentityTable, node: Filter | None) -> Filter | None:
    """Replace every comparison of `user_id` by one that engines can make.

    The owner is compared, with merges followed; in `eq ne in not_in` a merged id stands for its keeper.
    Raises QueryTooLargeError where that takes too many spans of sessions.
    """
    match node:
        case All(parts) | AnyOf(parts):
            expanded = (expand_filter(table, part) for part in parts)
            return type(node)(tuple(part for part in expanded if part is not None))
        case Not(part):
            inner = expand_filter(table, part)
            assert inner is not None
            return Not(inner)
        case Did():
            return node
        case Comparison(field) if field == USER_ID:
            return _expand_comparison(table, node)
        case _:
            return node


def _expand_comparison(table: IdentityTable, node: Comparison) -> Filter:
    op, operand = node.op, node.operand
    if op in NEGATIONS:
        return Not(_expand_comparison(table, Comparison(USER_ID, NEGATIONS[op], operand)))
    if op == "eq":
        return expand_users(table, (str(operand),))
    if op == "in":
        assert isinstance(operand, tuple)
        return expand_users(table, operand)
    if op == "exists":
        return AnyOf((node, _spans_where(table, lambda user_id: True)))
    if op not in TEXT_TESTS:  # an id has no numeric value
        return AnyOf(())
    test = TEXT_TESTS[op]
    return _expand_test(table, node, lambda user_id: test(user_id, operand))


def expand_users(table: IdentityTable, user_ids: tuple[str, ...]) -> Filter:
    """Build the filter for the events of any of these users."""
    finals = dict.fromkeys(table.final_user(user_id) for user_id in user_ids)
    if table.count_sessions(finals) > MOST_SESSIONS:
        raise _too_many_spans()
    sent = tuple(member for final in finals for member in table.family(final))
    spans = tuple(
        SessionSpan(stay.session_id, stay.start_ms, stay.end_ms)
        for final in finals
        for stay in table.sessions_of(final)
    )
    if len(spans) > MAX_SPANS:
        raise _too_many_spans()
    return AnyOf((Sent(sent), SessionSpans(spans)))


def _expand_test(table: IdentityTable, node: Comparison, is_wanted: Callable[[str], bool]) -> Filter:
    """Take the sent ids that pass, but judge merged ones by their keeper; and the spans of owners that do."""
    merges = table.merges()
    wanted = tuple(other for other, keep in merges.items() if is_wanted(keep))
    unwanted = tuple(other for other, keep in merges.items() if not is_wanted(keep))
    return AnyOf((All((node, Not(Sent(unwanted)))), Sent(wanted), _spans_where(table, is_wanted)))


def _spans_where(table: IdentityTable, is_wanted: Callable[[str], bool]) -> SessionSpans:
    spans = table.spans_where(is_wanted, MAX_SPANS)
    if spans is None:
        raise _too_many_spans()
    return SessionSpans(spans)


def _too_many_spans() -> QueryTooLargeError:
    return QueryTooLargeError(
        f"The filter on user_id takes in more than {MAX_SPANS} sessions; name fewer users, "
        "or ask an analysis (trends, funnel, retention), which knows no such limit."
    )
