"""The list of users: `GET /v1/users`, by id, optionally those whose profile matches a filter."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import falcon

from openmetrics.errors import OpenMetricsError, invalid_query
from openmetrics.http.questions import read_cursor, read_limit, read_query, send_json, write_cursor
from openmetrics.identity.profile import matches_profile, to_profile_filter
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.document import parse_document
from openmetrics.query.model import Field, Filter, ValuesQuery
from openmetrics.query.parse import parse_filter
from openmetrics.server import Server

LIST_QUERY: dict[str, Any] = {
    "prefix": {"type": "string", "description": "Only ids that begin with this."},
    "filter": {"type": "string", "description": "A filter on profiles, as JSON; its fields are `user.X`."},
    "page_size": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 100,
        "description": "Users a page.",
    },
    "cursor": {"type": "string", "description": "`next` of the last page."},
}


class UserList:
    """`GET /v1/users`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give a page of users with their profiles, in code point order of their ids."""
        found = read_query(req, LIST_QUERY)
        limit = read_limit(found, "page_size")
        cursor = read_cursor(found.get("cursor"), (str,))
        after = cursor[0] if cursor else ""
        filter = _read_filter(found.get("filter"))
        users: list[dict[str, Any]] = []
        for user_id in self._iter_ids(found.get("prefix", ""), after):
            properties = self._server.identity.properties_of(user_id)
            if not matches_profile(properties, filter):
                continue
            if len(users) == limit:
                send_json(resp, {"users": users, "next": write_cursor([users[-1]["user_id"]])})
                return
            users.append({"user_id": user_id, "properties": properties})
        send_json(resp, {"users": users, "next": None})

    def _iter_ids(self, prefix: str, after: str) -> Iterator[str]:
        """Yield the ids of users that facts or events name, in order; merged ones are left out."""
        deadline = self._server.deadline()
        store = self._server.reading(deadline)
        identity = self._server.identity
        identity.sync()
        sent = store.values(ValuesQuery("values", Field("user_id"), prefix=prefix, deadline=deadline))
        merges = identity.merges()
        named = sorted(row.value for row in sent.rows if row.value > after and row.value not in merges)
        last = after
        for user_id in heapq.merge(named, _iter_known(identity, prefix, after)):
            if user_id != last:
                yield user_id
            last = user_id


def _iter_known(identity: IdentityTable, prefix: str, after: str) -> Iterator[str]:
    while users := identity.users(prefix, after):
        yield from users
        after = users[-1]


def _read_filter(text: str | None) -> Filter | None:
    if text is None:
        return None
    try:
        document = parse_document(text.encode())
    except OpenMetricsError as error:
        raise invalid_query("/filter", f"The filter is no JSON. {error.detail}") from error
    return to_profile_filter(parse_filter(document))
