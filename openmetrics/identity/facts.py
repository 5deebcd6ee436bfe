"""Hold the newest facts of identity, indexed for the fold: links, profile operations, merges."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from openmetrics.identity.fold import Link, Merge, Operation

Row = Sequence[Any]
Owning = Literal["user", "session", "own"]
OperationOwner = tuple[Owning, str]
"""Whose an operation is: a user's, of whoever owns a session, or a session's own."""


class RawOperation(NamedTuple):
    """An operation whose content is still the JSON text that came."""

    time_ms: int
    id: str
    op: str
    raw: str

    def parse(self) -> Operation:
        """Return the operation; integers of any size stay exact."""
        return Operation(self.time_ms, self.id, self.op, json.loads(self.raw))


class Facts:
    """A layer of facts in plain dictionaries. Adding a fact again changes nothing that the fold can see.

    Of a user's implied links to a session only the earliest is kept.
    """

    def __init__(self) -> None:
        self.links: dict[str, dict[tuple[str, int | None], Link]] = {}
        """Session to its links, by user and, where explicit, time."""
        self.sessions: dict[str, dict[str, None]] = {}
        """The sessions ever linked to a user, before merges."""
        self.operations: dict[OperationOwner, list[RawOperation]] = {}
        self.merges: list[Merge] = []
        self.users: dict[str, str] = {}
        """Every user that a fact names, as the one copy of its id that is kept in memory."""
        self.size = 0
        """Links and operations ever added, for whoever must bound them."""

    def is_empty(self) -> bool:
        """Say whether the layer holds nothing."""
        return not (self.links or self.operations or self.merges)

    def add_link(self, row: Row) -> None:
        """Add a link (time, user, session, explicit)."""
        time_ms, user_id, session_id, is_explicit = row
        user_id = self.users.setdefault(user_id, user_id)
        key = (user_id, time_ms if is_explicit else None)
        held = self.links.setdefault(session_id, {})
        if key not in held or time_ms < held[key].time_ms:
            held[key] = Link(time_ms, user_id, is_explicit)
            self.sessions.setdefault(user_id, {})[session_id] = None
        self.size += 1

    def add_operation(self, row: Row) -> None:
        """Add a profile operation (id, time, user, session, target, op, raw)."""
        id, time_ms, user_id, session_id, target, op, raw = row
        if user_id is not None:
            user_id = self.users.setdefault(user_id, user_id)
        owner = owner_of(user_id, session_id, target)
        self.operations.setdefault(owner, []).append(RawOperation(time_ms, id, op, raw))
        self.size += 1

    def add_merge(self, row: Row, is_undone: bool) -> None:
        """Add a merge of two users (id, time, keep, other), or its undoing."""
        id, time_ms, keep, other = row
        self.merges.append(Merge(time_ms, id, keep, other, is_undone))
        for user_id in (keep, other):
            self.users.setdefault(user_id, user_id)

    def links_of(self, session_id: str) -> tuple[Link, ...]:
        """Return the links of a session, in no order."""
        return tuple(self.links.get(session_id, {}).values())

    def erase(self, user_ids: Collection[str], session_ids: Collection[str]) -> None:
        """Forget all that names these users, and what these sessions did without a user."""
        for user_id in user_ids:
            for session_id in self.sessions.pop(user_id, ()):
                held = self.links[session_id]
                kept = {key: link for key, link in held.items() if link.user_id != user_id}
                if kept:
                    self.links[session_id] = kept
                else:
                    del self.links[session_id]
            self.operations.pop(("user", user_id), None)
            self.users.pop(user_id, None)
        for session_id in session_ids:
            self.operations.pop(("session", session_id), None)
            self.operations.pop(("own", session_id), None)
        self.merges = [
            merge for merge in self.merges if merge.keep not in user_ids and merge.other not in user_ids
        ]
        for user_id in {id for merge in self.merges for id in (merge.keep, merge.other)}:
            self.users.setdefault(user_id, user_id)

    def iter_links(self) -> Iterator[tuple[str, Link]]:
        """Yield every session with each of its links."""
        for session_id, held in self.links.items():
            for link in held.values():
                yield session_id, link


def owner_of(user_id: str | None, session_id: str | None, target: str) -> OperationOwner:
    """Say whose an operation is."""
    if user_id is not None:
        return "user", user_id
    assert session_id is not None
    return ("own" if target == "session" else "session"), session_id
