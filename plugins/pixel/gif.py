"""Decode the query of a pixel, and answer the image whatever came of it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from openmetrics.plugin import Answer, Decoded, Incoming, OpenMetricsError, Receipt
from openmetrics_plugins.micro_metrics.decode import (
    CONVERSION_KEYS,
    METRIC_KEYS,
    read_form,
    to_conversion_draft,
    to_data,
    to_draft,
)
from openmetrics_plugins.micro_metrics.pairs import parse_pairs

SOURCE = "pixel"
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
HEADERS = {"Cache-Control": "no-cache, no-store, must-revalidate"}
UNUSABLE = frozenset(("malformed-json", "schema-violation", "invalid-query", "payload-too-large"))
"""Refusals of what was sent: the image is answered as if all were well, since nobody could mend it."""
ABSENT = frozenset(("", "undefined", "null"))


def decode_metric(incoming: Incoming) -> Decoded:
    """Read the query of `/t.gif` as one metric; keys that are not known are ignored."""
    metric = read_members(incoming.query, METRIC_KEYS)
    metric["data"] = add_visitor(metric.get("data"), incoming)
    return Decoded((to_draft(metric),), source=SOURCE)


def decode_conversion(incoming: Incoming) -> Decoded:
    """Read the query of `/c.gif` as one conversion."""
    conversion = read_members(incoming.query, CONVERSION_KEYS)
    conversion["data"] = add_visitor(conversion.get("data"), incoming)
    return Decoded((to_conversion_draft(conversion),), source=SOURCE)


def read_members(query: str, known: Container[str]) -> dict[str, Any]:
    """Return the known members of a query; empty, `undefined` and `null` ones are absent."""
    members = read_form(query, known)
    return {key: value for key, value in members.items() if value not in ABSENT}


def add_visitor(data: str | None, incoming: Incoming) -> Mapping[str, Any]:
    """Return the data of a request with the address, user agent and referrer of its visitor."""
    sent = to_data(data) if data is not None else {}
    members = parse_pairs(sent) if isinstance(sent, str) else sent
    visitor = {
        "ip": incoming.headers.get("x-real-ip", "").strip() or incoming.address,
        "referrer": incoming.headers.get("referer", ""),
    }
    if "user-agent" in incoming.headers:
        visitor["userAgent"] = incoming.headers["user-agent"]
    return {**members, **visitor}


def answer_gif(incoming: Incoming, decoded: Decoded, receipt: Receipt) -> Answer:
    """Answer the image."""
    return Answer(200, GIF, "image/gif", HEADERS)


def refuse_gif(error: OpenMetricsError, incoming: Incoming) -> Answer:
    """Answer the image; its status tells where the server, a key or a limit kept the metric out."""
    headers = dict(HEADERS)
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    status = 200 if error.code in UNUSABLE else error.problem.status
    return Answer(status, GIF, "image/gif", headers)
