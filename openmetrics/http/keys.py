"""Keys with scopes: who may send, ask or administer.

A key is shown once, when made; the store keeps its SHA-256 only. `write` may send events and nothing else,
so that it can stand in a public page; `read` may ask; `admin` may do everything.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Literal, get_args

from openmetrics.clock import Clock
from openmetrics.errors import OpenMetricsError
from openmetrics.store.base import ControlDocument, Store

Scope = Literal["write", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
KIND = "key"
FRESH_S = 5.0
"""How long a revoked key may still work in another process, and a list is kept while nothing is missing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: the key's id (empty without keys) and its scope."""

    key_id: str
    scope: Scope

    def may(self, scope: str) -> bool:
        """Say whether the caller may use a route of this scope."""
        return self.scope in ("admin", scope)


OPEN = Caller("", "admin")
"""The caller where no keys are asked for."""


def create_key(store: Store, clock: Clock, scope: Scope, label: str = "") -> str:
    """Make a key, store its hash, and return its text: the only time that it can be seen."""
    if scope not in SCOPES:
        raise OpenMetricsError("invalid-query", f"A scope is one of {', '.join(SCOPES)}.")
    text = f"om_{scope}_{secrets.token_urlsafe(24)}"
    body = {"hash": _hash(text), "scope": scope, "label": label, "created": clock.now_ms()}
    store.control_put(ControlDocument(KIND, id_of(text), body), create=True)
    return text


def id_of(text: str) -> str:
    """Return the id under which a key is listed."""
    return _hash(text)[:12]


def list_keys(store: Store) -> list[ControlDocument]:
    """Return all keys, without their hashes being of use to anyone."""
    return store.control_list(KIND)


def revoke_key(store: Store, key_id: str) -> bool:
    """Delete a key by id; say whether it was there."""
    return store.control_delete(KIND, key_id)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Keyring:
    """Check keys against the store, through a short-lived copy that also serves while the store is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[str, Caller] = {}
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def find(self, text: str) -> Caller | None:
        """Return who holds a key, or None for an unknown one."""
        digest = _hash(text)
        now = time.monotonic()
        caller = self._keys.get(digest)
        age = now - self._read_at
        if age > FRESH_S or (caller is None and age > 0.5):
            self._reload(now)
            caller = self._keys.get(digest)
        return caller

    def forget(self) -> None:
        """Read the keys anew at the next request: this process has just changed them."""
        self._read_at = float("-inf")

    def _reload(self, now: float) -> None:
        with self._lock:
            if now <= self._read_at:
                return
            try:
                documents = self._store.control_list(KIND)
            except OpenMetricsError:
                if not self._keys:
                    raise
                return
            self._keys = {
                document.body["hash"]: Caller(document.id, document.body["scope"]) for document in documents
            }
            self._read_at = now
