"""Word what callers of micro-metrics get back: stored metrics and errors."""

from __future__ import annotations

import re
from typing import Any

from openmetrics.plugin import (
    Answer,
    Decoded,
    Event,
    Incoming,
    OpenMetricsError,
    Receipt,
    Rejection,
    StoredEvent,
    format_time,
    parse_document,
    to_json,
)

JSON = "application/json; charset=utf-8"
HEADERS = {"Cache-Control": "no-cache"}
TRACK_BYTES = 1_048_576
KEYS = {
    "name": "type", "properties": "tags", "time": "createdOn", "user_id": "userId", "session_id": "sessionId",
}  # fmt: skip
"""Members of an event document and the keys under which they were sent."""
PREFIXES = {
    "schema-violation": "Invalid request payload input: ",
    "invalid-query": "Invalid request query input: ",
    "malformed-json": "Invalid request payload JSON format: ",
    "payload-too-large": "Payload content length greater than maximum allowed: {limit}. ",
}
_NUMBER = re.compile("[0-9]+")
REASONS = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 413: "Request Entity Too Large", 415: "Unsupported Media Type", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


def answer_metric(incoming: Incoming, decoded: Decoded, receipt: Receipt) -> Answer:
    """Answer the one metric as stored, or why it was refused."""
    if receipt.rejected:
        body = to_error(receipt.rejected[0])
        return Answer(body["statusCode"], to_json(body), JSON, HEADERS)
    return Answer(200, to_json(_to_answer(decoded, receipt, 0)), JSON, HEADERS)


def answer_batch(incoming: Incoming, decoded: Decoded, receipt: Receipt) -> Answer:
    """Answer the metrics in order, with an error in the place of each refused one."""
    errors = {rejection.index: to_error(rejection) for rejection in receipt.rejected}
    if errors and len(errors) == len(decoded.drafts):
        first = errors[0]
        return Answer(400, to_json({**first, "statusCode": 400, "error": REASONS[400]}), JSON, HEADERS)
    rows = [
        {**errors[index], "index": index} if index in errors else _to_answer(decoded, receipt, index, True)
        for index in range(len(decoded.drafts))
    ]
    return Answer(200, to_json(rows), JSON, HEADERS)


def _to_answer(decoded: Decoded, receipt: Receipt, index: int, is_sparse: bool = False) -> dict[str, Any]:
    event = receipt.events[index]
    if event is None:  # dropped by a processor: nothing stored has an id
        draft: Any = decoded.drafts[index]
        return {"type": draft["name"], "stored": False}
    metric = to_metric(event)
    if is_sparse:
        return {key: value for key, value in metric.items() if value != {} or key == "tags"}
    return metric


def to_metric(event: Event) -> dict[str, Any]:
    """Return an event in the shape of a stored metric."""
    data = event.data if event.has_data else {}
    return _metric(event, event.properties, event.fields, event.value, data)


def stored_to_metric(event: StoredEvent) -> dict[str, Any]:
    """Return an event from the store in the shape of a stored metric."""
    raw = parse_document(event.raw.encode())
    return _metric(event, raw.get("properties", {}), raw.get("fields", {}), raw["value"], raw.get("data", {}))


def _metric(event: Event | StoredEvent, tags: Any, fields: Any, value: Any, data: Any) -> dict[str, Any]:
    metric = {
        "_id": event.event_id,
        "type": event.name,
        "tags": tags,
        "tagKeys": list(tags),
        "fields": fields,
        "value": value,
        "data": data,
        "createdOn": format_time(event.time_ms),
    }
    if event.user_id is not None:
        metric["userId"] = event.user_id
    if event.session_id is not None:
        metric["sessionId"] = event.session_id
    return metric


def to_error(rejection: Rejection) -> dict[str, Any]:
    """Word the refusal of one metric, under the key that the caller used."""
    member, _, rest = rejection.pointer.removeprefix("/").partition("/")
    key = KEYS.get(member, member) + (f".{rest}" if rest else "")
    detail = f"{key} {rejection.detail}" if key else rejection.detail
    return shape_error(OpenMetricsError(rejection.code, detail))


def shape_error(error: OpenMetricsError) -> dict[str, Any]:
    """Return an error's body; a document that we refuse is a 400 here."""
    status = 400 if error.problem.status == 422 else error.problem.status
    limit = _NUMBER.search(error.detail)
    prefix = PREFIXES.get(error.code, "").format(limit=limit[0] if limit else "")
    return {
        "statusCode": status,
        "error": REASONS.get(status, error.problem.title),
        "message": prefix + error.detail,
        "detail": error.detail,
    }


def refuse(error: OpenMetricsError, incoming: Incoming) -> Answer:
    """Answer any refusal in the shape of micro-metrics."""
    body = shape_error(error)
    headers = dict(HEADERS)
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return Answer(body["statusCode"], to_json(body), JSON, headers)
