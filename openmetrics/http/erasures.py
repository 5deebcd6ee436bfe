"""Erase a user for good, and prove it: `DELETE /v1/users/{id}` and `GET /v1/erasures/{id}`."""

from __future__ import annotations

from typing import Any

import falcon

from openmetrics.errors import OpenMetricsError
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import read_query, send_json
from openmetrics.identity.table import User
from openmetrics.ingest.event import to_json
from openmetrics.server import Server

ERASE = Operation(
    "DELETE",
    "Erase a user, all ids merged into it, and the sessions that were only its own. Needs an admin key.",
    {"id": {"type": "string", "description": "The id, where the path holds `-`."}},
    answers={"202": "Erased; `/v1/erasures/{id}` says when everywhere.", "404": "Nothing named it yet."},
)
_PROOF = Operation(
    "GET",
    "Say whether an erasure is complete on all servers.",
    answers={"200": "The state, and how far each data folder is.", "404": "There is no such erasure."},
)


def routes(server: Server) -> tuple[Route, ...]:
    """Return the route of the proof; that of the erasure itself is the user's."""
    return (Route("/v1/erasures/{id}", Proofs(server), (_PROOF,), scope="admin"),)


def send_erasure(server: Server, resp: falcon.Response, user: User) -> None:
    """Erase a user and answer 202 with the state so far."""
    ids = (user.user_id, *user.merged)
    eraser = server.road.eraser
    number = eraser.erase(server.clock, user.asked_id, ids, server.identity.sessions_only_of(ids))
    resp.status = falcon.HTTP_202
    resp.location = f"/v1/erasures/{number}"
    resp.data = to_json(eraser.describe(number))
    resp.content_type = "application/json"


class Proofs:
    """`GET /v1/erasures/{id}`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Give the state of an erasure: complete once every data folder has passed its number."""
        read_query(req, ())
        found: dict[str, Any] | None = None
        if id.isascii() and id.isdigit() and len(id) < 16:
            found = self._server.road.eraser.describe(int(id))
        if found is None:
            raise OpenMetricsError("not-found", f"There is no erasure {id[:60]!r}; take the id from the 202.")
        send_json(resp, found)
