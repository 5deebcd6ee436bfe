"""The application factory for gunicorn and granian: reads settings from environment and file."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os

from openmetrics.app import App, create_app, open_store, read_settings
from openmetrics.compiling import start_compiling
from openmetrics.server import Server

MALLOPT = ((-8, 2), (-3, 128 * 1024), (-1, 1024 * 1024))
"""glibc: two arenas for all threads; blocks from 128 KiB on of their own; give back from 1 MiB on."""
_open: list[Server] = []


def build_app() -> App:
    """Open the store and build the application of this worker process."""
    _give_memory_back()
    settings, manager = read_settings()
    app, server = create_app(settings, open_store(settings, manager), manager)
    server.columns.is_compiled = start_compiling(manager)
    _open.append(server)
    # PERF: events are many small containers that die young; collecting less often saves a tenth.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return app


def _give_memory_back() -> None:
    """Let freed memory go. PERF: a worker kept 100 MiB more for its many threads; no rate changed."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        for parameter, value in MALLOPT:
            mallopt(parameter, value)


@atexit.register
def close_all() -> None:
    """Close what `build_app` has opened in this process. Idempotent."""
    while _open:
        _open.pop().close()
