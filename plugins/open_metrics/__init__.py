"""The logging API of OpenMetrics: sessions, events, users and their properties, by `?q={json}`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from openmetrics.plugin import Decoded, Incoming, Operation, Protocol, Server, hookimpl
from openmetrics_plugins.open_metrics import decode

ANSWERS = {
    "200": "`ok`. The header OpenMetrics-Rejected tells of events that were refused.",
    "400": "The request cannot be read, or nothing of it could be stored.",
    "401": "`no session ID`.",
}
ROUTES: tuple[tuple[str, str, Callable[[Incoming], Decoded], str], ...] = (
    ("createUser", "Make a session.", decode.decode_create_user, "open_metrics_session"),
    ("events", "Log a list of events.", decode.decode_events, "open_metrics_events"),
    ("setUserId", "Link a session to a user.", decode.decode_user_id, "open_metrics_user_id"),
    ("setUserProps", "Set properties of a session's user.", decode.decode_user_props, "open_metrics_props"),
    ("setSessionProps", "Set properties of a session.", decode.decode_session_props, "open_metrics_props"),
)


@hookimpl
def register_schemas() -> Sequence[Path]:
    """Add the bodies of the API."""
    return [Path(__file__).parent]


@hookimpl
def register_protocols(server: Server) -> Sequence[Protocol]:
    """Add the six routes."""
    ping = Operation("GET", "Test that the server is alive.", answers={"200": "`pong`."})
    post = Operation("POST", "Test that the server is alive.", answers={"200": "`pong`."})
    alive = build_protocol("ping", decode.decode_ping, (ping, post))
    return [alive, *(_build_route(*row) for row in ROUTES)]


def _build_route(name: str, summary: str, read: Callable[[Incoming], Decoded], schema: str) -> Protocol:
    q = {"type": "string", "description": f"JSON of the schema {schema}.", "x-required": True}
    get = Operation("GET", summary, {"q": q}, answers=ANSWERS)
    post = Operation("POST", summary, body=f"{schema}.schema.json", answers=ANSWERS)
    return build_protocol(name, read, (get, post))


def build_protocol(
    name: str, read: Callable[[Incoming], Decoded], operations: tuple[Operation, ...]
) -> Protocol:
    """Build one route of the API."""
    return Protocol(
        f"open_metrics_{name}", f"/v1/{name}", operations, read, decode.answer_ok, decode.refuse, "any"
    )
