"""Every hook, in the order in which a server's life meets them. The docstring is the specification.

*collect* hooks run once, at start: the lists are joined, sorted by name and frozen; a duplicate name stops
the start and names both plugins. Nothing calls a hook per event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from openmetrics.settings import Setting, Settings

if TYPE_CHECKING:
    import click

    from openmetrics.analysis import Analysis
    from openmetrics.http.protocol import Protocol, Route
    from openmetrics.ingest.importer import Importer
    from openmetrics.ingest.pipeline import Processor
    from openmetrics.server import Server
    from openmetrics.store.base import Engine

hookspec = pluggy.HookspecMarker("openmetrics")
hookimpl = pluggy.HookimplMarker("openmetrics")


@hookspec
def register_settings() -> Sequence[Setting]:  # type: ignore[empty-body]
    """Collect: add settings, named `<plugin>_<name>`."""


@hookspec
def register_engines(settings: Settings) -> Sequence[Engine]:  # type: ignore[empty-body]
    """Collect: add ways to open a store, chosen by the setting `store`."""


@hookspec
def register_schemas() -> Sequence[Path | Mapping[str, Any]]:  # type: ignore[empty-body]
    """Collect: add folders of `*.schema.json` files, or schemas with such a `$id`; names are unique."""


@hookspec
def register_processors(server: Server) -> Sequence[Processor]:  # type: ignore[empty-body]
    """Collect: add steps that see each event after normalisation and may change or drop it."""


@hookspec
def register_protocols(server: Server) -> Sequence[Protocol]:  # type: ignore[empty-body]
    """Collect: add ingest endpoints that speak their own wire format."""


@hookspec
def register_analyses(server: Server) -> Sequence[Analysis]:  # type: ignore[empty-body]
    """Collect: add kinds of questions, answered at `/v1/analyses/{name}`."""


@hookspec
def register_importers(server: Server) -> Sequence[Importer]:  # type: ignore[empty-body]
    """Collect: add formats of files that `openmetrics import` and `POST /v1/import` take."""


@hookspec
def register_routes(server: Server) -> Sequence[Route]:  # type: ignore[empty-body]
    """Collect: add resources at any path; a collision stops the start and names both."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Start: add commands to the command line. No server runs then."""
