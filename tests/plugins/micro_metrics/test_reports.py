"""Hold reports, their filters and their streams to what is promised."""

from __future__ import annotations

from typing import Any

import pytest

from openmetrics.store.base import StoreUnavailableError


def track_shop(api: Any) -> None:
    """Record three purchases of two users."""
    api.track(type="buy", tags={"currency": "dollars", "n": 1}, value=10, data={"k": "v"}, userId="u1")
    api.track(type="buy", tags={"currency": "yen"}, value=20, userId="u2", sessionId="s2")
    api.track(type="view", tags={"currency": "yen"}, value=20, userId="u2")


def test_metric_comes_back_as_stored(api: Any) -> None:
    sent = {
        "type": " buy ", "tags": {"b": 1, "a": {"x": [None]}}, "fields": "mail:m@x", "value": "1e3",
        "data": {"deep": [1, {"k": 2.5}]}, "createdOn": 1500000000000, "userId": "u1", "sessionId": "s1",
    }  # fmt: skip
    metric = api.track(**sent)
    assert metric.pop("_id")
    assert metric == {
        "type": " buy ", "tags": {"b": 1, "a": {"x": [None]}}, "tagKeys": ["b", "a"],
        "fields": {"mail": "m@x"}, "value": 1000, "data": {"deep": [1, {"k": 2.5}]},
        "createdOn": "2017-07-14T02:40:00.000Z", "userId": "u1", "sessionId": "s1",
    }  # fmt: skip
    (found,) = api.ask("/api/report")["results"]
    assert found.pop("_id")
    assert found == metric


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param(1500000000, "1970-01-18T08:40:00.000Z", id="numbers are milliseconds"),
        pytest.param("1500000000000", "2017-07-14T02:40:00.000Z", id="digits are milliseconds"),
        pytest.param("2017-07-14", "2017-07-14T00:00:00.000Z", id="date alone"),
        pytest.param("Fri, 14 Jul 2017 02:40:00 GMT", "2017-07-14T02:40:00.000Z", id="RFC 2822"),
        pytest.param("2017-07-14T04:40:00.5+02:00", "2017-07-14T02:40:00.500Z", id="offset"),
        pytest.param(None, "2026-11-25T14:33:54.567Z", id="null is now"),
        pytest.param("2027-01-01", "2026-11-25T14:33:54.567Z", id="too far ahead is now"),
        pytest.param(-62135596800000, "0001-01-01T00:00:00.000Z", id="first instant"),
    ],
)
def test_created_on_is_read(sent: Any, kept: str, api: Any) -> None:
    assert api.track(type="a", createdOn=sent)["createdOn"] == kept


@pytest.mark.parametrize("sent", ["never", True, [], 1e18, "9" * 400, "2026-02-30"])
def test_created_on_junk_is_refused(sent: Any, api: Any) -> None:
    result = api.post("/api/track", {"type": "a", "createdOn": sent})
    assert result.status_code == 400
    assert "createdOn" in result.json["message"]


def test_count_knows_all_filters(api: Any) -> None:
    track_shop(api)
    for query, wanted in (
        ({}, 3), ({"type": "buy"}, 2), ({"tags": "currency:yen"}, 2), ({"value": "20", "type": "buy"}, 1),
        ({"userId": "u2"}, 2), ({"sessionId": "s2"}, 1), ({"last": "1d"}, 3), ({"endDate": "2020-01-01"}, 0),
    ):  # fmt: skip
        assert api.ask("/api/report/count", **query) == {"count": wanted}


def test_user_filter_means_the_owner(api: Any) -> None:
    api.track(type="anonymous", sessionId="s1")
    api.track(type="login", sessionId="s1", userId="u1")
    api.track(type="other", sessionId="s2")
    assert api.found(userId="u1") == ["anonymous", "login"]
    unique = api.ask("/api/report/unique", unique="userId")
    assert (unique["count"], unique["results"][0]["_id"], unique["results"][0]["count"]) == (1, "u1", 2)


def test_unique_gathers_distinct_sets(api: Any) -> None:
    track_shop(api)
    answer = api.ask("/api/report/unique", unique="tags.currency")
    assert answer["count"] == 2
    assert answer["results"] == [
        {"_id": "dollars", "types": ["buy"], "tags": [{"currency": "dollars", "n": 1}], "values": [10],
         "data": [{"k": "v"}], "count": 1},
        {"_id": "yen", "types": ["buy", "view"], "tags": [{"currency": "yen"}], "values": [20], "data": [{}],
         "count": 2},
    ]  # fmt: skip
    assert [group["_id"] for group in api.ask("/api/report/unique", unique="value")["results"]] == [10, 20]
    assert api.ask("/api/report/unique", unique="data.k")["count"] == 1
    assert api.ask("/api/report/unique", unique="tags.nothing") == {"count": 0, "results": []}
    assert api.ask("/api/report/unique", unique="type", tags="currency:yen", value="20")["count"] == 2
    for query in ({}, {"unique": "currency"}):
        assert "unique" in api.refused("/api/report/unique", **query)


def test_unique_keeps_kinds_apart(api: Any) -> None:
    for value in (5, "5", 5.0, True, None, [5], {"a.b": 1}):
        api.track(type="a", tags={"x": value})
    answer = api.ask("/api/report/unique", unique="tags.x")
    assert [group["_id"] for group in answer["results"]] == [5, "5", True, None, [5], {"a.b": 1}]
    assert answer["results"][0]["count"] == 2
    assert api.ask("/api/report/unique", unique="tags.x.a.b")["count"] == 1


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("type=", "type is empty"),
        ("type=a&type=b", "type is given twice"),
        ("limit=5", "'limit' is not known here; known are type, tags"),
        ("data=x", "'data' is not known here"),
        ("tags=:5", "tags has a condition without a name"),
        ("last=soon", "last takes 0 (all time)"),
        ("endDate=soon", "endDate: 'soon' is no time"),
    ],
)
def test_bad_questions_are_refused_by_name(query: str, word: str, api: Any) -> None:
    result = api.client.simulate_get("/api/report", query_string=query)
    assert result.status_code == 400
    assert result.json["message"].startswith("Invalid request query input: ")
    assert word in result.json["message"]


def test_filters_add_up(api: Any) -> None:
    track_shop(api)
    query = "tags=currency:yen&tags=currency&_=1&key=ignored&period=h"
    result = api.client.simulate_get("/api/report", query_string=query)
    assert result.json["count"] == 2
    api.track(type="mail", fields={"to": "a@x"}, tags={"currency": "yen"})
    assert api.found(fields="to:a@x") == api.found(fields="to") == ["mail"]
    assert api.found(fields="to:a@x", tags="currency:dollars") == []


def track_many(api: Any, count: int) -> None:
    """Record more metrics than one page holds."""
    events = [{"type": "a", "value": n, "tags": {f"t{n % 3}": n}} for n in range(count)]
    assert api.post("/api/track/batch", {"events": events}).status_code == 200


def test_long_report_is_streamed_whole(api: Any) -> None:
    track_many(api, 5_001)
    answer = api.ask("/api/report")
    assert answer["count"] == 5_001
    assert [metric["value"] for metric in answer["results"]] == list(range(5_001))


def test_failure_inside_a_stream_is_no_complete_answer(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    track_many(api, 6_001)
    read, pages = api.server.store.events, []

    def fail_at_the_third_page(query: Any) -> Any:
        pages.append(query)
        if len(pages) == 3:
            raise StoreUnavailableError
        return read(query)

    monkeypatch.setattr(api.server.store, "events", fail_at_the_third_page)
    with pytest.raises(StoreUnavailableError):
        api.get("/api/report")
    pages.clear()
    result = api.get("/api/report.csv")
    assert (result.status_code, result.json["error"]) == (503, "Service Unavailable")
    assert result.headers["retry-after"]


def test_csv_flattens_metrics(api: Any) -> None:
    api.track(
        type='say "hi"',
        tags={"currency": "yen", "o": {"p": 1}},
        fields="a:1",
        data={"k": [1, 2]},
        userId="u,1",
    )
    api.track(type="b", tags={"units": True, "gone": None}, value=0.5, sessionId="s1", data=5)
    result = api.get("/api/report.csv")
    assert result.headers["content-type"] == "application/csv"
    assert result.text.split("\n") == [
        '"type","tags.currency","tags.o.p","tagKeys","fields","value","data.k","createdOn","userId",'
        '"tags.units","tags.gone","data","sessionId"',
        '"say ""hi""","yen",1,"currency,o","""a"":""1""",1,"[1,2]","2026-11-25T14:33:54.567Z","u,1",,,,',
        '"b",,,"units,gone","",0.5,,"2026-11-25T14:33:54.567Z",,true,,5,"s1"',
    ]


def test_long_csv_has_every_row(api: Any) -> None:
    track_many(api, 4_500)
    header, *rows = api.get("/api/report.csv").text.split("\n")
    assert header == '"type","tags.t0","tagKeys","fields","value","createdOn","tags.t1","tags.t2"'
    assert len(rows) == 4_500
    assert rows[-1].endswith(",,4499")
