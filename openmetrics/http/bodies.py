"""Read request bodies within limits: size, gzip by its bytes, and memory of all bodies in flight."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable

import falcon

from openmetrics.errors import OpenMetricsError
from openmetrics.settings import Settings

GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20
DRAIN_FACTOR = 4
WAIT_S = 10.0
SMALL = 64 * 1024


class InflightGate:
    """Bound the bytes of bodies in memory; a body that does not fit waits a little, then gets 503."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._room = threading.Condition()

    def take(self, size: int) -> int:
        """Reserve room for a body and return what was reserved. Raises OpenMetricsError `buffer-full`."""
        size = min(size, self._limit)
        with self._room:
            if not self._room.wait_for(lambda: self._used + size <= self._limit, WAIT_S):
                detail = "Too many large bodies are on their way; send this one again in a few seconds."
                raise OpenMetricsError("buffer-full", detail, retry_after_s=5)
            self._used += size
        return size

    def give_back(self, size: int) -> None:
        """Free what `take` has reserved."""
        with self._room:
            self._used -= size
            self._room.notify_all()


class BodyReader:
    """Read bodies under the limits of the settings. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._body_bytes = int(settings.body_bytes)
        self._unpacked_bytes = int(settings.unpacked_bytes)
        self._gate = InflightGate(int(settings.inflight_bytes))

    def use(self, req: falcon.Request, limit: int | None, work: Callable[[bytes], None]) -> None:
        """Call `work` with the unpacked body. Raises `payload-too-large`, `malformed-json`, `buffer-full`.

        PERF: small bodies pass the gate by: all threads together hold few of them, and it costs 20 µs.
        """
        limit = min(limit or self._body_bytes, self._body_bytes)
        length = req.content_length
        if length is not None and length > limit:
            _drain(req, min(length, max(DRAIN_FACTOR * limit, self._body_bytes)))
            raise _too_large(limit)
        expected = limit if length is None else length
        held = self._gate.take(expected) if expected > SMALL else 0
        try:
            data = _read_chunked(req, limit) if length is None else req.bounded_stream.read()
            if length is not None and len(data) < length:
                raise OpenMetricsError("malformed-json", "The body ended early; send it again whole.")
            if data[:2] == GZIP_MAGIC:
                data = self._unpack(data)
                held += self._gate.take(len(data))
            work(data)
        finally:
            if held:
                self._gate.give_back(held)

    def read(self, req: falcon.Request, limit: int) -> bytes:
        """Return a small body: for what is asked, not for events. Raises as `use` does."""
        found: list[bytes] = []
        self.use(req, limit, found.append)
        return found[0]

    def _unpack(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        left = self._unpacked_bytes
        while data:
            unpacker = zlib.decompressobj(wbits=31)
            try:
                part = unpacker.decompress(data, left + 1)
            except zlib.error as error:
                raise OpenMetricsError(
                    "malformed-json", "The gzip data is damaged; pack it again."
                ) from error
            left -= len(part)
            if left < 0:
                raise _too_large(self._unpacked_bytes, " after unpacking")
            if not unpacker.eof:
                raise OpenMetricsError("malformed-json", "The gzip data ends early; send it whole.")
            parts.append(part)
            data = unpacker.unused_data.lstrip(b"\0")
        return b"".join(parts)


def _read_chunked(req: falcon.Request, limit: int) -> bytes:
    """Read a body without Content-Length; the HTTP server marks its end."""
    if not req.env.get("wsgi.input_terminated") and "chunked" not in req.env.get(
        "HTTP_TRANSFER_ENCODING", ""
    ):
        return b""
    parts: list[bytes] = []
    size = 0
    while chunk := _read_piece(req, min(CHUNK, limit + 1 - size)):
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        parts.append(chunk)
    return b"".join(parts)


def _read_piece(req: falcon.Request, size: int) -> bytes:
    try:
        return bytes(req.stream.read(size))
    except Exception as error:  # whatever the HTTP server raises for broken chunks
        detail = "The chunks of the body are damaged; send it again."
        raise OpenMetricsError("malformed-json", detail) from error


def _drain(req: falcon.Request, left: int) -> None:
    """Read away a refused body, so that the client can read the answer; the caller bounds how much."""
    while left > 0 and (chunk := req.bounded_stream.read(min(CHUNK, left))):
        left -= len(chunk)


def _too_large(limit: int, what: str = "") -> OpenMetricsError:
    return OpenMetricsError(
        "payload-too-large", f"The body is larger than {limit} bytes{what}; send it in smaller parts."
    )
