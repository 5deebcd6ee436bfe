"""Remember which links of sessions to users the spool holds, so that each event need not repeat them."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class SeenLinks:
    """Remember, for pairs of session and user, the earliest event time that the spool holds.

    Bounded: beyond `limit` pairs it forgets all and links are written again, which changes nothing.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._limit = limit
        self._lock = threading.Lock()
        self._erased: frozenset[str] = frozenset()

    def is_new(self, session_id: str, user_id: str, time_ms: int) -> bool:
        """Say whether no event of the pair at this time or earlier is remembered."""
        seen = self._seen.get((session_id, user_id))
        return seen is None or time_ms < seen or user_id in self._erased

    def forget(self, user_ids: Iterable[str]) -> None:
        """Never rely again on having seen a link of these users: theirs are erased."""
        self._erased |= frozenset(user_ids)

    def remember(self, pairs: dict[tuple[str, str], int]) -> None:
        """Note pairs whose links the spool has."""
        with self._lock:
            if len(self._seen) > self._limit:
                self._seen.clear()
            for pair, time_ms in pairs.items():
                self._seen[pair] = min(time_ms, self._seen.get(pair, time_ms))
