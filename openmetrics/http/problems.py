"""Turn every failure into one shape: RFC 9457 `application/problem+json`, or the route's own."""

from __future__ import annotations

import logging
from typing import Any

import falcon
import orjson

from openmetrics.errors import OpenMetricsError
from openmetrics.http.protocol import Answer, Headers, Incoming

log = logging.getLogger("openmetrics.http")
HTTP_CODES = {
    400: "malformed-json", 401: "unauthenticated", 403: "forbidden", 404: "not-found",
    405: "method-not-allowed", 409: "conflict", 411: "malformed-json", 413: "payload-too-large",
    415: "unsupported-media-type", 422: "invalid-query", 429: "rate-limited", 503: "store-unavailable",
}  # fmt: skip


def problem_body(error: OpenMetricsError, instance: str, request_id: str) -> dict[str, Any]:
    """Return the members of a problem document."""
    return {
        "type": f"urn:openmetrics:problem:{error.code}",
        "title": error.problem.title,
        "status": error.problem.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
        "errors": [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults],
        **error.members,
    }


def problem_answer(error: OpenMetricsError, instance: str, request_id: str) -> Answer:
    """Word an error in our own shape."""
    body = orjson.dumps(problem_body(error, instance, request_id))
    return Answer(error.problem.status, body, "application/problem+json", retry_headers(error))


def retry_headers(error: OpenMetricsError) -> dict[str, str]:
    """Return Retry-After where waiting helps."""
    return {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}


def send(answer: Answer, resp: falcon.Response) -> None:
    """Copy an answer to the response."""
    resp.status = answer.status
    resp.data = answer.body
    if answer.content_type is not None:
        resp.content_type = answer.content_type
    for name, value in answer.headers.items():
        resp.set_header(name, value)


def install_error_handlers(app: falcon.App[Any, Any]) -> None:
    """Send every exception, Falcon's own refusals included, through one funnel."""
    app.add_error_handler(Exception, _handle_unexpected)
    app.add_error_handler(falcon.HTTPError, _handle_http_error)
    app.add_error_handler(OpenMetricsError, _handle_refusal)


def _handle_refusal(req: Any, resp: Any, error: Any, params: Any) -> None:
    resp.stream = None
    refuse = getattr(req.context, "refuse", None)
    if refuse is not None:
        send(refuse(error, incoming_of(req, b"")), resp)
    else:
        send(problem_answer(error, req.path, req.context.request_id), resp)
    if error.code == "unauthenticated":
        resp.set_header("WWW-Authenticate", "Bearer")


def _handle_http_error(req: Any, resp: Any, error: falcon.HTTPError, params: Any) -> None:
    code = HTTP_CODES.get(error.status_code, "invalid-query" if error.status_code < 500 else "internal")
    detail = str(error.description or error.title or "The request cannot be served.")
    if code == "not-found":
        detail = "There is nothing at this path; /openapi.json lists what there is."
    elif code == "method-not-allowed":
        detail = f"This path does not take {req.method}; the header Allow lists what it takes."
    _handle_refusal(req, resp, OpenMetricsError(code, detail), params)
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)


def _handle_unexpected(req: Any, resp: Any, error: Exception, params: Any) -> None:
    log.error("request %s failed", req.context.request_id, exc_info=error)
    detail = "The server failed; its log says why, under this request id."
    _handle_refusal(req, resp, OpenMetricsError("internal", detail), params)


def incoming_of(req: falcon.Request, body: bytes, received_ms: int = 0) -> Incoming:
    """Copy what a protocol may see of a request."""
    query = req.query_string
    # NOTE: old clients send a raw `#`, which the HTTP server cuts off as a fragment.
    target = req.env.get("RAW_URI", "")
    if "#" in target:
        query = target.partition("?")[2]
    address = getattr(req.context, "address", req.remote_addr)
    return Incoming(req.method, req.path, query, Headers(req.env), body, received_ms, address)
