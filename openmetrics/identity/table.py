"""Answer who owns what, from the facts that the store holds."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from openmetrics.identity.expansion import expand_filter, expand_users
from openmetrics.identity.facts import RawOperation
from openmetrics.identity.fold import (
    Link,
    Stay,
    final_user,
    fold_merges,
    fold_properties,
    fold_stays,
    merge_properties,
    owner_in,
    reduce_links,
)
from openmetrics.identity.follower import FactFollower
from openmetrics.identity.layers import RECENT_FACTS, Layers
from openmetrics.identity.names import NameList
from openmetrics.query.model import Comparison, Field, Filter, SessionSpan
from openmetrics.store.base import Store

MANY_LINKS = 64


class SessionStay(NamedTuple):
    """A stretch in which a session is a user's; `start_ms` and `end_ms` bound the events that count."""

    session_id: str
    linked_ms: int
    start_ms: int | None
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class User:
    """A user with everything of those merged into it; `asked_id` is the id that was looked up."""

    user_id: str
    asked_id: str
    merged: tuple[str, ...]
    properties: Mapping[str, Any]
    stays: tuple[SessionStay, ...]
    is_known: bool
    """False where no link, property or merge names it; it may still have events."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session: its own properties, its owners by time, and the profile of whoever has it now."""

    session_id: str
    user_id: str | None
    stays: tuple[Stay, ...]
    properties: Mapping[str, Any]
    profile: Mapping[str, Any]
    is_known: bool
    """False where no link or property names it; it may still have events."""


class IdentityTable:
    """Look up owners, users and sessions. Thread-safe because each answer holds the follower's lock.

    Answers know what the last `sync` brought. User ids in answers are final: merges are followed.
    """

    def __init__(self, store: Store, recent_facts: int = RECENT_FACTS) -> None:
        self._follower = FactFollower(store, recent_facts)
        self._lock = self._follower.lock
        self._version = -1
        self._parents: dict[str, str] = {}
        self._children: dict[str, list[str]] = {}
        self._names = NameList()
        self._stays: dict[str, tuple[Stay, ...]] = {}

    def sync(self) -> None:
        """Take in every fact written before the call. Cheap when there are none."""
        self._follower.sync()

    def final_user(self, user_id: str) -> str:
        """Return the user that a user id stands for, merges followed."""
        with self._lock:
            self._refold()
            return final_user(self._parents, user_id)

    def parent(self, user_id: str) -> str | None:
        """Return the user that this one was directly merged into, if any."""
        with self._lock:
            self._refold()
            return self._parents.get(user_id)

    def family(self, user_id: str) -> tuple[str, ...]:
        """Return the final user, then all ids merged into it, earliest merge first."""
        with self._lock:
            return tuple(self._iter_family(self.final_user(user_id)))

    def owner(self, session_id: str | None, time_ms: int, sent: str | None = None) -> str | None:
        """Return whose an event of this session and time is; `sent` is the user id it came with."""
        with self._lock:
            if sent is None and session_id is not None:
                sent = owner_in(self._own_stays(session_id), time_ms)
            return None if sent is None else self.final_user(sent)

    def owners_of(
        self, pairs: Iterable[tuple[str | None, str | None]]
    ) -> list[str | tuple[Stay, ...] | None]:
        """Return the owner of each (session, sent user): a user, stays where time decides, or None."""
        owners: list[str | tuple[Stay, ...] | None] = []
        with self._lock:
            for session_id, sent in pairs:
                if sent is not None:
                    owners.append(self.final_user(sent))
                    continue
                stays = () if session_id is None else self.stays_of(session_id)
                owners.append(stays if len(stays) > 1 else stays[0].user_id if stays else None)
        return owners

    def stays_of(self, session_id: str) -> tuple[Stay, ...]:
        """Return who owns a session when, by time; nothing while it is anonymous."""
        joined: list[Stay] = []
        with self._lock:
            self._refold()
            for stay in self._own_stays(session_id):
                user_id = final_user(self._parents, stay.user_id)
                if joined and joined[-1].user_id == user_id:
                    joined[-1] = joined[-1]._replace(end_ms=stay.end_ms)
                else:
                    joined.append(stay._replace(user_id=user_id))
        return tuple(joined)

    def sessions_of(self, user_id: str) -> tuple[SessionStay, ...]:
        """Return the stretches of sessions that are a user's, by the time of the link."""
        with self._lock:
            final = self.final_user(user_id)
            layers = self._layers
            sessions: set[str] = set().union(*map(layers.sessions_of, self._iter_family(final)))
            found = [
                SessionStay(session_id, stay.linked_ms, stay.start_ms, stay.end_ms)
                for session_id in sessions
                for stay in self.stays_of(session_id)
                if stay.user_id == final
            ]
        return tuple(sorted(found, key=lambda stay: (stay.linked_ms, stay.session_id)))

    def sessions_only_of(self, user_ids: Iterable[str]) -> list[str]:
        """Return the sessions that were linked to these users and to nobody else, before merges."""
        users = frozenset(user_ids)
        with self._lock:
            layers = self._layers
            sessions: set[str] = set().union(*map(layers.sessions_of, users))
            return sorted(
                id for id in sessions if users.issuperset(link.user_id for link in layers.links_of(id))
            )

    def properties_of(self, user_id: str) -> dict[str, Any]:
        """Return a user's profile: its own properties, and below them those of users merged into it."""
        with self._lock:
            operations = [list(self._iter_operations(member)) for member in self.family(user_id)]
        return merge_properties([_fold(found) for found in operations])

    def user(self, user_id: str) -> User:
        """Look a user up, by its own id or one merged into it."""
        with self._lock:
            final, *merged = self.family(user_id)
            is_known = any(map(self._layers.has_user, (final, *merged)))
            return User(
                final, user_id, tuple(merged), self.properties_of(final), self.sessions_of(final), is_known
            )

    def session(self, session_id: str) -> Session:
        """Look a session up."""
        with self._lock:
            stays = self.stays_of(session_id)
            user_id = stays[-1].user_id if stays else None
            layers = self._layers
            own = _fold(layers.operations_of(("own", session_id)))
            if user_id is None:
                profile = _fold(layers.operations_of(("session", session_id)))
            else:
                profile = self.properties_of(user_id)
            return Session(session_id, user_id, stays, own, profile, layers.has_session(session_id))

    def users(self, prefix: str = "", after: str = "", limit: int = 1_000) -> list[str]:
        """List users that facts name, in code point order, without those merged into another."""
        with self._lock:
            self._refold()
            names = self._names.iterate(self._layers, prefix, after)
            return list(itertools.islice((name for name in names if name not in self._parents), limit))

    def spans_where(self, is_wanted: Callable[[str], bool], limit: int) -> tuple[SessionSpan, ...] | None:
        """Return the spans of all sessions whose owner is wanted, or None if they are more than `limit`."""
        spans: list[SessionSpan] = []
        with self._lock:
            self._refold()
            for user_id in self._names.iterate(self._layers):
                if user_id in self._parents or not is_wanted(user_id):
                    continue
                spans += [
                    SessionSpan(stay.session_id, stay.start_ms, stay.end_ms)
                    for stay in self.sessions_of(user_id)
                ]
                if len(spans) > limit:
                    return None
        return tuple(spans)

    def merges(self) -> dict[str, str]:
        """Return every merged user id with the user that answers for it."""
        with self._lock:
            self._refold()
            return {other: final_user(self._parents, other) for other in self._parents}

    def links_of(self, session_ids: Iterable[str]) -> list[tuple[str, Link]]:
        """Return the links of sessions that count, by time; their users are as linked, before merges."""
        with self._lock:
            layers = self._layers
            found = [(id, link) for id in session_ids for link in reduce_links(layers.links_of(id))]
        return sorted(found, key=lambda pair: (pair[1].time_ms, pair))

    def expand_user(self, user_id: str) -> Filter:
        """Build the filter for the events of a user; an id merged into another stands for its keeper."""
        return expand_users(self, (user_id,))

    def expand_session(self, session_id: str) -> Filter:
        """Build the filter for the events of a session, whoever owns them."""
        return Comparison(Field("session_id"), "eq", session_id)

    def expand_filter(self, node: Filter | None) -> Filter | None:
        """Rewrite comparisons of `user_id`, so that engines find the events that these owners have.

        Raises QueryTooLargeError where that takes too many spans of sessions.
        """
        return expand_filter(self, node)

    def count_sessions(self, user_ids: Iterable[str]) -> int:
        """Return how many sessions were ever linked to users and those merged into them, at most. Fast."""
        with self._lock:
            members = {member for id in user_ids for member in self.family(id)}
            return sum(map(self._layers.count_sessions, members))

    def figures(self) -> Mapping[str, float]:
        """Return the figures of `/metrics`."""
        return self._follower.crowds.figures()

    @property
    def _layers(self) -> Layers:
        return self._follower.layers

    def _refold(self) -> None:
        """Fold merges and sort names again where facts have changed."""
        if self._version == self._follower.version:
            return
        layers = self._layers
        self._parents = fold_merges(layers.merges())
        self._children = defaultdict(list)
        for other, keep in self._parents.items():
            self._children[keep].append(other)
        self._stays = {}
        self._version = self._follower.version

    def _iter_family(self, user_id: str) -> Iterator[str]:
        waiting = [user_id]
        while waiting:
            member = waiting.pop()
            yield member
            waiting.extend(reversed(self._children.get(member, ())))

    def _iter_operations(self, user_id: str) -> Iterator[RawOperation]:
        """Yield a user's operations before merges: its own, and its sessions' in its time."""
        layers = self._layers
        yield from layers.operations_of(("user", user_id))
        for session_id in layers.busy_sessions_of(user_id):
            stays = self._own_stays(session_id)
            for operation in layers.operations_of(("session", session_id)):
                if owner_in(stays, operation.time_ms) == user_id:
                    yield operation

    def _own_stays(self, session_id: str) -> tuple[Stay, ...]:
        """Return who has a session when, before merges; long lists are kept until facts change."""
        self._refold()
        if session_id in self._stays:
            return self._stays[session_id]
        links = self._layers.links_of(session_id)
        stays = tuple(fold_stays(links))
        if len(links) > MANY_LINKS and len(self._stays) < MANY_LINKS:
            self._stays[session_id] = stays
        return stays


def _fold(operations: Iterable[RawOperation]) -> dict[str, Any]:
    return fold_properties(operation.parse() for operation in operations)
