"""Record by image and link: the pixels `/t.gif` and `/c.gif`, and the redirect `/r`.

They take the keys of micro-metrics, whose plugin folder they need (it may be disabled).
"""

from __future__ import annotations

from typing import Any

from openmetrics.plugin import Operation, Protocol, Server, hookimpl
from openmetrics_plugins.pixel import gif, redirect

TEXT: dict[str, Any] = {"type": "string"}
METRIC_KEYS = {
    "type": TEXT | {"description": "What is measured; without it nothing is recorded."},
    "tags": TEXT | {"description": "`name:value,name=value,name`"},
    "fields": TEXT | {"description": "Attributes of many values, written like `tags`."},
    "value": TEXT | {"description": "Value of the metric; 1 if absent."},
    "data": TEXT | {"description": "`name:value` pairs to keep; `ip`, `userAgent` and `referrer` are added."},
    "createdOn": TEXT | {"description": "ISO 8601 text or milliseconds since 1970."},
    "userId": TEXT | {"description": "The user of this metric."},
    "sessionId": TEXT | {"description": "The visit or device of this metric."},
}
CONVERSION_KEYS = {
    "name": TEXT | {"description": "Name of the conversion."},
    "event": TEXT | {"description": "What happened, such as `impression` or `success`."},
    "option": TEXT | {"description": "The variant that was shown."},
    "session": TEXT | {"description": "The visit."},
    "data": METRIC_KEYS["data"],
}
TO = {"to": TEXT | {"description": "Where to go: http, https, or a path of this site.", "x-required": True}}
STORED = {
    "200": "A transparent GIF of one pixel; recorded, unless unusable.",
    "503": "The GIF; not recorded.",
}


@hookimpl
def register_protocols(server: Server) -> list[Protocol]:
    """Add the two pixels and the redirect."""
    track = Operation("GET", "Record a metric by an image.", METRIC_KEYS, answers=STORED)
    convert = Operation("GET", "Record a conversion by an image.", CONVERSION_KEYS, answers=STORED)
    follow = Operation(
        "GET", "Record a click and go on.", {**TO, **METRIC_KEYS}, answers={"302": "Go there."}
    )
    endpoints = (
        ("track", "/t.gif", track, gif.decode_metric, gif.answer_gif, gif.refuse_gif),
        ("convert", "/c.gif", convert, gif.decode_conversion, gif.answer_gif, gif.refuse_gif),
        ("redirect", "/r", follow, redirect.decode_click, redirect.answer_click, redirect.refuse_click),
    )
    return [
        Protocol(f"pixel_{name}", path, (operation,), decode, answer, refuse, "any")
        for name, path, operation, decode, answer, refuse in endpoints
    ]
