"""Speak to the application in this process; the road to the store is the real one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import falcon.testing

from openmetrics.app import create_app, open_store, read_settings
from openmetrics.clock import Clock
from openmetrics.server import Server


@dataclass(frozen=True, slots=True)
class Running:
    """An application with its test client."""

    client: falcon.testing.TestClient
    server: Server


@contextmanager
def running(clock: Clock | None = None, **settings: Any) -> Iterator[Running]:
    """Run the application on a fresh data folder; `settings` are those of `openmetrics settings`.

    The default store is `memory`.
    """
    with tempfile.TemporaryDirectory(prefix="openmetrics-") as folder:
        given = {"store": "memory", "data_dir": folder, "access_log": False, **settings}
        read, manager = read_settings(given, {})
        store = open_store(read, manager)
        try:
            app, server = create_app(read, store, manager, clock)
        except BaseException:
            store.close()
            raise
        try:
            yield Running(falcon.testing.TestClient(app, headers={"Host": "127.0.0.1"}), server)
        finally:
            server.close()
