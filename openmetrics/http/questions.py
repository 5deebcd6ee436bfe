"""Read the query strings of lookups: strict, each refusal pointing at its parameter."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import falcon
import orjson

from openmetrics.errors import OpenMetricsError, invalid_query
from openmetrics.ingest.event import to_json
from openmetrics.query.times import parse_time

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000


def read_query(req: falcon.Request, known: Iterable[str]) -> dict[str, str]:
    """Return the parameters of a lookup; unknown and repeated ones are refused. `key` is always taken."""
    known = frozenset(known)
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(req.query_string, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise OpenMetricsError("invalid-query", "The address holds text that is no UTF-8.") from error
    for name, value in pairs:
        if name == "key":
            continue
        if name not in known:
            takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
            raise invalid_query(f"/{name}", f"There is no parameter {name[:60]!r}; {takes}.")
        if name in found:
            raise invalid_query(f"/{name}", f"The parameter {name!r} is given twice; give it once.")
        found[name] = value
    return found


def read_limit(found: dict[str, str], name: str = "limit", default: int = DEFAULT_LIMIT) -> int:
    """Return a page size: 1 to 1,000."""
    text = found.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MAX_LIMIT:
        raise invalid_query(f"/{name}", f"{name} is a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def read_range(found: dict[str, str], timezone: str) -> tuple[int | None, int | None]:
    """Return the times of `from` and `to`, where given."""
    times: list[int | None] = []
    for name in ("from", "to"):
        if name not in found:
            times.append(None)
            continue
        try:
            times.append(parse_time(found[name]))
        except ValueError as error:
            raise invalid_query(f"/{name}", str(error)) from error
    start_ms, end_ms = times
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise invalid_query("/to", "The end of a range lies after its start.")
    return start_ms, end_ms


def read_choice(found: dict[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return one of a few words; the first is the default."""
    value = found.get(name, choices[0])
    if value not in choices:
        raise invalid_query(f"/{name}", f"{name} is one of {', '.join(choices)}.")
    return value


def write_cursor(content: Any) -> str:
    """Pack a cursor so that nobody builds on what it holds."""
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


def read_cursor(text: str | None, shape: tuple[type, ...]) -> Any:
    """Unpack a cursor of the given shape (a list), or return None where there is none."""
    if text is None:
        return None
    try:
        content = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
        is_ours = isinstance(content, list) and tuple(type(part) for part in content) == shape
    except (binascii.Error, ValueError):
        is_ours = False
    if not is_ours:
        raise invalid_query(
            "/cursor", "This is no cursor of this list; take it from `next` of the last page."
        )
    return content


def check_admin(req: falcon.Request, what: str) -> None:
    """Refuse who may read but not change: `what` names the change, as the beginning of a sentence."""
    if not req.context.caller.may("admin"):
        raise OpenMetricsError("forbidden", f"{what} needs a key of scope admin.")


def send_json(resp: falcon.Response, content: Any) -> None:
    """Answer 200 with JSON."""
    resp.data = to_json(content)
    resp.content_type = "application/json"
