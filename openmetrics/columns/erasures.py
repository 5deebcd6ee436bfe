"""Know who was erased: what of them is read is left out, and what was sorted before is dropped.

An erasure covers what was received up to its time and names one of its users, and what names no user in
one of its sessions. What stood in the columns before the erasure was known had been received before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.kernels import NO_KEY
from openmetrics.columns.pairs import Pairs
from openmetrics.ingest.event import key_of


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure, by the keys of its users and sessions."""

    users: frozenset[int]
    sessions: frozenset[int]
    until_ms: int


@dataclass(frozen=True, slots=True)
class Erasures:
    """All erasures known, by id. Immutable."""

    by_id: Mapping[str, Erasure] = field(default_factory=dict)

    def joined(self, rows: Iterable[Mapping[str, Any]]) -> Erasures:
        """Return these and those of tombstones with `id time user_ids session_ids`."""
        found = dict(self.by_id)
        for row in rows:
            users = frozenset(key_of("u", id) for id in row["user_ids"] or ())
            sessions = frozenset(key_of("s", id) for id in row["session_ids"] or ())
            found[row["id"]] = Erasure(users, sessions, row["time"])
        return Erasures(found)

    @property
    def ids(self) -> frozenset[str]:
        """Return the ids of all erasures."""
        return frozenset(self.by_id)

    def users(self) -> NDArray[np.int64]:
        """Return the keys of all users who were erased."""
        keys = {key for erasure in self.by_id.values() for key in erasure.users}
        return np.array(sorted(keys), dtype=np.int64)

    def cover(
        self, sessions: NDArray[np.int64], users: NDArray[np.int64], received: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Say which events are erased."""
        covered = np.zeros(len(sessions), dtype=np.bool_)
        for erasure in self.by_id.values():
            early = received <= erasure.until_ms
            if early.any():
                covered |= early & _name(erasure, sessions, users)
        return covered

    def cover_pairs(self, pairs: Pairs, applied: frozenset[str]) -> NDArray[np.bool_]:
        """Say which pairs are named by an erasure that was not applied yet."""
        covered = np.zeros(len(pairs), dtype=np.bool_)
        for id, erasure in self.by_id.items():
            if id not in applied:
                covered |= _name(erasure, pairs.sessions, pairs.users)
        return covered


def _name(erasure: Erasure, sessions: NDArray[np.int64], users: NDArray[np.int64]) -> NDArray[np.bool_]:
    named = np.isin(users, np.array(list(erasure.users), dtype=np.int64))
    anonymous = np.isin(sessions, np.array(list(erasure.sessions), dtype=np.int64)) & (users == NO_KEY)
    found: NDArray[np.bool_] = named | anonymous
    return found
