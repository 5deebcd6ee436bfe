"""Tell user ids that are no ids: what a page sends when nobody has signed in."""

from __future__ import annotations

from collections.abc import Iterable

from openmetrics.ingest.receipt import Advice

PLACEHOLDERS = frozenset(
    (
        "", "null", "undefined", "nil", "none", "nan", "n/a", "0", "true", "false", "anonymous", "guest",
        "not set", "(not set)", "not_authenticated", "distinct_id", "user_id", "userid", "[object object]",
    )
)  # fmt: skip
"""Refused as user ids whatever their case, blanks around them left aside: all visitors would be one user."""


class RefusedIds:
    """Know the placeholders, and those that an installation adds to them."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._ids = PLACEHOLDERS | {_plain(id) for id in more}

    def __contains__(self, user_id: str) -> bool:
        """Say whether a user id is refused."""
        return _plain(user_id) in self._ids


def describe_refusal(user_id: str) -> str:
    """Say why an id is refused, and what to send instead."""
    return (
        f"{user_id[:60]!r} is what a client sends when it knows no user: everybody would be one person; "
        "send your own id of the user, or none before somebody has signed in"
    )


def advise_refused(user_id: str) -> Advice:
    """Return the warning for an event that is kept without its user id."""
    return Advice("user-id-refused", f"kept without its user id: {describe_refusal(user_id)}", "/user_id")


def _plain(id: str) -> str:
    return id.strip().casefold()
