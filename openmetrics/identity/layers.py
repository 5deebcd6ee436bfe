"""Read the settled facts of identity, the newer ones and those that may still change as one."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterable, Iterator

from openmetrics.identity.archive import archive_facts, empty_archive
from openmetrics.identity.facts import Facts, OperationOwner, RawOperation
from openmetrics.identity.fold import Link, Merge
from openmetrics.ingest.event import key_of

RECENT_FACTS = 50_000
RECENT_SHARE = 64
BULK_SHARE = 4
FEW_SESSIONS = 1_000
"""Newer facts move to the archive when they are more than that, and than one in so many of it."""


class Layers:
    """An archive below layers of newer facts. Whoever reads or writes holds the follower's lock."""

    def __init__(self, recent_facts: int = RECENT_FACTS) -> None:
        self.archive = empty_archive()
        self.moving: Facts | None = None
        """What a thread is putting into the archive; read from here until that is done."""
        self.recent = Facts()
        self.tail = Facts()
        """Facts above a checkpoint: read again each time, or taken back."""
        self._recent_facts = recent_facts
        self._mover: threading.Thread | None = None

    def is_much(self, facts: int) -> bool:
        """Say whether so many facts are worth a new archive at once."""
        return facts > max(self._recent_facts, self._size() // BULK_SHARE)

    def needs_move(self) -> bool:
        """Say whether there are enough newer facts to put them into the archive."""
        limit = max(self._recent_facts, self._size() // RECENT_SHARE)
        return self.moving is None and self.recent.size > limit

    def _size(self) -> int:
        return len(self.archive.links.times) + len(self.archive.operations.owners)

    def move(self, lock: threading.RLock) -> None:
        """Begin to put newer facts into the archive, in a thread of its own. Hold the lock."""
        self.moving, self.recent = self.recent, Facts()
        self.recent.merges, self.moving.merges = self.moving.merges, []
        self._mover = threading.Thread(
            target=self._move, args=(lock,), name="openmetrics-identity", daemon=True
        )
        self._mover.start()

    def _move(self, lock: threading.RLock) -> None:
        assert self.moving is not None
        # PERF: 10 million links and 150,000 newer ones take seconds, in which everybody else goes on.
        archive = self.archive.joined(archive_facts(self.moving))
        with lock:
            self.archive, self.moving = archive, None

    def settle(self) -> None:
        """Wait until nothing is on its way into the archive. Do not hold the lock."""
        if self._mover is not None:
            self._mover.join()
            self._mover = None

    def erase(self, user_ids: Collection[str], session_ids: Collection[str]) -> None:
        """Forget users, and what sessions did without a user. Hold the lock, after `settle`."""
        assert self.moving is None
        self.archive = self.archive.without(user_ids, session_ids)
        self.recent.erase(user_ids, session_ids)

    @property
    def _newer(self) -> Iterator[Facts]:
        if self.moving is not None:
            yield self.moving
        yield self.recent
        yield self.tail

    def links_of(self, session_id: str) -> tuple[Link, ...]:
        """Return the links of a session, in no order."""
        found = (facts.links_of(session_id) for facts in self._newer)
        return tuple(itertools.chain(self.archive.links_of(session_id), *found))

    def sessions_of(self, user_id: str) -> set[str]:
        """Return the sessions ever linked to a user, before merges."""
        return set(self.archive.sessions_of(user_id)).union(
            *(facts.sessions.get(user_id, ()) for facts in self._newer)
        )

    def busy_sessions_of(self, user_id: str) -> Iterable[str]:
        """Return those of a user's sessions for whose owner there is an operation."""
        if self.count_sessions(user_id) <= FEW_SESSIONS:
            return [id for id in self.sessions_of(user_id) if self.has_operations(("session", id))]
        newer = [id for facts in self._newer for kind, id in facts.operations if kind == "session"]
        newer_links = [id for facts in self._newer for id in facts.sessions.get(user_id, ())]
        return {
            *self.archive.busy_sessions_of(user_id),
            *self.archive.links.linked_among(newer, user_id),
            *(id for id in newer_links if self.has_operations(("session", id))),
        }

    def count_sessions(self, user_id: str) -> int:
        """Return how many sessions were ever linked to a user, at most; before merges."""
        newer = sum(len(facts.sessions.get(user_id, ())) for facts in self._newer)
        return newer + len(self.archive.links.rows_of_user(user_id))

    def operations_of(self, owner: OperationOwner) -> list[RawOperation]:
        """Return operations, in no order."""
        found = (facts.operations.get(owner, ()) for facts in self._newer)
        return list(itertools.chain(self.archive.operations.of_owner(owner), *found))

    def has_operations(self, owner: OperationOwner) -> bool:
        """Say whether there is any operation of an owner."""
        return self.archive.operations.has_owner(owner) or any(
            owner in facts.operations for facts in self._newer
        )

    def merges(self) -> list[Merge]:
        """Return all merges and undoings, in no order."""
        return self.recent.merges + self.tail.merges

    def has_user(self, user_id: str) -> bool:
        """Say whether any fact names a user."""
        return self.archive.names.has(key_of("u", user_id)) or any(
            user_id in facts.users for facts in self._newer
        )

    def has_session(self, session_id: str) -> bool:
        """Say whether any link or operation names a session."""
        return bool(
            self.links_of(session_id)
            or self.has_operations(("session", session_id))
            or self.has_operations(("own", session_id))
        )

    def newer_users(self) -> set[str]:
        """Return the users that newer facts name; the archive may know them as well."""
        return set().union(*(facts.users for facts in self._newer))
