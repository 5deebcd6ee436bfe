"""Hold tens of millions of settled links and operations in sorted, immutable arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openmetrics.identity.arrays import Links, Names, Operations, owner_key, to_keys, to_texts
from openmetrics.identity.facts import Facts, OperationOwner, RawOperation
from openmetrics.identity.fold import Link
from openmetrics.ingest.event import key_of

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, eq=False)
class Archive:
    """All of it. Thread-safe because it is immutable."""

    links: Links
    operations: Operations
    names: Names
    """The users that links and operations name."""

    def joined(self, other: Archive) -> Archive:
        """Return what both hold."""
        links = self.links.joined(other.links) if len(other.links.times) else self.links
        operations = self.operations
        if len(other.operations.owners):
            operations = operations.joined(other.operations)
        return Archive(links, operations, self.names.joined(other.names))

    def without(self, user_ids: Collection[str], session_ids: Collection[str]) -> Archive:
        """Return it without these users, and without what these sessions did without a user."""
        users = np.array([key_of("u", id) for id in user_ids], dtype=np.int64)
        gone: list[OperationOwner] = [("user", id) for id in user_ids]
        gone += [owner for id in session_ids for owner in (("session", id), ("own", id))]
        owners = np.array([owner_key(owner) for owner in gone], dtype=np.int64)
        return Archive(self.links.without(users), self.operations.without(owners), self.names.without(users))

    def links_of(self, session_id: str) -> tuple[Link, ...]:
        """Return the links of a session, in no order."""
        return self.links.of_session(session_id, self.names)

    def sessions_of(self, user_id: str) -> list[str]:
        """Return the sessions ever linked to a user, before merges; one may come twice."""
        rows = self.links.rows_of_user(user_id)
        sessions: list[str] = self.links.texts.take(rows).to_pylist()
        return sessions

    def busy_sessions_of(self, user_id: str) -> Iterator[str]:
        """Yield those of a user's sessions for whose owner there is an operation."""
        rows = self.links.rows_of_user(user_id)
        owners = self.operations.owners
        if not len(owners):
            return
        keys = self.links.sessions[rows]
        places = np.minimum(np.searchsorted(owners, keys), len(owners) - 1)
        yield from self.links.texts.take(rows[owners[places] == keys]).to_pylist()


def empty_archive() -> Archive:
    """Return an archive of nothing."""
    return archive_facts(Facts())


def archive_facts(facts: Facts) -> Archive:
    """Turn a layer of facts, but for its merges, into arrays."""
    links = list(facts.iter_links())
    rows = [(owner, operation) for owner, found in facts.operations.items() for operation in found]
    return Archive(
        archive_links(
            [session_id for session_id, _ in links],
            [link.user_id for _, link in links],
            [link.time_ms for _, link in links],
            [link.is_explicit for _, link in links],
        ),
        archive_operations([owner for owner, _ in rows], [operation for _, operation in rows]),
        archive_names(facts.users),
    )


def archive_links(sessions: Sequence[str], users: Sequence[str], times: Any, explicit: Any) -> Links:
    """Turn links, given by their columns, into arrays."""
    return Links.make(
        to_keys("s", sessions), to_keys("u", users), np.array(times, dtype=np.int64),
        np.array(explicit, dtype=np.bool_), to_texts(sessions),
    )  # fmt: skip


def archive_batches(batches: Iterable[pyarrow.RecordBatch]) -> Archive:
    """Turn links as scanned, with their keys, into arrays."""
    import pyarrow

    table = pyarrow.Table.from_batches(batches)
    sessions, users, times = (table[name].to_numpy() for name in ("session_key", "user_key", "time"))
    text = pyarrow.large_string()
    texts = {name: table[name].cast(text).combine_chunks() for name in ("session_id", "user_id")}
    explicit = table["explicit"].to_numpy()
    links = Links.make(sessions, users, times, explicit, texts["session_id"])
    return Archive(links, archive_operations((), ()), Names.make(users, texts["user_id"]))


def archive_operations(owners: Sequence[OperationOwner], operations: Sequence[RawOperation]) -> Operations:
    """Turn operations into arrays."""
    import pyarrow

    columns: Any = list(zip(*operations, strict=True)) or [()] * 4
    text = pyarrow.large_string()
    types = (pyarrow.int64(), text, text, text)
    arrays = [pyarrow.array(column, type) for column, type in zip(columns, types, strict=True)]
    rows = pyarrow.Table.from_arrays(arrays, names=["time", "id", "op", "raw"])
    return Operations.make(np.array([owner_key(owner) for owner in owners], dtype=np.int64), rows)


def archive_names(user_ids: Iterable[str]) -> Names:
    """Turn user ids into arrays."""
    ids = list(user_ids)
    return Names.make(to_keys("u", ids), to_texts(ids))
