"""Turn a document of `event.schema.json` into the one event shape (semantics section 2)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from openmetrics.ingest.document import MAX_DEPTH, check_depth
from openmetrics.ingest.event import Event, period_of
from openmetrics.ingest.receipt import Advice, Origin
from openmetrics.query.times import parse_time
from openmetrics.query.values import canonical_text, is_indexable_name

DAY_MS = 86_400_000
MAX_SKEW_MS = 5_000
MAX_ID_BYTES = 512


class RejectionError(Exception):
    """Carry why a draft is refused: code, detail and pointer of its receipt row."""

    def __init__(self, detail: str, pointer: str = "", code: str = "schema-violation") -> None:
        super().__init__(detail)
        self.code, self.detail, self.pointer = code, detail, pointer


def normalise(body: Mapping[str, Any], origin: Origin, new_id: str) -> Event:
    """Build the event from a document that its schema has passed; `new_id` serves where it has no id.

    Raises RejectionError.
    """
    get = body.get
    sent_id, user_id, session_id = get("event_id"), get("user_id"), get("session_id")
    if sent_id is not None:
        sent_id = text_id(sent_id, "/event_id")
    if user_id is not None:
        user_id = text_id(user_id, "/user_id")
    if session_id is not None:
        session_id = text_id(session_id, "/session_id")
    time_ms = received_ms = origin.received_ms
    sent_time = get("time")
    is_ours, client_time = sent_time is None, None
    if sent_time is not None:
        time_ms = read_time(sent_time, "/time")
        if origin.sent_at_ms is not None and abs(received_ms - origin.sent_at_ms) > MAX_SKEW_MS:
            time_ms, is_ours = time_ms + received_ms - origin.sent_at_ms, True
        if time_ms > received_ms + DAY_MS:
            if origin.is_import:
                raise RejectionError(FUTURE, "/time")
            time_ms, is_ours, client_time = received_ms, True, sent_time
    elif origin.is_import:
        raise RejectionError("an imported event needs its time", "/time")
    event = Event(
        sent_id or new_id, time_ms, received_ms, body["name"], user_id, session_id, get("properties") or {},
        get("fields") or {}, body.get("value", 1), get("data"), "data" in body, get("context") or {},
        get("source") or origin.source, get("active") is not False, client_time,
        neighbour_period(time_ms) if is_ours and sent_id else None,
    )  # fmt: skip
    _check_depth(event, origin.depth)
    return event


def text_id(value: str | int | float, pointer: str) -> str:
    """Return an id as text: numbers become text."""
    text = value if isinstance(value, str) else canonical_text(value)
    assert text is not None, "the schema lets only text and numbers through"
    if len(text) > MAX_ID_BYTES // 4 and (len(text) > 256 or len(text.encode()) > MAX_ID_BYTES):
        raise RejectionError(f"an id has at most 256 characters and {MAX_ID_BYTES} bytes", pointer)
    return text


def read_time(value: Any, pointer: str) -> int:
    """Parse a time of any accepted form; RejectionError says what is accepted."""
    try:
        return parse_time(value)
    except ValueError as error:
        raise RejectionError(str(error), pointer) from error


def neighbour_period(time_ms: int) -> str | None:
    """Return the other period within 48 hours of a time, or None (semantics E1)."""
    own = period_of(time_ms)
    for other in (period_of(time_ms - 2 * DAY_MS), period_of(time_ms + 2 * DAY_MS)):
        if other != own:
            return other
    return None


def advise_names(properties: Mapping[str, Any], refused: Container[str]) -> list[Advice]:
    """Return advice on properties that are kept but cannot be filtered by (semantics E6, E7)."""
    advice = []
    for name in properties:
        pointer = f"/properties/{name[:200]}"
        if not is_indexable_name(name):
            detail = (
                "this name is too long, blank or holds NUL: the property is kept, but cannot be filtered by"
            )
            advice.append(Advice("property-not-indexed", detail, pointer))
        elif name in refused:
            detail = "the limit of indexed property names is reached: kept, but cannot be filtered by"
            advice.append(Advice("property-not-indexed", detail, pointer))
    return advice


def _check_depth(event: Event, depth: int) -> None:
    is_flat = _CONTAINERS.isdisjoint(map(type, event.properties.values()))
    if not is_flat and not check_depth(event.properties, depth + 1):
        raise RejectionError(TOO_DEEP, "/properties")
    if event.fields and not check_depth(event.fields, depth + 1):
        raise RejectionError(TOO_DEEP, "/fields")
    if event.context and not check_depth(event.context, depth + 1):
        raise RejectionError(TOO_DEEP, "/context")
    if type(event.value) in _CONTAINERS and not check_depth(event.value, depth + 1):
        raise RejectionError(TOO_DEEP, "/value")
    if type(event.data) in _CONTAINERS and not check_depth(event.data, depth + 1):
        raise RejectionError(TOO_DEEP, "/data")


FUTURE = "lies more than a day in the future; mend the time"
_CONTAINERS = frozenset((dict, list))
TOO_DEEP = f"JSON may nest {MAX_DEPTH} levels deep"
