"""The application factory for gunicorn and granian: reads settings from environment and file."""

from __future__ import annotations

import atexit
import gc

from openmetrics.app import App, create_app, open_store, read_settings
from openmetrics.compiling import start_compiling
from openmetrics.server import Server

_open: list[Server] = []


def build_app() -> App:
    """Open the store and build the application of this worker process."""
    settings, manager = read_settings()
    app, server = create_app(settings, open_store(settings, manager), manager)
    server.columns.is_compiled = start_compiling(manager)
    _open.append(server)
    # PERF: events are many small containers that die young; collecting less often saves a tenth.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return app


@atexit.register
def close_all() -> None:
    """Close what `build_app` has opened in this process. Idempotent."""
    while _open:
        _open.pop().close()
