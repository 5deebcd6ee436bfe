"""A network between two processes that can be cut: run in the test's own process."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Network:
    """Forward connections to a server until it is cut; then refuse them and drop those that are open."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._open: set[socket.socket] = set()
        self._port = 0
        self.join()
        self.url = f"http://127.0.0.1:{self._port}"

    def join(self) -> None:
        """Accept connections, at the same address as ever."""
        self._door = socket.create_server(("127.0.0.1", self._port), reuse_port=False)
        self._port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._door,), daemon=True).start()

    def cut(self) -> None:
        """Drop everything."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for end in tuple(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = door.accept()
                threading.Thread(target=self._join_ends, args=(near,), daemon=True).start()

    def _join_ends(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far:
            self._open |= {near, far}
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()
            self._open -= {near, far}


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(1 << 16):
            sink.sendall(content)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
