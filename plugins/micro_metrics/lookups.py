"""Serve a lookup: parse the query, ask, send the answer at once or as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import falcon

from openmetrics.plugin import EventsQuery, Filter, Server, Store, StoredEvent, to_json
from openmetrics_plugins.micro_metrics.answers import JSON
from openmetrics_plugins.micro_metrics.filters import Query, parse_filter, parse_query
from openmetrics_plugins.micro_metrics.ranges import Span

PAGE_EVENTS = 2_000


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of an answer: bytes, or an iterator of bytes where it may be of any length."""

    body: bytes | Iterator[bytes]
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What a lookup needs to answer: the parsed query and everything acknowledged before it came."""

    query: Query
    server: Server
    store: Store
    deadline: float
    now_ms: int

    def filter(self) -> Filter | None:
        """Return the filter that the query's keys make."""
        return parse_filter(self.query, self.server)


class Lookup:
    """Answer GET by a function of a `Question`; keys that it does not know are refused."""

    def __init__(
        self, server: Server, keys: Mapping[str, Any] | None, ask: Callable[[Question], Reply]
    ) -> None:
        self._server = server
        self._keys = keys
        self._ask = ask

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the question of the query string; with `keys` None the query string is not read."""
        query = {} if self._keys is None else parse_query(req.query_string, self._keys)
        deadline = self._server.deadline()
        store = self._server.reading(deadline)
        reply = self._ask(Question(query, self._server, store, deadline, self._server.clock.now_ms()))
        resp.content_type = reply.content_type
        resp.set_header("Cache-Control", "no-cache")
        resp.set_headers(dict(reply.headers))
        if isinstance(reply.body, bytes):
            resp.data = reply.body
        else:
            resp.stream = reply.body


def reply_json(content: Any) -> Reply:
    """Answer JSON at once."""
    return Reply(to_json(content))


def iter_pages(question: Question, span: Span, filter: Filter | None) -> Iterator[tuple[StoredEvent, ...]]:
    """Yield all matching events in order of time, a page at a time.

    The question's deadline holds for the first page, each later one has a deadline of its own.
    """
    cursor = None
    deadline = question.deadline
    while True:
        query = EventsQuery(
            span.start_ms, span.end_ms, filter, limit=PAGE_EVENTS, cursor=cursor, deadline=deadline
        )
        page = question.store.events(query)
        yield page.events
        if page.next is None:
            return
        cursor = page.next
        deadline = question.server.deadline()
