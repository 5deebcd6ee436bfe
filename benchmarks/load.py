"""Send prepared HTTP requests over many connections from one process, as fast as they are answered."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What a run gave: answers a second, and those whose status was not as expected."""

    answers: int
    seconds: float
    failures: int

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return self.answers / self.seconds


def post(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """Return the bytes of a POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
    head += f"Content-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def get(path: str) -> bytes:
    """Return the bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\n\r\n".encode()


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def take(self) -> int | None:
        """Read what is there; return the status once an answer is whole."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed a connection")
        self.buffer += chunk
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return None
        self.buffer = self.buffer[end + 4 + length :]
        return int(head[9:12])


def run_load(
    port: int, requests: Sequence[bytes], connections: int, seconds: float, limit: int = 1 << 60
) -> Load:
    """Keep `connections` busy with the requests, round and round, for so long or for `limit` of them."""
    selector = selectors.DefaultSelector()
    opened = [_Connection(port) for _ in range(connections)]
    position = answers = failures = 0
    started = time.perf_counter()
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        if position < limit:
            connection.socket.sendall(requests[position % len(requests)])
            position += 1
    while (now := time.perf_counter()) - started < seconds and answers < limit:
        for key, _ in selector.select(1.0):
            connection = key.data
            status = connection.take()
            if status is None:
                continue
            answers += 1
            failures += not 200 <= status < 300
            if position < limit:
                connection.socket.sendall(requests[position % len(requests)])
                position += 1
    for connection in opened:
        connection.socket.close()
    return Load(answers, now - started, failures)
