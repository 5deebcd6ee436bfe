"""Draw `/embed`: a report as an inline SVG line or a table, in a page of its own without any script."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Any

from openmetrics.plugin import Filter, canonical_text, invalid_query
from openmetrics_plugins.micro_metrics.buckets import list_buckets
from openmetrics_plugins.micro_metrics.filters import FILTER_KEYS, PERIOD_KEY, TEXT, join, parse_pairs_filter
from openmetrics_plugins.micro_metrics.lookups import Question, Reply, reply_json

EMBED_KEYS: dict[str, dict[str, Any]] = {
    "type": FILTER_KEYS["type"],
    **PERIOD_KEY,
    "last": FILTER_KEYS["last"],
    "tag": TEXT | {"description": "Metrics with this tag: `name`, `name:value` or `name=value`."},
    "chart": TEXT | {"description": "`LineChart` (default) draws a line; anything else is a table."},
    "refresh": {"type": "integer", "minimum": 1, "description": "Seconds after which the page reloads."},
    "height": {"type": "integer", "minimum": 1, "description": "Height of a table in pixels; it scrolls."},
    "raw": {"enum": ["1"], "description": "`1` answers the buckets as JSON."},
}
RANGES = {"d": "30 days", "h": "day", "m": "hour"}
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 240, 56, 12, 24
STYLE = (
    "body{margin:8px;font:14px system-ui,sans-serif;color:#1f2933;background:#fff}"
    "h1{font-size:16px;margin:0 0 8px}svg{width:100%;height:auto}"
    ".grid{stroke:#d9e2ec}.line{fill:none;stroke:#2563eb;stroke-width:2}.dot{fill:#2563eb}"
    "text{font-size:11px;fill:#52606d}div{overflow:auto}table{border-collapse:collapse}"
    "th,td{padding:2px 12px 2px 0;text-align:left}td+td,th+th{text-align:right}"
)


def embed(question: Question) -> Reply:
    """Answer a page with a line or a table of the sums; everything from outside is escaped."""
    query = question.query
    refresh, height = (_read_number(query, key) for key in ("refresh", "height"))
    buckets = list_buckets(question, _read_filter(question))
    if query.get("raw") == "1":
        return reply_json(buckets)
    style = STYLE + (f"div{{max-height:{height}px}}" if height else "")
    is_line = query.get("chart", "LineChart") == "LineChart"
    content = draw_line(buckets) if is_line else _write_table(buckets, query.get("period", "d"))
    title = escape(_title(question))
    reload = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{reload}'
        f"<style>{style}</style></head><body><h1>{title}</h1>{content}</body></html>"
    )
    return Reply(page.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": _policy(style)})


def _read_filter(question: Question) -> Filter | None:
    tags = {"tag": question.query["tag"]} if "tag" in question.query else {}
    return join(question.filter(), *parse_pairs_filter(tags, "tag", "props"))


def _read_number(query: Any, key: str) -> int | None:
    text = query.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) > 0):
        raise invalid_query(f"/{key}", f"{key} takes a whole number from 1 to 99999, not {text[:20]!r}")
    return int(text)


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _title(question: Question) -> str:
    query = question.query
    span = query.get("last") or RANGES[query.get("period", "d")]
    what = " ".join(query[key] for key in ("type", "tag") if key in query) or "all metrics"
    return f"{what} (all time)" if span == "0" else f"{what} (last {span})"


def _label(bucket: dict[str, Any], period: str) -> str:
    date = str(bucket["dateString"])
    return date[:10] if period == "d" else f"{date[:10]} {date[11:16]}"


def _write_table(buckets: list[dict[str, Any]], period: str) -> str:
    rows = "".join(
        f"<tr><td>{escape(_label(bucket, period))}</td><td>{escape(_number(bucket['sum']))}</td></tr>"
        for bucket in buckets
    )
    return f"<div><table><tr><th>Date</th><th>Content</th></tr>{rows}</table></div>"


def draw_line(buckets: list[dict[str, Any]]) -> str:
    """Return an SVG line of the buckets' sums, its extreme values and first and last date."""
    sums = [bucket["sum"] or 0 for bucket in buckets]
    if not sums:
        return "<p>No data in this range.</p>"
    low, high = min(0, *sums), max(0, *sums)
    span = (high - low) or 1
    bottom = HEIGHT - BOTTOM
    step = (WIDTH - LEFT - 8) / max(1, len(sums) - 1)
    points = [
        (LEFT + index * step, bottom - (bottom - TOP) * ((value - low) / span))
        for index, value in enumerate(sums)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    mark = (
        f'<circle class="dot" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3"/>'
        if len(sums) == 1
        else ""
    )
    labels = (
        (LEFT - 6, TOP + 4, "end", _number(high)),
        (LEFT - 6, bottom + 4, "end", _number(low)),
        (LEFT, HEIGHT - 6, "start", str(buckets[0]["dateString"])[:16].replace("T", " ")),
        (WIDTH - 8, HEIGHT - 6, "end", str(buckets[-1]["dateString"])[:16].replace("T", " ")),
    )
    texts = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{at}">{escape(text)}</text>' for x, y, at, text in labels
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Sum by period">'
        f'<path class="grid" d="M{LEFT} {TOP}H{WIDTH - 8}M{LEFT} {bottom}H{WIDTH - 8}"/>'
        f'<polyline class="line" points="{path}"/>{mark}{texts}</svg>'
    )


def _number(value: Any) -> str:
    return canonical_text(value) or ""
