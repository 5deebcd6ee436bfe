"""Wire all parts together: the only place where they meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import falcon

from openmetrics import plugins
from openmetrics.analysis import Analysis
from openmetrics.clock import Clock, SystemClock
from openmetrics.columns.cache import open_cache
from openmetrics.http import admin, analyses, catalog, erasures, health, live, pages, segments, users
from openmetrics.http.bodies import BodyReader
from openmetrics.http.middleware import AccessLog, Doors
from openmetrics.http.native import native_protocols
from openmetrics.http.openapi import OpenApi, build_openapi
from openmetrics.http.problems import install_error_handlers
from openmetrics.http.protocol import Operation, Protocol, Route
from openmetrics.http.protocols import ProtocolResource
from openmetrics.http.telemetry import Telemetry
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.pipeline import Pipeline, Processor
from openmetrics.ingest.placeholders import RefusedIds
from openmetrics.ingest.road import Road
from openmetrics.schemas import Schemas, load_schemas, name_source
from openmetrics.server import Server
from openmetrics.settings import SETTINGS, Setting, Settings, load_settings
from openmetrics.store.base import Engine, Store

App = falcon.App[falcon.Request, falcon.Response]


def read_settings(
    arguments: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Settings, Any]:
    """Load settings, plugins' own ones included, and the plugin manager.

    Raises SettingsError or PluginError with one clear line.
    """
    given = dict(arguments or {})
    bare = load_settings(given, environ, SETTINGS, is_partial=True)
    manager = plugins.build_manager(bare.plugins_dir, bare.plugins_disabled)
    rows: tuple[Setting, ...] = plugins.collect(manager, "register_settings", lambda row: row.name)
    return load_settings(given, environ, (*SETTINGS, *rows)), manager


def open_store(settings: Settings, manager: Any) -> Store:
    """Open the engine that the settings name, and make sure that its schema is there."""
    engines: tuple[Engine, ...] = plugins.collect(
        manager, "register_engines", lambda engine: engine.name, settings=settings
    )
    for engine in engines:
        if engine.name == settings.store:
            store: Store = engine.open(settings)
            store.ensure_schema()
            return store
    names = ", ".join(engine.name for engine in engines)
    raise plugins.PluginError(f"there is no engine {settings.store!r}; there are {names}")


def create_app(
    settings: Settings, store: Store, manager: Any, clock: Clock | None = None
) -> tuple[App, Server]:
    """Build the WSGI application and its server context on an open store.

    Starts the pump's thread: call it after forking, and `server.close()` at the end.
    """
    schemas = _read_schemas(manager)
    telemetry = Telemetry(settings.data_path / "figures" if settings.workers > 1 else None)
    server = _build_server(settings, store, manager, schemas, clock or SystemClock())
    server.columns.follow()
    try:
        _collect_parts(server)
        entries = _list_entries(server, schemas, telemetry)
        app = _build_app(entries, server, telemetry)
    except BaseException:
        server.close()
        raise
    telemetry.add_source(server.figures)
    telemetry.add_source(server.identity.figures)
    if figures := getattr(store, "figures", None):
        telemetry.add_source(figures)
    if settings.workers > 1:
        telemetry.share()
        server.closers.append(telemetry.close)
    return app, server


def _read_schemas(manager: Any) -> Schemas:
    try:
        return load_schemas(plugins.collect(manager, "register_schemas", name_source))
    except ValueError as error:
        raise plugins.PluginError(f"register_schemas: {error}") from error


def _build_server(settings: Settings, store: Store, manager: Any, schemas: Schemas, clock: Clock) -> Server:
    road = Road(settings, store)
    pipeline = Pipeline(schemas, road.spool, road.names, clock, int(settings.event_bytes))
    pipeline.refused_ids = RefusedIds(settings.refused_user_ids)
    road.erasures.listeners.append(lambda erasure: pipeline.seen.forget(erasure.user_ids))
    identity = IdentityTable(store)
    columns = open_cache(settings, store, identity)
    return Server(settings, store, clock, manager, pipeline, road, identity, columns, schemas)


@contextmanager
def open_server(settings: Settings, manager: Any, clock: Clock | None = None) -> Iterator[Server]:
    """Open the store and all parts but the HTTP ones: for commands that run beside no server."""
    schemas = _read_schemas(manager)
    store = open_store(settings, manager)
    try:
        server = _build_server(settings, store, manager, schemas, clock or SystemClock())
    except BaseException:
        store.close()
        raise
    try:
        _collect_parts(server)
        yield server
    finally:
        server.close()


def _collect_parts(server: Server) -> None:
    """Ask the plugins for what has no path."""
    processors: tuple[Processor, ...] = plugins.collect(
        server.plugins, "register_processors", lambda row: row.name, server=server
    )
    server.pipeline.processors = tuple(sorted(processors, key=lambda row: (row.stage, row.name)))
    server.importers = plugins.collect(
        server.plugins, "register_importers", lambda row: row.name, server=server
    )
    found: tuple[Analysis, ...] = plugins.collect(
        server.plugins, "register_analyses", lambda row: row.name, server=server
    )
    server.analyses = {row.name: row for row in found}


def _list_entries(server: Server, schemas: Schemas, telemetry: Telemetry) -> list[Route | Protocol]:
    """Return everything that has a path, that of the plugins included."""
    openapi = OpenApi()
    document = Operation("GET", "Give this document.", answers={"200": "OpenAPI 3.1."})
    entries: list[Route | Protocol] = [
        Route("/openapi.json", openapi, (document,), scope=None),
        *native_protocols(),
        *catalog.routes(server),
        *users.routes(server),
        *erasures.routes(server),
        *live.routes(server),
        *analyses.routes(server, schemas),
        *segments.routes(server),
        *admin.routes(server),
        *health.routes(server, telemetry),
        *pages.routes(server),
    ]
    _add_plugins(entries, server)
    openapi.document = build_openapi(entries, schemas)
    return entries


def _build_app(entries: list[Route | Protocol], server: Server, telemetry: Telemetry) -> App:
    routes = {entry.path: entry for entry in entries}
    doors = Doors(server.settings, server.keyring, routes)
    app: App = falcon.App(middleware=[AccessLog(server.settings, telemetry), doors])
    app.req_options.strip_url_path_trailing_slash = True
    install_error_handlers(app)
    _add_entries(app, entries, server, BodyReader(server.settings))
    return app


def _add_plugins(entries: list[Route | Protocol], server: Server) -> None:
    """Join the plugins' endpoints; two at one path stop the start and name both."""
    taken = {entry.path: "the server" for entry in entries}
    for hook in ("register_protocols", "register_routes"):
        entries.extend(plugins.collect(server.plugins, hook, lambda row: row.path, taken, server=server))


def _add_entries(app: App, entries: list[Route | Protocol], server: Server, bodies: BodyReader) -> None:
    for entry in entries:
        if isinstance(entry, Protocol):
            resource: Any = ProtocolResource(entry, server, bodies)
        else:
            resource = entry.resource
            if hasattr(resource, "on_get") and not hasattr(resource, "on_head"):
                resource.on_head = resource.on_get
        app.add_route(entry.path, resource)
