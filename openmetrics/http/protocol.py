"""How a plugin speaks somebody else's wire protocol, without touching the durable road.

A protocol *decodes* a request into drafts (pure), the server accepts them, the protocol words the
*answer*. Body limits, gzip, keys, CORS and crash safety stay with the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.receipt import Draft, Receipt


@lru_cache(maxsize=1_000)
def _environ_name(header: str) -> str:
    key = header.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class Headers(Mapping[str, str]):
    """The headers of a request by lower-case name, read from the WSGI environment when asked for.

    PERF: copying all headers took 8 µs a request; most protocols read one or two.
    """

    __slots__ = ("_env",)

    def __init__(self, env: Mapping[str, Any]) -> None:
        self._env = env

    def __getitem__(self, name: str) -> str:
        """Return a header; KeyError where it was not sent."""
        return str(self._env[_environ_name(name)])

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names that were sent."""
        for key in self._env:
            if key.startswith("HTTP_"):
                yield key[5:].lower().replace("_", "-")
            elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                yield key.lower().replace("_", "-")

    def __len__(self) -> int:
        """Count the headers."""
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request, as a protocol sees it.

    `query` is the raw query string, undecoded. Header names are lower case. `body` is unpacked.
    `address` is the client's: the peer, or what `X-Forwarded-For` says where a trusted proxy sent it.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_ms: int
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a request holds: drafts to accept, and anything the answer needs to know again.

    With `answer` set, nothing is accepted and that is sent at once (ping, a refusal in own words).
    """

    drafts: tuple[Draft, ...] = ()
    note: Any = None
    answer: Answer | None = None
    source: str | None = None
    sent_at_ms: int | None = None
    depth: int = 1
    """How deep in the JSON of the body the drafts stand, 1 being the top (limit 64)."""
    keeps_refused: bool = False
    """Keep refused drafts among the dead letters: for clients that are not told of them."""


ErrorShape = Callable[[OpenMetricsError, Incoming], Answer]
"""Words any refusal (the protocol's, the middleware's: 401, 404, 413, ...) in the protocol's shape."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Describe one method of a path for OpenAPI: a summary, its parameters and body by JSON Schema."""

    method: str
    summary: str
    query: Mapping[str, Any] = field(default_factory=dict)
    """Query parameter name to JSON Schema, with `description`; `x-required` true where it must be given."""
    body: str | None = None
    """File name of the request body's schema."""
    content_types: tuple[str, ...] = ("application/json",)
    answers: Mapping[str, str] = field(default_factory=lambda: {"200": "Done."})
    """Status to sentence."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One endpoint of a foreign (or our own) ingest protocol.

    `decode` may raise OpenMetricsError. HEAD is answered like GET without accepting anything when
    `GET` is among the operations. `allow_origin` is "mirror" (the caller's origin, with credentials) or
    "any" (`*`). `body_bytes` lowers the server's limit.
    """

    name: str
    path: str
    operations: tuple[Operation, ...]
    decode: Callable[[Incoming], Decoded]
    answer: Callable[[Incoming, Decoded, Receipt], Answer]
    refuse: ErrorShape | None = None
    allow_origin: str = "mirror"
    body_bytes: int | None = None
    scope: str = "write"


@dataclass(frozen=True, slots=True)
class Route:
    """A path answered by a Falcon resource: scope is `read`, `write`, `admin` or None (open to all).

    Resources read the barrier-protected store from `server.reading()`. `refuse` words the errors.
    """

    path: str
    resource: Any
    operations: tuple[Operation, ...]
    scope: str | None = "read"
    refuse: ErrorShape | None = None
    allow_origin: str | None = None
    """"any" adds `Access-Control-Allow-Origin: *`; None follows the server's CORS setting."""
