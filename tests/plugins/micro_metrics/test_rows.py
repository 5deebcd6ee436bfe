"""Hold the server to every row of the table of differences between README, code and this server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

NOW = "2026-11-25T14:33:54.567Z"
DAY_MS = 86_400_000
GIF = {"content-type": "image/gif", "content-length": "43"}
ROWS: list[Any] = []


def row(title: str) -> Callable[[Callable[[Any], None]], None]:
    """Add a case whose id names its row."""
    return lambda case: ROWS.append(pytest.param(case, id=f"row {title}"))


@pytest.mark.parametrize("case", ROWS)
def test_row(case: Callable[[Any], None], api: Any) -> None:
    """Run the case of one row."""
    case(api)


@row("1 user key in POST")
def _(api: Any) -> None:
    assert api.track(type="a", userID="u1")["userId"] == "u1"
    assert api.track(type="a", userId="u2", userID="u1")["userId"] == "u2"
    assert api.track(type="a", userID=99)["userId"] == "99"
    assert "userId" not in api.track(type="a")
    assert [metric.get("userId") for metric in api.ask("/api/report")["results"]] == ["u1", "u2", "99", None]


@row("2 value of any type")
def _(api: Any) -> None:
    sent = [1, 2.5, "12", " 7 ", "1e3", "high", True, None, {"a": 1}, [1, 2], 12345678901234567890]
    kept = [1, 2.5, 12, 7, 1000, "high", True, None, {"a": 1}, [1, 2], 12345678901234567890]
    assert [api.track(type="a", value=value)["value"] for value in sent] == kept
    assert api.track(type="a")["value"] == 1
    assert [metric["value"] for metric in api.ask("/api/report")["results"]] == [*kept, 1]
    api.track(type="b", value="12")
    api.track(type="b", value="high")
    api.track(type="b", value=3)
    bucket = api.ask("/api/report/aggregate", type="b")[-1]
    assert {key: bucket[key] for key in ("sum", "avg", "max", "min")} == {
        "sum": 15, "avg": 7.5, "max": 12, "min": 3
    }  # fmt: skip


@row("3 data of any type")
def _(api: Any) -> None:
    sent = [{"a": {"b": [1]}}, [1, "x"], 5, True, "plain words", "a:1,b=2", '{"a": 1}', 0, ""]
    kept = [{"a": {"b": [1]}}, [1, "x"], 5, True, "plain words", {"a": "1", "b": "2"}, {"a": 1}, 0, ""]
    assert [api.track(type="a", data=data)["data"] for data in sent] == kept
    assert api.track(type="a")["data"] == {}
    assert api.track(type="a", data=None)["data"] == {}
    assert [metric["data"] for metric in api.ask("/api/report")["results"]] == [*kept, {}, {}]


@row("4 tags in POST")
def _(api: Any) -> None:
    tags = {"s": "x", "n": 5, "b": False, "z": None, "o": {"p": 1}, "l": [1, "a"]}
    metric = api.track(type="a", tags=tags)
    assert (metric["tags"], metric["tagKeys"]) == (tags, list(tags))
    assert api.track(type="a", tags="plan:pro,beta")["tags"] == {"plan": "pro", "beta": True}
    assert api.track(type="a", tags=["nightly", "job"])["tags"] == {"nightly": True, "job": True}
    assert api.track(type="a")["tags"] == {}
    assert api.track(type="a", tags="")["tagKeys"] == []
    for tags in (5, True, [1], [["a"]]):
        result = api.post("/api/track", {"type": "a", "tags": tags})
        assert result.status_code == 400
        assert "tags takes an object" in result.json["message"]


@row("5 separator of pairs")
def _(api: Any) -> None:
    tags = api.track(type="a", tags="var1=val1,var2:val2,url:http://x?a=b,eq=a:b,,last,")["tags"]
    assert tags == {"var1": "val1", "var2": "val2", "url": "http://x?a=b", "eq": "a:b", "last": True}


@row("6 bare tag")
def _(api: Any) -> None:
    assert api.track(type="bare", tags="beta")["tags"] == {"beta": True}
    api.track(type="given", tags={"beta": "no"})
    api.track(type="null", tags={"beta": None})
    api.track(type="other", tags="alpha")
    assert api.found(tags="beta") == ["bare", "given", "null"]


@row("7 filter by name and value")
def _(api: Any) -> None:
    api.track(type="number", tags={"n": 5})
    api.track(type="text", tags={"n": "5"})
    api.track(type="flag", tags={"flag": True})
    api.track(type="list", tags={"n": [4, 5]})
    api.track(type="both", tags={"n": 5, "flag": True})
    for separator in ":=":
        assert api.found(tags=f"n{separator}5") == ["number", "text", "list", "both"]
        assert api.found(tags=f"flag{separator}true") == ["flag", "both"]
        assert api.found(tags=f"n{separator}5,,flag,") == ["both"]
        assert api.found(tags=f"n{separator}5,n{separator}4") == ["list"]
    assert api.found(tags="n:6") == api.found(tags="nothing") == []


@row("8 dates")
def _(api: Any) -> None:
    for day in (1, 2, 3):
        api.track(type=f"day{day}", createdOn=f"2026-03-0{day}T00:00:00Z")
    assert api.found(startDate="2026-03-02") == ["day2", "day3"]
    assert api.found(endDate="2026-03-02") == ["day1", "day2"]
    assert api.found(startDate="2026-03-02", endDate="Mon, 02 Mar 2026 00:00:00 GMT") == ["day2"]
    assert api.found(startDate="2026-03-02T00:00:00.001Z") == ["day3"]
    assert api.found(startDate="2026-03-02", last="1d") == ["day2", "day3"]
    assert api.found(startDate="1772409600000") == ["day2", "day3"]
    assert api.found(startDate="2026-03-03", endDate="2026-03-01") == []
    assert "startDate" in api.refused("/api/report", startDate="soon")


@row("9 default range of report")
def _(api: Any) -> None:
    api.track(type="old", createdOn="2001-01-01")
    api.track(type="new")
    assert api.found() == api.found(last="0") == ["old", "new"]
    assert api.found(last="30d") == ["new"]


@row("10 last")
def _(api: Any) -> None:
    api.track(type="midnight", createdOn="2026-11-24T00:00:00Z")
    api.track(type="hours", createdOn="2026-11-25T11:40:00Z")
    api.track(type="now")
    api.track(type="future", createdOn="2026-11-25T14:36:00Z")
    assert api.found(last="1d") == ["midnight", "hours", "now"]
    assert api.found(last="3h") == api.found(last="2h60m") == ["hours", "now"]
    assert api.found(last="1h1d") == api.found(last="1d1h") == ["hours", "now"]
    assert api.found(last="0m") == ["now"]
    assert api.found(last="0d") == ["hours", "now"]
    assert api.found(last="1w") == ["midnight", "hours", "now"]
    for text in ("xyz", "1y", "1D", "d", "1d2", "-1d", "1d2d", "1.5h"):
        message = api.refused("/api/report", last=text)
        assert "last takes 0" in message
        assert "30d" in message


@row("11 report answer")
def _(api: Any) -> None:
    count = 12_345
    body = {
        "events": [{"type": "a", "value": n, "createdOn": 1_700_000_000_000 + n % 7} for n in range(count)]
    }
    assert len(api.post("/api/track/batch", body).json) == count
    answer = api.ask("/api/report", type="a")
    assert answer["count"] == len(answer["results"]) == count
    assert {metric["value"] for metric in answer["results"]} == set(range(count))
    times = [metric["createdOn"] for metric in answer["results"]]
    assert times == sorted(times)
    assert api.ask("/api/report", type="a,b") == {"count": 0, "results": []}


@row("12 value filter")
def _(api: Any) -> None:
    values = {"zero": 0, "five": 5, "text": "5", "half": 0.5, "high": "high", "flag": True}
    for name, value in values.items():
        api.track(type=name, value=value)
    assert api.found(value="0") == ["zero"]
    assert api.found(value="5") == api.found(value="5.0") == ["five", "text"]
    assert api.found(value="0.5") == api.found(value=".5") == ["half"]
    assert api.found(value="high") == ["high"]
    assert api.found(value="true") == ["flag"]
    assert api.ask("/api/report/count", value="0") == {"count": 1}
    big = 2**60
    api.track(type="big", value=big)
    assert api.found(value=str(big)) == ["big"]
    assert api.found(value=str(big + 1)) == []


@row("13 tags answer")
def _(api: Any) -> None:
    api.track(type="a", tags={"plan": "pro", "n": 5})
    api.track(type="a", tags={"plan": "free", "n": "5", "beta": True})
    assert api.ask("/api/tags") == {"beta": [True], "n": [5, "5"], "plan": ["free", "pro"]}
    assert api.ask("/api/tags", format="names") == ["beta", "n", "plan"]
    assert "format takes names" in api.refused("/api/tags", format="csv")


@row("14 tags filters")
def _(api: Any) -> None:
    api.track(type="a", tags={"x": 1}, fields={"mail": "m@x"}, value=3, userId="u1", createdOn="2026-01-01")
    api.track(type="b", tags={"y": 2, "x": 2}, sessionId="s1", createdOn="2026-11-25T10:00:00Z")
    assert api.ask("/api/tags", type="a") == {"x": [1]}
    assert api.ask("/api/tags", tags="y") == {"x": [2], "y": [2]}
    assert api.ask("/api/tags", fields="mail:m@x") == {"x": [1]}
    assert api.ask("/api/tags", value="3") == {"x": [1]}
    assert api.ask("/api/tags", userId="u1") == {"x": [1]}
    assert api.ask("/api/tags", sessionId="s1") == {"x": [2], "y": [2]}
    assert api.ask("/api/tags", last="1d") == {"x": [2], "y": [2]}
    assert api.ask("/api/tags", endDate="2026-06-01") == {"x": [1]}
    assert api.ask("/api/tags", type="nothing") == {}


@row("15 types answer")
def _(api: Any) -> None:
    for name in ("b", "a", "b"):
        api.track(type=name)
    assert (
        api.ask("/api/types") == api.ask("/api/types", type="ignored") == {"count": 2, "results": ["a", "b"]}
    )


@row("16 pixel")
def _(api: Any) -> None:
    query = "type=pageview&tags=tag1,tag2&userId=99"
    headers = {"User-Agent": "shot", "Referer": "http://page/"}
    result = api.client.simulate_get("/t.gif", query_string=query, headers=headers)
    assert result.status_code == 200
    assert {name: result.headers[name] for name in GIF} == GIF
    assert result.content[:6] == b"GIF89a"
    assert "no-store" in result.headers["cache-control"]
    for value in ("undefined", "null", ""):
        api.client.simulate_get("/t.gif", query_string=f"type=track&value={value}")
    metric, *tracked = api.ask("/api/report")["results"]
    assert (metric["type"], metric["userId"]) == ("pageview", "99")
    assert metric["tags"] == {"tag1": True, "tag2": True}
    assert metric["data"] == {"ip": "127.0.0.1", "userAgent": "shot", "referrer": "http://page/"}
    assert [metric["value"] for metric in tracked] == [1, 1, 1]


@row("17 pixel failure")
def _(api: Any) -> None:
    for query in ("", "tags=a", "type=", "type=a&type=b", "type=a&createdOn=never", f"type={'x' * 300}"):
        result = api.client.simulate_get("/t.gif", query_string=query)
        assert (result.status_code, len(result.content)) == (200, 43)
    assert api.ask("/api/types") == {"count": 0, "results": []}


@row("18 HEAD on pixel")
def _(api: Any) -> None:
    for path, query in (("/t.gif", "type=a"), ("/c.gif", "name=a&event=b&option=c"), ("/r", "to=/x&type=a")):
        result = api.client.simulate_head(path, query_string=query)
        assert result.status_code == (302 if path == "/r" else 200)
    assert api.ask("/api/report/count") == {"count": 0}


@row("19 unknown keys")
def _(api: Any) -> None:
    for path, body in (
        ("/api/track", {"type": "a", "colour": 1}),
        ("/api/track/batch", {"events": [], "colour": 1}),
        ("/api/conversion", {"name": "a", "event": "b", "option": "c", "colour": 1}),
    ):
        result = api.post(path, body)
        assert result.status_code == 400
        assert "colour is not known here; known are " in result.json["message"]
    api.client.simulate_get("/t.gif", query_string="type=a&_=123&cachebuster=9")
    assert api.found() == ["a"]
    for path in ("", "/count", "/unique", "/aggregate", "/groupby", "/conversion"):
        assert "'colour' is not known here" in api.refused(f"/api/report{path}", colour="red")


@row("20 batch")
def _(api: Any) -> None:
    events = [
        {"type": "a", "userID": "u1", "sessionId": "s1", "fields": "mail:m@x"},
        {"type": "b", "userId": "u2", "value": 2, "tags": "x:1", "createdOn": "2026-11-01T00:00:00.000Z"},
    ]
    first, second = api.post("/api/track/batch", {"events": events}).json
    assert (first["userId"], first["sessionId"], first["fields"]) == ("u1", "s1", {"mail": "m@x"})
    assert (second["value"], second["tags"], second["createdOn"]) == (
        2,
        {"x": "1"},
        "2026-11-01T00:00:00.000Z",
    )
    assert "data" not in second
    result = api.post("/api/track/batch", {"events": []})
    assert (result.status_code, result.json) == (200, [])
    for body in ({}, {"events": {"type": "a"}}, [], {"events": None}):
        assert api.post("/api/track/batch", body).status_code == 400


@row("21 batch with a bad event")
def _(api: Any) -> None:
    events = [{"type": "a"}, {"type": ""}, 5, {"type": "b", "tags": 5}, {"type": "c", "createdOn": "never"}]
    result = api.post("/api/track/batch", {"events": [*events, {"type": "d"}]})
    assert result.status_code == 200
    rows = result.json
    assert [metric.get("type") for metric in rows] == ["a", None, None, None, None, "d"]
    for index, key in ((1, "type"), (2, "one JSON object"), (3, "tags"), (4, "createdOn")):
        error = rows[index]
        assert (error["statusCode"], error["error"], error["index"]) == (400, "Bad Request", index)
        assert key in error["message"]
    assert api.found() == ["a", "d"]
    result = api.post("/api/track/batch", {"events": events[1:3]})
    assert (result.status_code, result.json["statusCode"]) == (400, 400)


@row("22 missing content type")
def _(api: Any) -> None:
    result = api.client.simulate_post("/api/track/batch", body=b'{"events":[{"type":"a"}]}')
    assert (result.status_code, result.json[0]["type"]) == (200, "a")


@row("23 JSON under other content types")
def _(api: Any) -> None:
    for kind in ("text/plain", "application/vnd.api+json", "text/plain;charset=UTF-8", "application/json"):
        assert api.post("/api/track", {"type": "a"}, headers={"Content-Type": kind}).status_code == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    metric = api.post("/api/track", b"type=a+b&value=3&tags=x%3A1&userId=7", headers=form).json
    assert (metric["type"], metric["value"], metric["tags"], metric["userId"]) == ("a b", 3, {"x": "1"}, "7")
    assert api.post("/api/track", b'{"type":"curl"}', headers=form).json["type"] == "curl"
    result = api.post("/api/track", b"<a/>", headers={"Content-Type": "application/xml"})
    assert (result.status_code, result.json["error"]) == (415, "Unsupported Media Type")


@row("24 CORS")
def _(api: Any) -> None:
    origin = {"Origin": "https://page.example"}
    results = [
        api.post("/api/track", {"type": "a"}, headers=origin),
        api.post("/api/track", {}, headers=origin),
        api.client.simulate_get("/t.gif", query_string="type=a", headers=origin),
    ]
    for result in results:
        assert result.headers["access-control-allow-origin"] == "*"


@row("25 wrong method")
def _(api: Any) -> None:
    for result in (api.client.simulate_get("/api/track"), api.client.simulate_delete("/api/report")):
        assert result.status_code == 405
        assert result.headers["allow"]
        assert (result.json["statusCode"], result.json["error"]) == (405, "Method Not Allowed")


@row("26 trailing slash")
def _(api: Any) -> None:
    assert api.post("/api/track/", {"type": "a"}).status_code == 200
    assert api.ask("/api/report/", type="a")["count"] == 1
    for path in ("/r", "/r/"):
        result = api.get(path, to="http://x/", type="click")
        assert (result.status_code, result.headers["location"]) == (302, "http://x/")
    assert api.ask("/api/report/count/", type="click") == {"count": 2}


@row("27 redirect with bad tracking data")
def _(api: Any) -> None:
    for query in (
        {},
        {"type": ""},
        {"type": "x" * 300},
        {"unknown": "1"},
        {"type": "a", "createdOn": "never"},
    ):
        result = api.get("/r", to="/page", **query)
        assert (result.status_code, result.headers["location"]) == (302, "/page")
    for target in (
        "//evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        " http://x",
        "ftp://x",
        "page",
    ):
        assert "to takes an address" in api.refused("/r", to=target, type="a")
    assert api.ask("/api/report/count") == {"count": 0}


@row("28 error body")
def _(api: Any) -> None:
    cases = [
        (b"{}", 400, "Invalid request payload input: type is missing; add it"),
        (b'{"type":5}', 400, "Invalid request payload input: type takes a text"),
        (b'{"type":"a","sessionId":""}', 400, "Invalid request payload input: sessionId is empty"),
        (b"{", 400, "Invalid request payload JSON format: "),
        (b"", 400, "Invalid request payload JSON format: "),
        (b"null", 400, "Invalid request payload input: the body takes one JSON object"),
        (
            b'{"type":"' + b"x" * 1_048_576 + b'"}',
            413,
            "Payload content length greater than maximum allowed: 1048576",
        ),
    ]
    for body, status, message in cases:
        result = api.post("/api/track", body)
        assert result.status_code == result.json["statusCode"] == status
        assert result.json["message"].startswith(message)
        assert set(result.json) == {"statusCode", "error", "message", "detail"}
        assert result.headers["content-type"] == "application/json; charset=utf-8"
    assert result.json["error"] == "Request Entity Too Large"


@row("29 empty report.csv")
def _(api: Any) -> None:
    result = api.get("/api/report.csv")
    assert (result.status_code, result.text) == (200, "")
    assert result.headers["content-type"] == "application/csv"


@row("30 hour buckets")
def _(api: Any) -> None:
    api.track(type="a", value=2, createdOn="2026-11-25T12:10:00Z")
    api.track(type="a", value=4, createdOn="2026-11-25T12:50:00Z")
    api.track(type="a", value=5)
    buckets = api.ask("/api/report/aggregate", period="h", last="3h")
    assert [bucket["dateString"][11:19] for bucket in buckets] == [
        "11:00:00",
        "12:00:00",
        "13:00:00",
        "14:00:00",
    ]
    assert [bucket["sum"] for bucket in buckets] == [0, 6, 0, 5]
    assert buckets[1] == {
        "dateString": "2026-11-25T12:00:00.000Z", "date": "1795608000000", "sum": 6, "avg": 3,
        "max": 4, "min": 2,
    }  # fmt: skip
    assert buckets[2] == {
        "dateString": "2026-11-25T13:00:00.000Z", "date": "1795611600000", "sum": 0, "avg": 0,
        "max": 0, "min": 0,
    }  # fmt: skip


@row("31 unknown conversion name")
def _(api: Any) -> None:
    assert api.ask("/api/report/conversion", name="nothing") == []
    assert api.ask("/api/report/conversion/aggregate", name="nothing") == []
    assert "name is missing" in api.refused("/api/report/conversion")


@row("32 read after write")
def _(api: Any) -> None:
    for number in range(5):
        api.track(type=f"t{number}", tags={f"k{number}": 1})
        assert api.ask("/api/report/count") == {"count": number + 1}
        assert api.ask("/api/types")["count"] == number + 1
        assert len(api.ask("/api/tags")) == number + 1


@row("33 proxies")
def _(api: Any) -> None:
    for headers in ({"X-Real-IP": "10.1.1.1"}, {"X-Forwarded-For": "10.2.2.2"}, {}):
        api.client.simulate_get("/t.gif", query_string="type=a&data=ip:spoofed,k:v", headers=headers)
    found = [metric["data"] for metric in api.ask("/api/report")["results"]]
    assert [data["ip"] for data in found] == ["10.1.1.1", "127.0.0.1", "127.0.0.1"]
    assert [data["k"] for data in found] == ["v", "v", "v"]


def test_rows_are_complete() -> None:
    """Every row of the table, 1 to 33, has its case."""
    numbers = [int(str(case.id).split()[1]) for case in ROWS]
    assert numbers == list(range(1, 34))
    assert json.dumps(NOW)
