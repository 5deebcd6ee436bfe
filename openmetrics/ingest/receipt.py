"""What `accept` takes and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from openmetrics.ingest.event import Event


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask to link a session to a user and to change a profile.

    `body` is a document of `identify.schema.json`. With `target` "session" the operations change the
    properties of the session itself, else those of the user who owns it.
    """

    body: Mapping[str, Any]
    target: Literal["actor", "session"] = "actor"


@dataclass(frozen=True, slots=True)
class Refused:
    """Hold the place of something that a protocol's own rules refuse before it is an event."""

    code: str
    detail: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """A fact as an export gave it (see `openmetrics.ingest.restore`): taken as it was stored.

    No processor sees it, and its time of receipt stays, so that what was erased since stays erased.
    """

    body: Mapping[str, Any]


Draft = Mapping[str, Any] | Identify | Restored | Refused
"""A document of `event.schema.json` (any JSON, checked by `accept`), an `Identify`, an exported fact, or a
refusal."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Say why one draft was not accepted, by its index."""

    index: int
    code: str
    detail: str
    pointer: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the form in which receipts show it."""
        return {"index": self.index, "code": self.code, "detail": self.detail, "pointer": self.pointer}


@dataclass(frozen=True, slots=True)
class Advice:
    """Advise about something that was accepted, but not quite as the sender may think."""

    code: str
    detail: str
    pointer: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the form in which receipts show it."""
        return {"code": self.code, "detail": self.detail, "pointer": self.pointer}


@dataclass(slots=True)
class Receipt:
    """Tell what became of a batch. When it is made, everything accepted survives a crash.

    `events[i]` is the event made from draft i, or None where it was refused, dropped or no event.
    """

    accepted: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    warnings: list[Advice] = field(default_factory=list)
    events: list[Event | None] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the body of a 202."""
        return {
            "accepted": self.accepted,
            "rejected": [rejection.to_json() for rejection in self.rejected],
            "warnings": [warning.to_json() for warning in self.warnings],
        }


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch came from: what all its drafts share."""

    received_ms: int
    source: str | None = None
    """Stored as the event's `source` where the event names none."""
    sent_at_ms: int | None = None
    """The sender's clock when it sent the batch: corrects times when it is more than 5 s off (E4)."""
    depth: int = 1
    """How deep in the JSON of the request the drafts stand, 1 being the top."""
    is_import: bool = False
    """Refuse events whose time is absent or in the future, since these would be new ones each time."""


@dataclass(frozen=True, slots=True)
class Drop:
    """What a processor returns to keep an event out: it counts as accepted and is not stored."""

    reason: str


Drafts = Sequence[Draft]
