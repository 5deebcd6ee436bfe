"""Bring in what other systems have: files of events, by `openmetrics import` and `POST /v1/import`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.plugin import Importer, Route, Server, Setting, hookimpl
from openmetrics_plugins.importer import amplitude, ga4, matomo, mixpanel, mongo, posthog, segment
from openmetrics_plugins.importer.commands import add_commands
from openmetrics_plugins.importer.jobs import Jobs
from openmetrics_plugins.importer.own import COLLECT, EXPORT
from openmetrics_plugins.importer.routes import routes

GIB = 1 << 30


@hookimpl
def register_settings() -> Iterable[Setting]:
    """Add where files may lie, and how large an upload may be."""
    return (
        Setting("importer_folder", str, "", "Folder of the server whose files `POST /v1/import` may name."),
        Setting("importer_upload_bytes", int, 20 * GIB, "Largest upload of `POST /v1/import`."),
    )


@hookimpl
def register_importers(server: Server) -> Iterable[Importer]:
    """Add the formats."""
    return (
        COLLECT,
        EXPORT,
        amplitude.IMPORTER,
        ga4.IMPORTER,
        matomo.IMPORTER,
        mixpanel.IMPORTER,
        mongo.IMPORTER,
        posthog.IMPORTER,
        segment.IMPORTER,
    )


@hookimpl
def register_routes(server: Server) -> Iterable[Route]:
    """Add the jobs."""
    jobs = Jobs(server)
    server.closers.append(jobs.close)
    return routes(server, jobs)


@hookimpl
def register_commands(cli: Any) -> None:
    """Add `openmetrics import` and `openmetrics migrate`."""
    add_commands(cli)
