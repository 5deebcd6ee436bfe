"""Give out what the store holds: by `openmetrics export` and `GET /v1/export`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.plugin import Route, Server, hookimpl
from openmetrics_plugins.exporter.commands import add_commands
from openmetrics_plugins.exporter.routes import routes


@hookimpl
def register_routes(server: Server) -> Iterable[Route]:
    """Add the export."""
    return routes(server)


@hookimpl
def register_commands(cli: Any) -> None:
    """Add `openmetrics export`."""
    add_commands(cli)
