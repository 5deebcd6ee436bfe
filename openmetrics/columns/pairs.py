"""Pairs of session and sent user: what decides whose an event is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.column import join_texts, to_texts
from openmetrics.columns.kernels import NO_KEY, PairTable, add_pairs, fill_slots, freeze

if TYPE_CHECKING:
    import pyarrow


class IdTexts:
    """The session and user ids of pairs, read when first needed. Thread-safe."""

    def __init__(self, read: Callable[[], tuple[Any, Any]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._found: tuple[Any, Any] | None = None

    @property
    def is_read(self) -> bool:
        """Say whether the ids are in memory already."""
        return self._found is not None

    def get(self) -> tuple[Any, Any]:
        """Return session ids and user ids."""
        with self._lock:
            if self._found is None:
                self._found = self._read()
            return self._found


def known_ids(sessions: Any, users: Any) -> IdTexts:
    """Return ids that are in memory."""
    texts = IdTexts(lambda: (sessions, users))
    texts.get()
    return texts


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs by code: keys, `NO_KEY` where nothing was sent, and the ids as text."""

    sessions: NDArray[np.int64]
    users: NDArray[np.int64]
    ids: IdTexts

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.sessions)

    @property
    def session_texts(self) -> pyarrow.Array:
        """Return the session ids by code."""
        return self.ids.get()[0]

    @property
    def user_texts(self) -> pyarrow.Array:
        """Return the sent user ids by code."""
        return self.ids.get()[1]

    @cached_property
    def session_names(self) -> KeyTexts:
        """Return the session ids by key."""
        return KeyTexts(self.sessions, self.session_texts)

    @cached_property
    def user_names(self) -> KeyTexts:
        """Return the sent user ids by key."""
        return KeyTexts(self.users, self.user_texts)

    def take(self, codes: NDArray[np.int64]) -> Pairs:
        """Return some pairs."""
        ids = IdTexts(lambda: (self.session_texts.take(codes), self.user_texts.take(codes)))
        return Pairs(freeze(self.sessions[codes]), freeze(self.users[codes]), ids)


def no_pairs() -> Pairs:
    """Return an empty table."""
    nothing = freeze(np.empty(0, dtype=np.int64))
    return Pairs(nothing, nothing, known_ids(to_texts(()), to_texts(())))


def join_pairs(left: Pairs, right: Pairs) -> Pairs:
    """Put two tables one after another."""
    sessions = freeze(np.concatenate((left.sessions, right.sessions)))
    users = freeze(np.concatenate((left.users, right.users)))
    ids = IdTexts(
        lambda: (
            join_texts((left.session_texts, right.session_texts)),
            join_texts((left.user_texts, right.user_texts)),
        )
    )
    return Pairs(sessions, users, ids)


class PairIndex:
    """Give codes to pairs as they come. One thread at a time."""

    def __init__(self, expected_rows: int = 0) -> None:
        self._count = 0
        # PERF: a table that need not grow saves a quarter of the time; pages that stay empty cost nothing.
        slots = min(max(expected_rows // 3, 1 << 12), 1 << 22)
        self._table = _make_table(1 << slots.bit_length())
        self._texts: list[tuple[Any, Any]] = []

    def add(self, batch: Any) -> NDArray[np.int32]:
        """Return the codes of a batch with `session_key user_key`, and `session_id user_id` or neither."""
        sessions, users = read_keys(batch, "session_key"), read_keys(batch, "user_key")
        self._reserve(self._count + len(sessions))
        codes = np.empty(len(sessions), dtype=np.int32)
        new = add_pairs(self._table, self._count, sessions, users, codes)
        self._count += len(new)
        if len(new) and "session_id" in batch.schema.names:
            taken = [batch.column(name).take(new).cast("large_string") for name in ("session_id", "user_id")]
            self._texts.append((taken[0], taken[1]))
        return codes

    def has_any(self, sessions: NDArray[np.int64]) -> bool:
        """Say whether any pair has one of these sessions."""
        return bool(np.isin(self._table.sessions[: self._count], sessions).any())

    def snapshot(self) -> Pairs:
        """Return all pairs so far."""
        if not self._count:
            return no_pairs()
        if len(self._texts) > 1:
            self._texts = [(join_texts([a for a, _ in self._texts]), join_texts([b for _, b in self._texts]))]
        sessions, users = self._table.sessions[: self._count], self._table.users[: self._count]
        ids = known_ids(*self._texts[0]) if self._texts else IdTexts(no_ids)
        return Pairs(freeze(sessions.copy()), freeze(users.copy()), ids)

    def _reserve(self, count: int) -> None:
        if count <= len(self._table.sessions):
            return
        larger = _make_table(1 << (3 * count).bit_length())
        larger.sessions[: self._count] = self._table.sessions[: self._count]
        larger.users[: self._count] = self._table.users[: self._count]
        fill_slots(larger, self._count)
        self._table = larger


def no_ids() -> Any:
    """Stand for ids that whoever uses a table of pairs has yet to say how to read."""
    raise LookupError("the ids of these pairs were not read")


def _make_table(slots: int) -> PairTable:
    keys = np.empty(slots * 2 // 3, dtype=np.int64)
    return PairTable(np.zeros((slots, 3), dtype=np.int64), keys, np.empty_like(keys))


def read_keys(batch: Any, name: str) -> NDArray[np.int64]:
    """Return a column of keys, `NO_KEY` where there is none."""
    keys: NDArray[np.int64] = freeze(batch.column(name).fill_null(NO_KEY).to_numpy(zero_copy_only=False))
    return keys


class KeyTexts:
    """Ids as text, found by their key."""

    def __init__(self, keys: NDArray[np.int64], texts: pyarrow.Array) -> None:
        found, first = np.unique(keys, return_index=True)
        if len(found) and found[0] == NO_KEY:
            found, first = found[1:], first[1:]
        self.keys = found
        self.texts = texts.take(first)

    def find(self, keys: NDArray[np.int64]) -> pyarrow.Array:
        """Return the texts of keys, null where one is unknown."""
        import pyarrow

        if not len(self.keys):
            return pyarrow.nulls(len(keys), pyarrow.large_string())
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return self.texts.take(pyarrow.array(places, mask=self.keys[places] != keys))


class GrowingTexts:
    """Ids as text that come bit by bit. One thread at a time."""

    def __init__(self) -> None:
        self._texts = KeyTexts(np.empty(0, dtype=np.int64), to_texts(()))
        self._new: list[KeyTexts] = []

    def add(self, keys: NDArray[np.int64], texts: Any) -> None:
        """Add ids; known ones change nothing."""
        self._new.append(KeyTexts(keys, texts.cast("large_string")))

    def read(self) -> KeyTexts:
        """Return all ids so far."""
        if self._new:
            parts = [self._texts, *self._new]
            keys = np.concatenate([part.keys for part in parts])
            self._texts, self._new = KeyTexts(keys, join_texts([part.texts for part in parts])), []
        return self._texts
