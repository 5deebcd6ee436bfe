"""Know who was erased, and keep out of the store what they did before that.

Each erasure is a control document with a number of its own, made by compare-and-swap and never changed:
whoever stores facts asks for the next number before and after every batch. It covers every fact received up
to its time that names one of its users, and those without a user in one of its sessions; what is received
later is somebody new.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from openmetrics.ingest.event import link_id, link_line
from openmetrics.store.base import Capability, ControlDocument, Store, VersionConflictError

KIND = "erasure"
MAX_IDS = 10_000
"""Ids in one erasure; that of a larger user takes several numbers."""
_RETURN_MS = 600_000
"""For how long after an erasure other processes may still not know of it when they accept an event."""
_RECEIVED = re.compile(rb'"received":(-?\d+)')


@dataclass(frozen=True, slots=True)
class Erasure:
    """One number: what it covers, and the id that was asked for."""

    number: int
    user_id: str
    user_ids: frozenset[str]
    session_ids: frozenset[str]
    until_ms: int

    def to_document(self) -> ControlDocument:
        """Return the control document."""
        body = {
            "user_id": self.user_id, "user_ids": sorted(self.user_ids),
            "session_ids": sorted(self.session_ids), "until": self.until_ms,
        }  # fmt: skip
        return ControlDocument(KIND, str(self.number), body)


def read_erasure(document: ControlDocument) -> Erasure:
    """Return the erasure that a control document holds."""
    body = document.body
    return Erasure(
        int(document.id), body["user_id"], frozenset(body["user_ids"]), frozenset(body["session_ids"]),
        body["until"],
    )  # fmt: skip


class Coverage:
    """Say which facts some erasures cover. Immutable: `joined` gives a larger one."""

    def __init__(self, users: Mapping[str, int], sessions: Mapping[str, int]) -> None:
        self._users = users
        self._sessions = sessions
        self._latest_ms = max((*users.values(), *sessions.values()), default=None)

    def joined(self, erasures: Iterable[Erasure]) -> Coverage:
        """Return what this one and erasures cover."""
        users, sessions = dict(self._users), dict(self._sessions)
        for erasure in erasures:
            for ids, until in ((erasure.user_ids, users), (erasure.session_ids, sessions)):
                for id in ids:
                    until[id] = max(erasure.until_ms, until.get(id, erasure.until_ms))
        return Coverage(users, sessions)

    def is_before(self, lines: bytes, grace_ms: int = 0) -> bool:
        """Say whether all erasures are older than all lines, by more than a grace."""
        # PERF: so it is for nearly every batch, which then need not be parsed.
        return self._latest_ms is None or _oldest(lines) > self._latest_ms + grace_ms

    def covers(self, fact: Mapping[str, Any]) -> bool:
        """Say whether a parsed line is erased."""
        received_ms = fact.get("received", fact.get("time", 0))
        named = [fact[name] for name in ("user_id", "other") if fact.get(name) is not None]
        if any(received_ms <= self._users[id] for id in named if id in self._users):
            return True
        until_ms = None if named else self._sessions.get(fact.get("session_id", ""))
        return until_ms is not None and received_ms <= until_ms

    def strip(self, lines: bytes) -> bytes:
        """Return spool lines without those that are erased; damaged ones stay."""
        if self.is_before(lines):
            return lines
        kept = [line for line in lines.split(b"\n") if not self._covers_line(line)]
        return b"\n".join(kept)

    def links_again(self, lines: bytes) -> bytes:
        """Return the implied links of events of erased users who came back a moment ago.

        The process that accepted them may have thought that the store has these links.
        """
        if self.is_before(lines, _RETURN_MS):
            return b""
        events = (_parse(line) for line in lines.split(b"\n") if line.startswith(b'{"kind":"event"'))
        return b"".join(
            _link_of(event)
            for event in events
            if event.get("user_id") in self._users and event.get("session_id") is not None
        )

    def _covers_line(self, line: bytes) -> bool:
        return bool(line) and self.covers(_parse(line))


NOTHING = Coverage({}, {})


class Erasures:
    """Follow the numbers. Thread-safe: what is known is replaced under a lock, never changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_shared = Capability.MULTI_PROCESS in store.capabilities
        self._lock = threading.Lock()
        self._is_loaded = False
        self.known: tuple[Erasure, ...] = ()
        self.coverage = NOTHING
        self.stripped = 0
        """Grows when a line was kept out of the store, which may stand in files yet."""
        self.listeners: list[Callable[[Erasure], None]] = []

    def sync(self) -> tuple[Erasure, ...]:
        """Return all erasures there are. Raises StoreUnavailableError.

        PERF: one look-up by id where processes share the store, else nothing after the first call.
        """
        if self._is_loaded and not self._is_shared:
            return self.known
        with self._lock:
            if not self._is_loaded:
                found = map(read_erasure, self._store.control_list(KIND))
                self._learn(sorted(found, key=lambda erasure: erasure.number))
                self._is_loaded = True
            while document := self._store.control_get(KIND, str(len(self.known) + 1)):
                self._learn([read_erasure(document)])
            return self.known

    def strip(self, lines: bytes) -> bytes:
        """Return lines as the store may have them: without what is erased."""
        coverage = self.coverage
        kept = coverage.strip(lines)
        if len(kept) < len(lines):
            self.stripped += 1
        return kept + coverage.links_again(kept)

    def add(self, user_id: str, user_ids: Iterable[str], session_ids: Iterable[str], until_ms: int) -> int:
        """Make erasures of these ids, durable when this returns, and return the last one's number."""
        ids = [(True, id) for id in user_ids] + [(False, id) for id in session_ids]
        for first in range(0, len(ids), MAX_IDS):
            chunk = ids[first : first + MAX_IDS]
            users = frozenset(id for is_user, id in chunk if is_user)
            sessions = frozenset(id for is_user, id in chunk if not is_user)
            number = self._add(Erasure(0, user_id, users, sessions, until_ms))
        return number

    def _add(self, erasure: Erasure) -> int:
        while True:
            number = len(self.sync()) + 1
            erasure = replace(erasure, number=number)
            try:
                self._store.control_put(erasure.to_document(), create=True)
            except VersionConflictError:
                continue  # another process took the number: sync learns it
            with self._lock:
                if len(self.known) < number:
                    self._learn([erasure])
            return number

    def _learn(self, erasures: Sequence[Erasure]) -> None:
        self.coverage = self.coverage.joined(erasures)
        self.known = (*self.known, *erasures)
        for erasure in erasures:
            for listen in self.listeners:
                listen(erasure)


def _oldest(lines: bytes) -> int:
    """Return the least time of receipt in lines; where there is none, they may be of any age."""
    return min(map(int, _RECEIVED.findall(lines)), default=-(2**63))


def _parse(line: bytes) -> dict[str, Any]:
    try:
        fact = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return fact if isinstance(fact, dict) else {}


def _link_of(event: Mapping[str, Any]) -> bytes:
    user_id, session_id, time_ms = event["user_id"], event["session_id"], event["time"]
    id = link_id(session_id, user_id, time_ms, is_explicit=False)
    return link_line(id, user_id, session_id, time_ms, event["received"], False)
