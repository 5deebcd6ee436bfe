"""Record a click and send the visitor on, whatever came of the recording."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote

from openmetrics.plugin import Answer, Decoded, Incoming, OpenMetricsError, Receipt, to_json
from openmetrics_plugins.micro_metrics.answers import JSON, refuse
from openmetrics_plugins.pixel import gif

NO_TARGET = to_json({"err": "must provide a location to redirect"})
WEB_ADDRESS = re.compile(r"https?://[^/\\?#\s]", re.IGNORECASE)
SITE_PATH = re.compile(r"/(?![/\\])")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
KEPT = "".join(map(chr, range(0x21, 0x7F))).translate(str.maketrans("", "", '"<>\\^`{|}'))
"""What stands in a Location as it is; everything else is percent-encoded."""
HEADERS = {"Cache-Control": "no-cache, no-store, must-revalidate"}


def decode_click(incoming: Incoming) -> Decoded:
    """Read the query of `/r`: `to`, and the keys of `/t.gif`. A click that is no metric still goes on."""
    target = find_target(incoming.query)
    if not target:
        return Decoded(answer=Answer(200, NO_TARGET, JSON, HEADERS))
    if not is_allowed(target):
        detail = "to takes an address with http:// or https://, or a path of this site that begins with one /"
        return Decoded(answer=refuse(OpenMetricsError("invalid-query", detail), incoming))
    try:
        return gif.decode_metric(incoming)
    except OpenMetricsError:
        return Decoded(answer=to_redirect(target))


def answer_click(incoming: Incoming, decoded: Decoded, receipt: Receipt) -> Answer:
    """Send the visitor on."""
    return to_redirect(find_target(incoming.query))


def refuse_click(error: OpenMetricsError, incoming: Incoming) -> Answer:
    """Send the visitor on where the click could not be recorded; refuse what is no click."""
    target = find_target(incoming.query)
    if error.code != "method-not-allowed" and target and is_allowed(target):
        return to_redirect(target)
    return refuse(error, incoming)


def find_target(query: str) -> str:
    """Return the first `to` of a query; bytes that are no UTF-8 are kept as surrogates."""
    for key, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        if key == "to":
            return value
    return ""


def is_allowed(target: str) -> bool:
    """Say whether a visitor may be sent there: to the web, or to a path of this site."""
    if CONTROL.search(target):
        return False
    return bool(WEB_ADDRESS.match(target) or SITE_PATH.match(target))


def to_redirect(target: str) -> Answer:
    """Build the redirect; what a header cannot hold is percent-encoded."""
    location = quote(target, safe=KEPT, errors="surrogateescape")
    return Answer(302, headers={"Location": location, **HEADERS})
