"""Agree with all other writers on which property names are indexed (ruling E7).

The names stand in one versioned control document. Names are only ever added to it, at most `limit`, so a
process that has seen the document full refuses others without asking.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import orjson

from openmetrics.query.values import is_indexable_name
from openmetrics.store.base import ControlDocument, Store, VersionConflictError

_KIND, _ID = "names", "properties"
_MARK = b'"new":['
_EVENT = b'{"kind":"event",'
_PATHS = ("fields\x01", "context\x01")
_MAX_REFUSED = 10_000


class Names:
    """Hold the agreed names. Thread-safe because the two sets are replaced, never changed."""

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._lock = threading.Lock()
        self._is_full = False
        self.is_loaded = False
        self.known: set[str] = set()
        """Names that may be indexed and are declared in the store."""
        self.refused: set[str] = set()
        """Names met beyond the limit: kept on the event, not indexed."""
        self.events_refused = 0
        """Events that lost a name from their index here, rather than when they were accepted."""

    def load(self) -> None:
        """Read the agreed names. Idempotent. Raises StoreUnavailableError."""
        self.reserve(())

    def reserve(self, names: Iterable[str]) -> set[str]:
        """Add names for all writers, declare them in the store, and return those beyond the limit."""
        wanted = {name: None for name in names if is_indexable_name(name)}
        with self._lock:
            fresh = [name for name in wanted if name not in self.known]
            if not self.is_loaded or (fresh and not self._is_full):
                self._learn(self._agree(fresh))
            refused = wanted.keys() - self.known
            if not refused <= self.refused:
                kept = self.refused if len(self.refused) < _MAX_REFUSED else set()
                self.refused = kept | refused
            return refused

    def _learn(self, agreed: list[str]) -> None:
        # SAFETY: another writer may have added names and died before declaring them, so this one declares
        # every name that it meets for the first time.
        if unmet := [name for name in agreed if name not in self.known]:
            self._store.declare_names(unmet)
        self.known = set(agreed)
        self._is_full = len(agreed) >= self._limit
        self.is_loaded = True

    def agree(self, lines: bytes, is_foreign: bool = False) -> bytes:
        """Settle the new names in spool lines, and return the lines as the store may have them.

        `is_foreign` lines may come from before this store: every name in them is looked at.
        """
        if not is_foreign and _MARK not in lines:
            return lines
        split = lines.split(b"\n")
        found = {}
        for index, line in enumerate(split):
            if names := _all_names(line) if is_foreign else _new_names(line):
                found[index] = names
        refused = self.reserve(name for names in found.values() for name in names)
        for index, names in found.items():
            split[index] = _strip_new(split[index])
            if not refused.isdisjoint(names):
                split[index] = _drop_names(split[index], refused)
                self.events_refused += 1
        return b"\n".join(split)

    def _agree(self, wanted: list[str]) -> list[str]:
        while True:
            document = self._store.control_get(_KIND, _ID)
            agreed = list(document.body["names"]) if document else []
            present = set(agreed)
            fresh = [name for name in wanted if name not in present]
            fresh = fresh[: max(0, self._limit - len(agreed))]
            if not fresh:
                return agreed
            body = {"names": [*agreed, *fresh]}
            version = document.version if document else ""
            try:
                self._store.control_put(ControlDocument(_KIND, _ID, body, version), create=document is None)
            except VersionConflictError:
                continue
            return body["names"]


def _head_of_new(line: bytes) -> tuple[int, int]:
    """Return where the member `new` of an event begins and ends, or (-1, -1).

    SAFETY: a quote inside JSON text is escaped, so the first `,"name":` really ends the line's head, and
    a property called `new` stands behind it.
    """
    if not line.startswith(_EVENT):
        return -1, -1
    end = line.find(b',"name":')
    begin = line.find(b"," + _MARK, 0, end)
    return (begin, end) if 0 <= begin < end else (-1, -1)


def _new_names(line: bytes) -> list[str]:
    begin, end = _head_of_new(line)
    if begin < 0:
        return []
    return [name for name in _parse(line[begin + len(_MARK) : end], list) if isinstance(name, str)]


def _all_names(line: bytes) -> list[str]:
    has = _parse(line, dict).get("has", ()) if line.startswith(_EVENT) else ()
    return [name for name in has if not name.startswith(_PATHS)]


def _strip_new(line: bytes) -> bytes:
    begin, end = _head_of_new(line)
    return line if begin < 0 else line[:begin] + line[end:]


def _drop_names(line: bytes, refused: set[str]) -> bytes:
    """Take refused names out of an event's index; `raw` keeps what was sent."""
    event = _parse(line, dict)
    if not event:
        return line
    event["has"] = [name for name in event.get("has", ()) if name not in refused]
    event["kinds"] = [kind for kind in event.get("kinds", ()) if kind.rpartition("\x01")[0] not in refused]
    for member in ("props", "num"):
        event[member] = {name: texts for name, texts in event.get(member, {}).items() if name not in refused}
    for member in ("has", "kinds", "props", "num"):
        if not event[member]:
            del event[member]
    return orjson.dumps(event)


def _parse(text: bytes, type: type[Any]) -> Any:
    """Parse JSON of one type; what is damaged reads as empty, and the store says what is wrong with it."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return type()
    return value if isinstance(value, type) else type()
