"""Take notes at `POST /x/guestbook/note`, in a form of our own: `{"who": "ada", "says": "hello"}`."""

from __future__ import annotations

import json
from pathlib import Path

from openmetrics.plugin import (
    Answer,
    Decoded,
    Incoming,
    OpenMetricsError,
    Operation,
    Protocol,
    Receipt,
    Server,
    hookimpl,
)


@hookimpl
def register_schemas() -> list[Path]:
    """Describe the body for OpenAPI."""
    return [Path(__file__).parent]


@hookimpl
def register_protocols(server: Server) -> list[Protocol]:
    """Add the endpoint; body limits, gzip, keys, CORS and crash safety are the server's."""
    post = Operation("POST", "Leave a note.", body="guestbook_note.schema.json")
    return [Protocol("guestbook_note", "/x/guestbook/note", (post,), decode, answer)]


def decode(incoming: Incoming) -> Decoded:
    """Turn a note into an event."""
    try:
        note = json.loads(incoming.body)
        event = {"name": "note", "user_id": note["who"], "properties": {"says": note["says"]}}
    except (ValueError, KeyError, TypeError) as error:
        raise OpenMetricsError("malformed-json", 'Send {"who": "ada", "says": "hello"}.') from error
    return Decoded((event,), source="guestbook")


def answer(incoming: Incoming, decoded: Decoded, receipt: Receipt) -> Answer:
    """Say whether the note was taken."""
    if receipt.rejected:
        raise OpenMetricsError("schema-violation", f"Not taken: {receipt.rejected[0].detail}.")
    return Answer(200, b"thank you", "text/plain")
