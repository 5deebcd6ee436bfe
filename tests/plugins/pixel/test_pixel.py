"""Hold the pixels and the redirect to their promise: the visitor never notices."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from openmetrics.errors import OpenMetricsError
from openmetrics.testing.client import Running


def get(site: Running, address: str, **headers: str) -> Any:
    """Get an address as it stands, query included."""
    path, _, query = address.partition("?")
    return site.client.simulate_get(path, query_string=query, headers=headers)


def metrics(site: Running) -> list[Any]:
    """Return all metrics."""
    return list(get(site, "/api/report").json["results"])


def fail_to_append(lines: bytes) -> None:
    """Stand for a spool without room."""
    raise OpenMetricsError("buffer-full", "The buffer is full; try again in a minute.", retry_after_s=60)


def test_query_values_are_text(site: Running) -> None:
    get(
        site,
        "/t.gif?type=a+b&tags=isMobile:false,url:%2Fx%3Fa%3Db&value=3.5&userId=99&sessionId=s%201&fields=m:1",
    )
    (metric,) = metrics(site)
    assert metric["type"] == "a b"
    assert metric["tags"] == {"isMobile": "false", "url": "/x?a=b"}
    assert (metric["value"], metric["userId"], metric["sessionId"]) == (3.5, "99", "s 1")
    assert metric["fields"] == {"m": "1"}


def test_absent_words_and_repeated_keys(site: Running) -> None:
    get(site, "/t.gif?type=a&userId=undefined&sessionId=null&value=&tags=x:1&tags=y&createdOn=")
    (metric,) = metrics(site)
    assert metric["tags"] == {"x": "1", "y": True}
    assert metric["value"] == 1
    assert "userId" not in metric
    assert "sessionId" not in metric


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ("k:v,l=w", {"k": "v", "l": "w"}),
        ("plain", {"plain": True}),
        ('{"a":1}', {"a": 1}),
        ("ip:x,referrer:y", {}),
    ],
)
def test_data_is_completed_and_cannot_spoof(data: str, kept: Any, site: Running) -> None:
    get(site, f"/t.gif?type=a&data={quote(data)}")
    (metric,) = metrics(site)
    assert metric["data"].pop("userAgent", None)
    assert metric["data"] == {**kept, "ip": "127.0.0.1", "referrer": ""}


def test_conversion_pixel(site: Running) -> None:
    get(site, "/c.gif?name=test&event=impression&option=a&session=123&data=k:v&_=9", Referer="http://p/")
    get(site, "/c.gif?name=test&event=success&option=undefined&session=undefined&data=")
    (metric,) = metrics(site)
    assert (metric["type"], metric["tags"]) == ("conversion.test", {"event": "impression", "option": "a"})
    assert metric["data"]["session"] == "123"
    assert (metric["data"]["k"], metric["data"]["referrer"]) == ("v", "http://p/")


def test_full_buffer_is_told_by_the_status(site: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        site.server.pipeline, "_spool", type("Full", (), {"append": staticmethod(fail_to_append)})
    )
    result = get(site, "/t.gif?type=a")
    assert (result.status_code, len(result.content)) == (503, 43)
    assert result.headers["content-type"] == "image/gif"
    assert result.headers["retry-after"] == "60"
    assert get(site, "/r?to=/x&type=a").headers["location"] == "/x"


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("https://shop.example/a?b=c#d", "https://shop.example/a?b=c#d"),
        ("HTTP://shop.example", "HTTP://shop.example"),
        ("/thanks?x=1", "/thanks?x=1"),
        ("https://x/ä b", "https://x/%C3%A4%20b"),
        ("https://x/%C3%A4", "https://x/%C3%A4"),
        ("/", "/"),
    ],
)
def test_redirect_goes_on(target: str, location: str, site: Running) -> None:
    for path in ("/r", "/r/"):
        result = get(site, f"{path}?to={quote(target, safe='')}&type=email.click&tags=")
        assert (result.status_code, result.headers["location"]) == (302, location)
    assert [metric["type"] for metric in metrics(site)] == ["email.click", "email.click"]


@pytest.mark.parametrize(
    "target",
    ["//evil", "/\\evil", "\\\\evil", "javascript:alert(1)", "data:text/html,x", "http:evil", "http:///evil",
     " https://x", "/a\r\nSet-Cookie: x", "/\t/evil", "\x00/x", "evil", "mailto:a@b", "https:\\\\evil"],
)  # fmt: skip
def test_redirect_refuses_other_targets(target: str, site: Running) -> None:
    result = get(site, f"/r?to={quote(target, safe='')}&type=a")
    assert (result.status_code, result.json["statusCode"]) == (400, 400)
    assert "to takes an address" in result.json["message"]
    assert "location" not in result.headers
    assert metrics(site) == []


@pytest.mark.parametrize("query", ["", "type=a", "to=&type=a"])
def test_redirect_without_target_says_so(query: str, site: Running) -> None:
    result = get(site, f"/r?{query}")
    assert (result.status_code, result.json) == (200, {"err": "must provide a location to redirect"})
    assert metrics(site) == []


def test_bytes_that_are_no_text_survive_the_redirect(site: Running) -> None:
    assert get(site, "/r?to=https://x/%FF%E4&type=a").headers["location"] == "https://x/%FF%E4"
