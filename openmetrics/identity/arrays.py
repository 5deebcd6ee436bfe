"""Sorted arrays of links, operations and ids, found by key; never changed, only replaced.

PERF: a link takes 45 bytes and its session id, where dictionaries of objects take 600.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from openmetrics.identity.facts import OperationOwner, RawOperation
from openmetrics.identity.fold import Link
from openmetrics.ingest.event import key_of

if TYPE_CHECKING:
    import pyarrow

Keys = NDArray[np.int64]
_OWNINGS = {"user": "u", "session": "s", "own": "o"}


@dataclass(frozen=True, eq=False)
class Names:
    """Ids by key, each once."""

    keys: Keys
    texts: pyarrow.Array

    @classmethod
    def make(cls, keys: Keys, texts: pyarrow.Array) -> Self:
        """Sort ids by key; repeated ones are taken once."""
        found, first = np.unique(keys, return_index=True)
        return cls(found, texts.take(first))

    def find(self, key: int) -> str:
        """Return the text of a key that is there."""
        text: str = self.texts[int(np.searchsorted(self.keys, key))].as_py()
        return text

    def has(self, key: int) -> bool:
        """Say whether there is such a key."""
        place = int(np.searchsorted(self.keys, key))
        return place < len(self.keys) and int(self.keys[place]) == key

    def joined(self, other: Names) -> Names:
        """Return the ids of both."""
        fresh = ~np.isin(other.keys, self.keys)
        keys = np.concatenate((self.keys, other.keys[fresh]))
        return Names.make(keys, _join_texts(self.texts, other.texts.filter(_to_flags(fresh))))

    def without(self, keys: Keys) -> Names:
        """Return the ids but for some."""
        kept = ~np.isin(self.keys, keys)
        return Names(self.keys[kept], self.texts.filter(_to_flags(kept)))


@dataclass(frozen=True, eq=False)
class Links:
    """Links ordered by session; `by_user` orders them by user."""

    sessions: Keys
    users: Keys
    times: Keys
    explicit: NDArray[np.bool_]
    texts: pyarrow.Array
    """The session ids."""
    by_user: NDArray[np.int32]
    users_in_order: Keys
    """`users[by_user]`. PERF: a look-up takes 3 µs, where one through `by_user` takes 60."""

    @classmethod
    def make(cls, sessions: Keys, users: Keys, times: Keys, explicit: Any, texts: pyarrow.Array) -> Self:
        """Order links; repeated ones, and all but the earliest implied one of a pair, are left out."""
        # PERF: few sessions have several links, and only these are compared by more than their key.
        order = np.argsort(sessions)
        rows = np.flatnonzero(_are_repeated(sessions[order]))
        several = order[rows]
        several = several[np.lexsort(tuple(part[several] for part in (times, explicit, users, sessions)))]
        order[rows] = several
        is_new = np.ones(len(several), dtype=np.bool_)
        if len(several):
            same = [part[several][1:] == part[several][:-1] for part in (sessions, users, explicit, times)]
            is_new[1:] = ~(same[0] & same[1] & same[2] & (~explicit[several][1:] | same[3]))
        kept = np.ones(len(order), dtype=np.bool_)
        kept[rows] = is_new
        order = order[kept]
        users = users[order]
        sessions, times, explicit = sessions[order], times[order], explicit[order]
        return cls(sessions, users, times, explicit, texts.take(order), *_order_by(users))

    def of_session(self, session_id: str, names: Names) -> tuple[Link, ...]:
        """Return the links of a session."""
        key = key_of("s", session_id)
        first = np.searchsorted(self.sessions, key, "left")
        last = np.searchsorted(self.sessions, key, "right")
        return tuple(
            Link(int(self.times[row]), names.find(int(self.users[row])), bool(self.explicit[row]))
            for row in range(int(first), int(last))
        )

    def rows_of_user(self, user_id: str) -> NDArray[np.int32]:
        """Return the rows of a user's links."""
        key = key_of("u", user_id)
        first = np.searchsorted(self.users_in_order, key, "left")
        last = np.searchsorted(self.users_in_order, key, "right")
        return self.by_user[int(first) : int(last)]

    def find_crowded_sessions(self, limit: int) -> list[str]:
        """Return the sessions that link to more users than a limit."""
        pairs = np.flatnonzero(_begin_runs(self.sessions) | _begin_runs(self.users))
        texts: list[str] = self.texts.take(pairs[_find_long_runs(self.sessions[pairs], limit)]).to_pylist()
        return texts

    def find_crowded_users(self, limit: int) -> list[int]:
        """Return the keys of users with more links than a limit."""
        users = self.users_in_order
        keys: list[int] = users[_find_long_runs(users, limit)].tolist()
        return keys

    def linked_among(self, session_ids: Sequence[str], user_id: str) -> list[str]:
        """Return those of some sessions that have a link to a user."""
        found = np.isin(to_keys("s", session_ids), self.sessions[self.rows_of_user(user_id)])
        return [session_ids[place] for place in np.flatnonzero(found).tolist()]

    def joined(self, other: Links) -> Links:
        """Return the links of both."""
        parts = ((self.sessions, other.sessions), (self.users, other.users), (self.times, other.times))
        sessions, users, times = (np.concatenate(pair) for pair in parts)
        explicit = np.concatenate((self.explicit, other.explicit))
        return Links.make(sessions, users, times, explicit, _join_texts(self.texts, other.texts))

    def without(self, users: Keys) -> Links:
        """Return the links but for those of some users."""
        kept = ~np.isin(self.users, users)
        texts, left = self.texts.filter(_to_flags(kept)), self.users[kept]
        columns = (self.sessions[kept], left, self.times[kept], self.explicit[kept])
        return Links(*columns, texts, *_order_by(left))


@dataclass(frozen=True, eq=False)
class Operations:
    """Profile operations ordered by the key of their owner."""

    owners: Keys
    rows: pyarrow.Table
    """`time id op raw`."""

    @classmethod
    def make(cls, owners: Keys, rows: pyarrow.Table) -> Self:
        """Order operations."""
        order = np.argsort(owners, kind="stable")
        return cls(owners[order], rows.take(order).combine_chunks())

    def of_owner(self, owner: OperationOwner) -> list[RawOperation]:
        """Return the operations of an owner."""
        first, last = self._span(owner)
        if first == last:
            return []
        columns = self.rows.slice(first, last - first).to_pydict().values()
        return [RawOperation(*row) for row in zip(*columns, strict=True)]

    def _span(self, owner: OperationOwner) -> tuple[int, int]:
        key = owner_key(owner)
        first = int(np.searchsorted(self.owners, key, "left"))
        return first, first + int(np.searchsorted(self.owners[first:], key, "right"))

    def has_owner(self, owner: OperationOwner) -> bool:
        """Say whether there is one."""
        first, last = self._span(owner)
        return first < last

    def joined(self, other: Operations) -> Operations:
        """Return the operations of both."""
        import pyarrow

        rows = pyarrow.concat_tables([self.rows, other.rows])
        return Operations.make(np.concatenate((self.owners, other.owners)), rows)

    def without(self, owners: Keys) -> Operations:
        """Return the operations but for those of some owners."""
        kept = ~np.isin(self.owners, owners)
        return Operations(self.owners[kept], self.rows.filter(_to_flags(kept)).combine_chunks())


def owner_key(owner: OperationOwner) -> int:
    """Return the key of an operation's owner; for one of a session's owner it is the session's."""
    kind, id = owner
    return key_of(_OWNINGS[kind], id)


def to_keys(prefix: str, ids: Iterable[str]) -> Keys:
    """Return the keys of ids."""
    return np.array([key_of(prefix, id) for id in ids], dtype=np.int64)


def to_texts(ids: Sequence[str]) -> pyarrow.Array:
    """Return ids as Arrow text, which holds any amount."""
    import pyarrow

    return pyarrow.array(ids, pyarrow.large_string())


def _order_by(keys: Keys) -> tuple[NDArray[np.int32], Keys]:
    order = np.argsort(keys).astype(np.int32)
    return order, keys[order]


def _begin_runs(keys: Keys) -> NDArray[np.bool_]:
    """Say where keys differ from the one before."""
    begins = np.ones(len(keys), dtype=np.bool_)
    begins[1:] = keys[1:] != keys[:-1]
    return begins


def _find_long_runs(keys: Keys, limit: int) -> NDArray[np.int64]:
    """Return the first place of each of sorted keys that stands there more than `limit` times."""
    starts = np.flatnonzero(_begin_runs(keys))
    return starts[np.diff(np.append(starts, len(keys))) > limit]


def _are_repeated(keys: Keys) -> NDArray[np.bool_]:
    """Say which of sorted keys stand there more than once."""
    found = np.zeros(len(keys), dtype=np.bool_)
    same = keys[1:] == keys[:-1]
    found[1:] |= same
    found[:-1] |= same
    return found


def _join_texts(left: pyarrow.Array, right: pyarrow.Array) -> pyarrow.Array:
    import pyarrow

    return pyarrow.concat_arrays([left, right])


def _to_flags(flags: NDArray[np.bool_]) -> pyarrow.Array:
    import pyarrow

    return pyarrow.array(flags)
