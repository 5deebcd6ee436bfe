"""Saved user groups: `/v1/segments`."""

from __future__ import annotations

from openmetrics.http.protocol import Route
from openmetrics.http.saved import saved_routes
from openmetrics.saved import SavedKind
from openmetrics.segments import KIND, check_segment, list_references
from openmetrics.server import Server


def routes(server: Server) -> tuple[Route, ...]:
    """Return the routes of segments."""
    kind = SavedKind(
        KIND,
        "segments",
        lambda id, document: check_segment(server.store, id, document, server.moment()),
        list_references,
    )
    return saved_routes(server, kind)
