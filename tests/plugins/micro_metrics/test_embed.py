"""Hold the page to embed: it draws by itself, runs nothing, and escapes what comes from outside."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

EVIL = "<script>alert('\"x\"')</script>"


def test_line_chart_is_inline_svg(api: Any) -> None:
    api.track(type="view", value=3, tags="plan:pro")
    api.track(type="view", value=1.5, createdOn="2026-11-24")
    result = api.get("/embed", type="view", last="2d", tag="plan:pro")
    assert result.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>view plan:pro (last 2d)</h1>" in result.text
    points = re.search(r'<polyline class="line" points="([^"]+)"', result.text)
    assert points
    assert [point.split(",")[1] for point in points[1].split()] == ["216.0", "216.0", "12.0"]
    assert ">3</text>" in result.text


def test_table_and_its_options(api: Any) -> None:
    api.track(type="view", value=3)
    result = api.get("/embed", chart="Table", period="h", last="1h", refresh="30", height="200")
    assert (
        "<tr><td>2026-11-25 13:00</td><td>0</td></tr><tr><td>2026-11-25 14:00</td><td>3</td></tr>"
        in result.text
    )
    assert '<meta http-equiv="refresh" content="30">' in result.text
    assert "max-height:200px" in result.text
    days = api.get("/embed", chart="Table").text
    assert "<td>2026-11-25</td><td>3</td>" in days
    assert "<h1>all metrics (last 30 days)</h1>" in days


def test_raw_is_the_aggregate(api: Any) -> None:
    api.track(type="view", value=3)
    assert api.ask("/embed", type="view", raw="1") == api.ask("/api/report/aggregate", type="view")
    assert api.get("/embed", last="0", type="nothing").status_code == 200


@pytest.mark.parametrize("key", ["type", "tag"])
def test_everything_from_outside_is_escaped(key: str, api: Any) -> None:
    result = api.get("/embed", **{key: EVIL})
    assert result.status_code == 200
    assert "<script" not in result.text
    assert "&lt;script&gt;" in result.text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("refresh", "0"),
        ("refresh", "1;url=x"),
        ("height", "a"),
        ("height", "-1"),
        ("colour", "red"),
        ("last", EVIL),
    ],
)
def test_bad_options_are_refused(key: str, value: str, api: Any) -> None:
    assert key in api.refused("/embed", **{key: value})


def test_policy_allows_the_style_and_nothing_else(api: Any) -> None:
    result = api.get("/embed", height="99")
    style = re.search("<style>(.*?)</style>", result.text)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert result.headers["content-security-policy"] == policy
    assert " style=" not in result.text
