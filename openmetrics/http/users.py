"""People: users and sessions, their timelines, and merging two users who are one."""

from __future__ import annotations

from typing import Any

import falcon

from openmetrics.errors import Fault, OpenMetricsError, invalid_query
from openmetrics.http.bodies import BodyReader
from openmetrics.http.erasures import ERASE, send_erasure
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import check_admin, read_query, send_json
from openmetrics.http.shapes import describe_activity, has_events
from openmetrics.http.timelines import QUERY, read_timeline
from openmetrics.http.userlist import LIST_QUERY, UserList
from openmetrics.identity.fold import Stay
from openmetrics.identity.table import Session, SessionStay, User
from openmetrics.ingest.document import parse_document
from openmetrics.ingest.event import merge_line
from openmetrics.query.model import Filter
from openmetrics.query.times import format_time
from openmetrics.query.values import canonical_text
from openmetrics.server import Server

ANY_ID = "-"
ID = {"type": "string", "description": "The id, where the path holds `-`: for ids that do not fit in a path."}
FROM = {"type": "string", "description": "The merged id, where the path holds `-` for it."}
MERGE_BYTES = 64 * 1024
MAX_SESSIONS = 1_000
"""The latest sessions of a user that its page shows."""


def routes(server: Server) -> tuple[Route, ...]:
    """Return the routes of users and sessions."""
    merges = Merges(server)
    id = {"id": ID}
    missing = {"404": "Nothing named it yet."}
    return (
        Route("/v1/users", UserList(server), (_get("List users, by id.", LIST_QUERY, "A page."),)),
        Route("/v1/users/{id}", Users(server), (_get("Look a user up.", id, "The user.", missing), ERASE)),
        Route(
            "/v1/users/{id}/timeline",
            UserTimelines(server),
            (_get("Page through a user's events.", {**id, **QUERY}, "A page of events.", missing),),
        ),
        Route(
            "/v1/sessions/{id}", Sessions(server), (_get("Look a session up.", id, "The session.", missing),)
        ),
        Route(
            "/v1/sessions/{id}/timeline",
            SessionTimelines(server),
            (_get("Page through a session's events.", {**id, **QUERY}, "A page of events.", missing),),
        ),
        Route("/v1/users/{id}/merge", merges, (_MERGE,), scope="admin"),
        Route("/v1/users/{id}/merge/{other}", Merge(server), (_UNMERGE,), scope="admin"),
    )


_MERGE = Operation(
    "POST",
    "Merge another user into this one: everything of both is this one's from now on.",
    {"id": ID},
    body="merge.schema.json",
    answers={
        "200": "The ids of both.",
        "404": "One of them is unknown.",
        "409": "A merge stands in the way.",
    },
)
_UNMERGE = Operation(
    "DELETE",
    "Undo a merge.",
    {"id": ID, "from": FROM},
    answers={"204": "Undone.", "404": "There is no such merge."},
)


def _get(summary: str, query: dict[str, Any], answer: str, more: dict[str, str] | None = None) -> Operation:
    return Operation("GET", summary, query, answers={"200": answer, **(more or {})})


def read_id(found: dict[str, str], id: str, name: str = "id") -> str:
    """Return the id that a path names, or the parameter where the path holds `-`."""
    if id != ANY_ID:
        if name in found:
            raise invalid_query(f"/{name}", f"The parameter {name} goes with `-` in the path; leave one out.")
        return id
    if not found.get(name):
        raise invalid_query(f"/{name}", f"Where the path holds `-`, the id is the parameter {name}; add it.")
    return found[name]


class _Lookup:
    """Read one user or session, once everything acknowledged before is visible."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def find_user(self, user_id: str, deadline: float) -> tuple[User, Filter]:
        """Return a user and the filter for its events. Raises `not-found`."""
        store = self._server.reading(deadline)
        identity = self._server.identity
        identity.sync()
        filter = identity.expand_user(user_id)  # first: it refuses a user with too many sessions at once
        user = identity.user(user_id)
        if not user.is_known and not has_events(store, filter, deadline):
            detail = f"There is no user {user_id[:60]!r}: no event, link or property has named it yet."
            raise OpenMetricsError("not-found", detail)
        return user, filter

    def find_session(self, session_id: str, deadline: float) -> tuple[Session, Filter]:
        """Return a session and the filter for its events. Raises `not-found`."""
        store = self._server.reading(deadline)
        identity = self._server.identity
        identity.sync()
        session, filter = identity.session(session_id), identity.expand_session(session_id)
        if not session.is_known and not has_events(store, filter, deadline):
            detail = f"There is no session {session_id[:60]!r}: no event, link or property has named it yet."
            raise OpenMetricsError("not-found", detail)
        return session, filter


class Users(_Lookup):
    """`GET /v1/users/{id}`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Give the profile, the sessions and the extent of a user."""
        user_id = read_id(read_query(req, ("id",)), id)
        deadline = self._server.deadline()
        user, filter = self.find_user(user_id, deadline)
        activity = describe_activity(self._server.store, filter, deadline)
        sessions: dict[str, Any] = {
            "sessions": [
                {"session_id": stay.session_id, **_span(stay)} for stay in user.stays[-MAX_SESSIONS:]
            ]
        }
        if len(user.stays) > MAX_SESSIONS:
            sessions["sessions_total"] = len(user.stays)
        merged = {"merged": list(user.merged)} if user.merged else {}
        send_json(resp, {**_head(user), **merged, "properties": user.properties, **sessions, **activity})

    def on_delete(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Erase a user, with every id merged into it and the sessions that were nobody else's."""
        check_admin(req, "Erasing a user")
        user_id = read_id(read_query(req, ("id",)), id)
        user, _ = self.find_user(user_id, self._server.deadline())
        send_erasure(self._server, resp, user)


class UserTimelines(_Lookup):
    """`GET /v1/users/{id}/timeline`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Give a page of a user's events, and on the first one its links."""
        found = read_query(req, ("id", *QUERY))
        user_id = read_id(found, id)
        deadline = self._server.deadline()
        user, _ = self.find_user(user_id, deadline)
        identity = self._server.identity
        answer = {
            **_head(user),
            **read_timeline(self._server, found, identity.expand_user(user_id), deadline),
        }
        if "cursor" not in found:
            sessions = dict.fromkeys(stay.session_id for stay in user.stays)
            answer["links"] = [
                {"session_id": session_id, "time": format_time(link.time_ms)}
                for session_id, link in identity.links_of(sessions)
                if identity.final_user(link.user_id) == user.user_id
            ]
        send_json(resp, answer)


class Sessions(_Lookup):
    """`GET /v1/sessions/{id}`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Give a session's own properties, its owners, their profile and the extent of its events."""
        session_id = read_id(read_query(req, ("id",)), id)
        deadline = self._server.deadline()
        session, filter = self.find_session(session_id, deadline)
        answer = {
            "session_id": session_id,
            "user_id": session.user_id,
            "properties": session.properties,
            "profile": session.profile,
            "users": [{"user_id": stay.user_id, **_span(stay)} for stay in session.stays],
        }
        send_json(resp, {**answer, **describe_activity(self._server.store, filter, deadline)})


class SessionTimelines(_Lookup):
    """`GET /v1/sessions/{id}/timeline`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Give a page of a session's events, whoever owns them, and on the first one its links."""
        found = read_query(req, ("id", *QUERY))
        session_id = read_id(found, id)
        deadline = self._server.deadline()
        session, filter = self.find_session(session_id, deadline)
        identity = self._server.identity
        answer = {
            "session_id": session_id,
            "user_id": session.user_id,
            **read_timeline(self._server, found, filter, deadline),
        }
        if "cursor" not in found:
            answer["links"] = [
                {"user_id": link.user_id, "time": format_time(link.time_ms)}
                for _, link in identity.links_of((session_id,))
            ]
        send_json(resp, answer)


class Merges(_Lookup):
    """`POST /v1/users/{id}/merge`."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._bodies = BodyReader(server.settings)

    def on_post(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Merge the user that the body names into this one. Repeating it changes nothing."""
        keep = read_id(read_query(req, ("id",)), id)
        other = _read_merge(parse_document(self._bodies.read(req, MERGE_BYTES)))
        if keep == other:
            raise _refuse_merge("/from", "A user cannot be merged into itself; name another one.")
        deadline = self._server.deadline()
        for user_id in (keep, other):
            self.find_user(user_id, deadline)
        self._check(keep, other)
        if self._server.identity.parent(other) != keep:
            _append(self._server, "merge", keep, other)
        send_json(resp, {"user_id": keep, "merged": other})

    def _check(self, keep: str, other: str) -> None:
        """Refuse what would close a circle or give a user two keepers."""
        identity = self._server.identity
        parent = identity.parent(other)
        if parent not in (None, keep):
            detail = f"{other[:60]!r} is merged into {str(parent)[:60]!r} already; undo that merge first."
            raise OpenMetricsError("conflict", detail)
        if identity.final_user(keep) == other:
            detail = f"{keep[:60]!r} is itself merged into {other[:60]!r}; undo that merge first."
            raise OpenMetricsError("conflict", detail)


class Merge(_Lookup):
    """`DELETE /v1/users/{id}/merge/{other}`."""

    def on_delete(self, req: falcon.Request, resp: falcon.Response, id: str, other: str) -> None:
        """Undo a merge: each has its own again, past and future."""
        found = read_query(req, ("id", "from"))
        keep, other = read_id(found, id), read_id(found, other, "from")
        self._server.reading()
        self._server.identity.sync()
        if self._server.identity.parent(other) != keep:
            detail = f"{other[:60]!r} is not merged into {keep[:60]!r}; there is nothing to undo."
            raise OpenMetricsError("not-found", detail)
        _append(self._server, "unmerge", keep, other)
        resp.status = falcon.HTTP_204


def _append(server: Server, kind: Any, keep: str, other: str) -> None:
    id = server.clock.new_event_ids(1)[0]
    server.pipeline.append(merge_line(kind, id, keep, other, server.clock.now_ms()))


def _read_merge(document: Any) -> str:
    if not isinstance(document, dict):
        raise _refuse_merge("", 'The body is an object: {"from": "the other user"}.')
    for name in document:
        if name != "from":
            raise _refuse_merge(f"/{name}", f"There is no member {name[:60]!r}; the body takes `from`.")
    other = document.get("from")
    text = other if isinstance(other, str) else canonical_text(other)
    if not text or isinstance(other, bool):
        raise _refuse_merge("/from", "`from` takes the id of the other user, as text or a number.")
    return text


def _refuse_merge(pointer: str, detail: str) -> OpenMetricsError:
    return OpenMetricsError("schema-violation", detail, (Fault(pointer, detail),))


def _head(user: User) -> dict[str, str]:
    """Return the id that answers, and where it is not the one asked for, that it was merged."""
    head = {"user_id": user.user_id}
    return head if user.asked_id == user.user_id else {**head, "merged_into": user.user_id}


def _span(stay: SessionStay | Stay) -> dict[str, str]:
    span = {"linked": format_time(stay.linked_ms)}
    return span if stay.end_ms is None else {**span, "until": format_time(stay.end_ms)}
