"""Turn what OpenMetrics clients send into drafts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from openmetrics.plugin import (
    Answer,
    Decoded,
    Draft,
    Identify,
    Incoming,
    OpenMetricsError,
    Receipt,
    Rejection,
    canonical_text,
    format_time,
)
from openmetrics_plugins.open_metrics.target import read_document

SOURCE = "open_metrics"
ACTIVE = "$active"
TEXT = "text/plain; charset=utf-8"
REJECTED = "OpenMetrics-Rejected"
MILLISECONDS_BELOW = 1e14
"""From here on the server would take a number for microseconds."""
MAX_MS = 253_402_300_799_999  # the end of the year 9999
MAX_HEADER = 1_000
EVENTS = "events"
EVENT_MEMBERS = {"name": "name", "properties": "props", "time": "ts"}
MEMBERS = {"session_id": "sessionId", "user_id": "userId", **EVENT_MEMBERS}
"""Members of the server's own documents and what they are called here."""

Document = Mapping[str, Any]


def decode_ping(incoming: Incoming) -> Decoded:
    """Answer `pong`, whatever comes with it."""
    return Decoded(answer=Answer(200, b"pong", TEXT))


def decode_create_user(incoming: Incoming) -> Decoded:
    """Make the session by the event that marks it active, or by its bare name if it must not be active."""
    document, session_id = _read(incoming)
    draft: Draft = Identify({"session_id": session_id})
    if _is_active(document):
        draft = {"name": ACTIVE, "session_id": session_id}
    return Decoded((draft,), source=SOURCE)


def decode_events(incoming: Incoming) -> Decoded:
    """Log a list of events; a bad one is refused in its place and leaves the others alone."""
    document, session_id = _read(incoming)
    events = document.get("events")
    if not isinstance(events, list):
        raise _refuse('events takes a list of events: [{"name": "signup", "ts": 1795294510467}]')
    drafts = tuple(_to_draft(event, session_id) for event in events)
    return Decoded(drafts, EVENTS, source=SOURCE, depth=3, keeps_refused=True)


def decode_user_id(incoming: Incoming) -> Decoded:
    """Link the session to a user; `uid` is what the old clients call `userId`."""
    document, session_id = _read(incoming)
    name = "uid" if document.get("userId") is None else "userId"
    user_id = _to_id(document.get(name), name)
    if not user_id:
        raise _refuse("no user ID; send userId as a text or number")
    return Decoded((Identify({"session_id": session_id, "user_id": user_id}),), source=SOURCE)


def decode_user_props(incoming: Incoming) -> Decoded:
    """Set properties of the user whom the session belongs to."""
    return _decode_props(incoming, "actor")


def decode_session_props(incoming: Incoming) -> Decoded:
    """Set properties of the session itself."""
    return _decode_props(incoming, "session")


def answer_ok(incoming: Incoming, decoded: Decoded, receipt: Receipt) -> Answer:
    """Answer `ok`, with a header that tells of refused events; 400 where nothing was accepted."""
    if not receipt.rejected:
        return Answer(200, b"ok", TEXT)
    reason = _word(receipt.rejected[0], decoded.note == EVENTS)
    if len(decoded.drafts) > 1:
        reason = f"{len(receipt.rejected)} of {len(decoded.drafts)} refused; {reason}"
    if not receipt.accepted:
        return Answer(400, reason.encode(), TEXT)
    plain = "".join(char if " " <= char <= "~" else "?" for char in reason)
    headers = {REJECTED: plain[:MAX_HEADER], "Access-Control-Expose-Headers": REJECTED}
    return Answer(200, b"ok", TEXT, headers)


def _word(rejection: Rejection, is_event: bool) -> str:
    """Say what was refused, in the words of this API."""
    member = rejection.pointer.removeprefix("/")
    place = MEMBERS.get(member, member)
    if is_event and place != "sessionId":
        place = f"events/{rejection.index}/{place}".rstrip("/")
    return f"{place}: {rejection.detail}" if place else rejection.detail


def refuse(error: OpenMetricsError, incoming: Incoming) -> Answer:
    """Word any refusal as a short text; what the clients' documents break is a 400."""
    status = {422: 400}.get(error.problem.status, error.problem.status)
    if error.code == "payload-too-large" and incoming.method in ("GET", "HEAD"):
        status = 414
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return Answer(status, error.detail.encode(), TEXT, headers)


def _read(incoming: Incoming) -> tuple[Document, str]:
    """Return the document and its session id, checked in the order of the original."""
    document = read_document(incoming)
    if not isinstance(document, dict):
        raise _refuse('takes a JSON object: {"sessionId": ...}')
    session_id = _to_id(document.get("sessionId"), "sessionId")
    if session_id in ("", "0", None):
        raise OpenMetricsError("unauthenticated", "no session ID")
    assert session_id is not None
    return document, session_id


def _to_id(value: Any, name: str) -> str | None:
    """Return an id as text; a number becomes its digits, false and null count as absent."""
    if value is None or value is False:
        return None
    if isinstance(value, str):
        return value
    if value is True or isinstance(value, dict | list):
        raise _refuse(f"{name} takes a text or a number")
    return canonical_text(value)


def _is_active(document: Document) -> bool:
    options = document.get("options")
    return not (isinstance(options, dict) and options.get("active") is False)


def _decode_props(incoming: Incoming, target: Literal["actor", "session"]) -> Decoded:
    document, session_id = _read(incoming)
    props = document.get("props")
    if props is None:
        props = {}
    if not isinstance(props, dict):
        raise _refuse('props takes an object of names and values: {"plan": "pro"}')
    return Decoded((Identify({"session_id": session_id, "properties": props}, target),), source=SOURCE)


def _to_draft(event: Any, session_id: str) -> Any:
    """Rename an event's members; what is wrong in them is refused later, with its reason."""
    if not isinstance(event, dict):
        return event
    draft = {ours: event[theirs] for ours, theirs in EVENT_MEMBERS.items() if theirs in event}
    if "time" in draft:
        draft["time"] = _to_time(draft["time"])
    if not _is_active(event):
        draft["active"] = False
    return {**draft, "session_id": session_id}


def _to_time(ts: Any) -> Any:
    """Return a time that the server reads alike: here any number from 1e11 is milliseconds."""
    is_number = isinstance(ts, int | float) and not isinstance(ts, bool)
    if is_number and MILLISECONDS_BELOW <= abs(ts) <= MAX_MS:
        return format_time(math.floor(ts))
    return ts


def _refuse(detail: str) -> OpenMetricsError:
    return OpenMetricsError("schema-violation", detail)
