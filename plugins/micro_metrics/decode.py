"""Turn what micro-metrics clients send into event documents. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import parse_qsl

from openmetrics.plugin import (
    Decoded,
    Draft,
    Fault,
    Incoming,
    OpenMetricsError,
    Refused,
    format_time,
    parse_document,
)
from openmetrics_plugins.micro_metrics.pairs import has_pairs, parse_number, parse_pairs

SOURCE = "micro_metrics"
METRIC_KEYS = ("type", "tags", "fields", "value", "data", "createdOn", "userId", "userID", "sessionId")
CONVERSION_KEYS = ("name", "event", "option", "session", "data")
JOINED_KEYS = frozenset(("tags", "fields", "data"))
"""Keys of a form or pixel that may be repeated: their items add up."""
MIN_MS, MAX_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
_DIGITS = re.compile(r"\s*[+-]?[0-9]+(?:\.[0-9]+)?\s*")


def refuse_key(key: str, detail: str) -> OpenMetricsError:
    """Build the refusal of one key of a body; `detail` says how to mend it."""
    return OpenMetricsError("schema-violation", f"{key} {detail}" if key else detail, (Fault(key, detail),))


def decode_track(incoming: Incoming) -> Decoded:
    """Read `POST /api/track`: one metric, as JSON or as a form."""
    return Decoded((to_draft(read_body(incoming)),), source=SOURCE)


def decode_batch(incoming: Incoming) -> Decoded:
    """Read `POST /api/track/batch`; a bad event is refused in its place and leaves the others alone."""
    body = read_body(incoming)
    check_keys(body, ("events",))
    events = body.get("events")
    if not isinstance(events, list):
        raise refuse_key("events", 'takes a list of metrics: {"events": [{"type": "signup"}]}')
    return Decoded(tuple(_to_draft_or_refused(event) for event in events), source=SOURCE, depth=3)


def decode_conversion(incoming: Incoming) -> Decoded:
    """Read `POST /api/conversion`."""
    return Decoded((to_conversion_draft(read_body(incoming)),), source=SOURCE)


def read_body(incoming: Incoming) -> Any:
    """Return the document of a body: JSON under any name, no name included, or a form.

    A form whose text begins with `{` is JSON: that is what `curl -d` sends.
    """
    content_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type.endswith("xml") or content_type.startswith("multipart/"):
        detail = f"{content_type} is not read here; send JSON or application/x-www-form-urlencoded"
        raise OpenMetricsError("unsupported-media-type", detail)
    is_form = content_type == "application/x-www-form-urlencoded"
    if is_form and not incoming.body.lstrip().startswith(b"{"):
        return read_form(incoming.body.decode("utf-8", "replace"))
    return parse_document(incoming.body)


def read_form(text: str, known: Container[str] | None = None) -> dict[str, str]:
    """Return the members of a form or query string, of known keys only where these are given.

    Empty ones are left out. Raises OpenMetricsError for a key given twice.
    """
    members: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if known is not None and key not in known:
            continue
        if key not in members:
            members[key] = value
        elif key in JOINED_KEYS:
            members[key] += f",{value}"
        else:
            raise refuse_key(key, "is given twice; give it once")
    return {key: value for key, value in members.items() if value}


def to_draft(metric: Any) -> dict[str, Any]:
    """Turn one metric into an event document. Raises OpenMetricsError that names the key."""
    check_keys(metric, METRIC_KEYS)
    draft: dict[str, Any] = {"name": _required_text(metric, "type")}
    for key, member in (("tags", "properties"), ("fields", "fields")):
        if metric.get(key) is not None:
            draft[member] = _to_map(key, metric[key])
    if "value" in metric:
        value = metric["value"]
        number = parse_number(value) if isinstance(value, str) else None
        draft["value"] = value if number is None else number
    if metric.get("data") is not None:
        draft["data"] = to_data(metric["data"])
    if metric.get("createdOn") is not None:
        draft["time"] = _to_time(metric["createdOn"])
    user_id = metric.get("userId")
    draft["user_id"] = metric.get("userID") if user_id is None else user_id
    draft["session_id"] = metric.get("sessionId")
    return draft


def to_conversion_draft(conversion: Any) -> dict[str, Any]:
    """Turn a conversion into an event document of type `conversion.<name>`."""
    check_keys(conversion, CONVERSION_KEYS)
    name, event, option = (_required_text(conversion, key) for key in ("name", "event", "option"))
    data = conversion.get("data")
    data = {} if data is None else to_data(data)
    if isinstance(data, str):
        data = parse_pairs(data)
    if not isinstance(data, dict):
        raise refuse_key("data", "takes an object")
    draft = {"name": f"conversion.{name}", "properties": {"event": event, "option": option}, "data": data}
    session = conversion.get("session")
    if session is not None:
        draft["data"] = {**data, "session": session}
        draft["session_id"] = session
    return draft


def to_data(data: Any) -> Any:
    """Return data as sent, but for a text: JSON of an object is read, pairs become a map."""
    if not isinstance(data, str):
        return data
    if data.lstrip().startswith("{"):
        try:
            return parse_document(data.encode())
        except OpenMetricsError:
            pass
    return parse_pairs(data) if has_pairs(data) else data


def check_keys(body: Any, known: tuple[str, ...]) -> None:
    """Refuse what is no object, and a key that is not known."""
    if not isinstance(body, dict):
        raise refuse_key("", f"the body takes one JSON object with the keys {', '.join(known)}")
    for key in body:
        if key not in known:
            raise refuse_key(key[:60], f"is not known here; known are {', '.join(known)}")


def _to_draft_or_refused(metric: Any) -> Draft:
    try:
        return to_draft(metric)
    except OpenMetricsError as error:
        return Refused(error.code, error.faults[0].detail, f"/{error.faults[0].pointer}")


def _required_text(body: Mapping[str, Any], key: str) -> str:
    text = body.get(key)
    if text is None:
        raise refuse_key(key, "is missing; add it")
    if not isinstance(text, str) or not text:
        raise refuse_key(key, "takes a text that is not empty")
    return text


def _to_map(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return parse_pairs(value)
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: True for name in value if name}
    raise refuse_key(key, 'takes an object, a text such as "plan:pro,beta", or a list of names')


def _to_time(value: Any) -> Any:
    """Return a number, and a text of digits, as ISO text: they are milliseconds, always."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = float(value) if "." in value else int(value[:40])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not MIN_MS <= value <= MAX_MS:
        raise refuse_key(
            "createdOn", "takes milliseconds since 1970 in the years 1 to 9999, or a date as text"
        )
    return format_time(math.floor(value))
