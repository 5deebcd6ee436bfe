"""What an export is asked for, and how far it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from openmetrics.plugin import (
    All,
    AnyOf,
    Comparison,
    Did,
    Field,
    Filter,
    InSegment,
    Not,
    OpenMetricsError,
    invalid_query,
    parse_document,
    parse_filter,
    parse_time,
    read_cursor,
    write_cursor,
)

Kind = Literal["documents", "events", "links", "operations", "merges", "profiles"]
KINDS: tuple[Kind, ...] = ("documents", "events", "links", "operations", "merges", "profiles")
WHOLE: tuple[Kind, ...] = ("documents", "events", "links", "operations", "merges")
"""Everything that another server needs to give the same answers."""
SAVED = ("segment", "metric", "dashboard")
"""The saved documents that are exported, each after what it may name."""
Format = Literal["ndjson", "csv", "parquet"]
FORMATS: tuple[Format, ...] = ("ndjson", "csv", "parquet")
PARAMETERS: dict[str, Any] = {
    "kinds": {
        "type": "string",
        "description": f"Some of {', '.join(KINDS)}, apart by commas; all but profiles if absent.",
    },
    "format": {"enum": list(FORMATS), "default": "ndjson", "description": "Tables hold one kind."},
    "from": {"type": "string", "description": "Only events at this time or later."},
    "to": {"type": "string", "description": "Only events before this time."},
    "filter": {"type": "string", "description": "Only events that match this filter, as JSON."},
    "cursor": {"type": "string", "description": "Go on where an export with the same parameters was."},
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is wanted: `start_ms` and `end_ms` bound the times of events."""

    kinds: tuple[Kind, ...]
    format: Format
    start_ms: int | None = None
    end_ms: int | None = None
    filter: Filter | None = None
    mark: str = ""
    """A hash of the parameters, so that no cursor is used for another question."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far an export is. It holds what was received until `begun_ms`.

    `part` is what of a kind is being read (a partition's kind, period and identity), `marks` what of that
    was read already: sequence numbers of its shards, or where pages or users go on.
    """

    begun_ms: int
    place: int = 0
    """Of the kinds that are wanted, the one that is being read."""
    part: tuple[str, ...] = ()
    marks: Mapping[str, Any] | Sequence[Any] = ()


def parse_question(found: Mapping[str, str]) -> Question:
    """Read the parameters of an export. Raises OpenMetricsError `invalid-query`."""
    format = found.get("format", "ndjson")
    if format not in FORMATS:
        raise invalid_query("/format", f"format is one of {', '.join(FORMATS)}.")
    filter = None
    if "filter" in found:
        try:
            filter = parse_filter(parse_document(found["filter"].encode()))
        except OpenMetricsError as error:
            if error.code == "invalid-query":
                raise
            raise invalid_query("/filter", error.detail) from error
        _check_filter(filter)
    start_ms, end_ms = _parse_time(found, "from"), _parse_time(found, "to")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise invalid_query("/to", "The end of a range lies after its start.")
    is_part = filter is not None or start_ms is not None or end_ms is not None
    kinds = _parse_kinds(found.get("kinds"), format, is_part)
    asked = "\0".join(
        f"{name}={found[name]}" for name in sorted(found) if name in PARAMETERS and name != "cursor"
    )
    mark = hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()
    return Question(kinds, format, start_ms, end_ms, filter, mark)


def pack_position(question: Question, position: Position) -> str:
    """Return the cursor of a position."""
    marks = list(position.marks) if not isinstance(position.marks, Mapping) else dict(position.marks)
    return write_cursor([question.mark, position.begun_ms, position.place, list(position.part), [marks]])


def unpack_position(question: Question, cursor: str | None) -> Position | None:
    """Return the position of a cursor, or None where there is none. Raises `invalid-query`."""
    found = read_cursor(cursor, (str, int, int, list, list))
    if found is None:
        return None
    mark, begun_ms, place, part, [marks] = found
    if mark != question.mark:
        raise invalid_query("/cursor", "The cursor is of an export with other parameters; repeat these.")
    return Position(begun_ms, place, tuple(part), marks)


def _parse_kinds(text: str | None, format: str, is_part: bool) -> tuple[Kind, ...]:
    if text is None:
        return ("events",) if format != "ndjson" or is_part else WHOLE
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = next((kind for kind in wanted if kind not in KINDS), None)
    if unknown is not None or not wanted:
        raise invalid_query("/kinds", f"kinds are some of {', '.join(KINDS)}, apart by commas.")
    if format != "ndjson" and "documents" in wanted:
        raise invalid_query("/kinds", "Documents are no table; ask for them as ndjson.")
    if format != "ndjson" and len(set(wanted)) > 1:
        raise invalid_query(
            "/kinds", f"A {format} file holds one kind; ask for each by itself, or as ndjson."
        )
    if is_part and wanted != ["events"]:
        raise invalid_query("/kinds", "A range or filter chooses events; leave them out for other kinds.")
    return tuple(kind for kind in KINDS if kind in wanted)


def _parse_time(found: Mapping[str, str], name: str) -> int | None:
    if name not in found:
        return None
    try:
        return parse_time(found[name])
    except ValueError as error:
        raise invalid_query(f"/{name}", str(error)) from error


def _check_filter(node: Filter) -> None:
    """Refuse what only columns know."""
    match node:
        case InSegment() | Did():
            detail = "An export is filtered by what events hold; segments and `did` are for analyses."
            raise invalid_query("/filter", detail)
        case Comparison(Field("user")):
            raise invalid_query("/filter", "An export is filtered by what events hold, not by profiles.")
        case Not(part):
            _check_filter(part)
        case All(parts) | AnyOf(parts):
            for part in parts:
                _check_filter(part)
        case _:
            return
