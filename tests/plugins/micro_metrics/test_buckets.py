"""Hold the reports by period to the calendar: aligned, ascending, without gaps."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("query", "count", "first", "last"),
    [
        pytest.param({}, 31, "2026-10-26T00:00", "2026-11-25T00:00", id="days by default"),
        pytest.param({"period": "h"}, 39, "2026-11-24T00:00", "2026-11-25T14:00", id="hours"),
        pytest.param({"period": "m"}, 61, "2026-11-25T13:33", "2026-11-25T14:33", id="minutes"),
        pytest.param({"last": "2w"}, 15, "2026-11-11T00:00", "2026-11-25T00:00", id="weeks"),
        pytest.param({"last": "36h"}, 2, "2026-11-24T00:00", "2026-11-25T00:00", id="days of hours"),
        pytest.param(
            {"startDate": "2026-11-01", "endDate": "2026-11-03"}, 3, "2026-11-01T00:00", "2026-11-03T00:00",
            id="both dates",
        ),
        pytest.param(
            {"startDate": "2026-11-24T10:00Z"}, 2, "2026-11-24T00:00", "2026-11-25T00:00", id="open end"
        ),
    ],
)  # fmt: skip
def test_buckets_fill_their_range(query: Any, count: int, first: str, last: str, api: Any) -> None:
    buckets = api.ask("/api/report/aggregate", **query)
    assert len(buckets) == count
    assert (buckets[0]["dateString"][:16], buckets[-1]["dateString"][:16]) == (first, last)
    assert all(bucket["sum"] == 0 for bucket in buckets)


def test_all_time_reaches_from_the_first_metric_to_now(api: Any) -> None:
    assert api.ask("/api/report/aggregate", last="0") == []
    api.track(type="a", value=3, createdOn="2026-11-20T10:00:00Z")
    buckets = api.ask("/api/report/aggregate", last="0")
    assert [bucket["sum"] for bucket in buckets] == [3, 0, 0, 0, 0, 0]
    buckets = api.ask("/api/report/aggregate", endDate="2026-11-22")
    assert [bucket["sum"] for bucket in buckets] == [3, 0, 0]


def test_dates_before_1970_have_buckets(api: Any) -> None:
    api.track(type="a", value=3, createdOn="1969-12-31T23:59:59Z")
    (bucket,) = api.ask("/api/report/aggregate", startDate="1969-12-31", endDate="1969-12-31T23:59:59Z")
    assert (bucket["dateString"], bucket["date"], bucket["sum"]) == (
        "1969-12-31T00:00:00.000Z",
        "-86400000",
        3,
    )


def test_too_many_buckets_are_refused(api: Any) -> None:
    assert (
        "ask for a shorter range"
        in api.get("/api/report/aggregate", period="m", last="9999d").json["message"]
    )
    assert "period takes d" in api.refused("/api/report/aggregate", period="w")


def test_values_that_are_no_numbers_are_left_out(api: Any) -> None:
    for value in ("high", True, [5], {"a": 5}, None):
        api.track(type="a", value=value)
    assert api.ask("/api/report/aggregate")[-1]["sum"] == 0
    api.track(type="a", value=-4)
    bucket = api.ask("/api/report/aggregate", last="0d")[-1]
    assert (bucket["sum"], bucket["avg"], bucket["max"], bucket["min"]) == (-4, -4, -4, -4)


def test_aggregate_csv(api: Any) -> None:
    api.track(type="a", value=2)
    api.track(type="a", value=3)
    result = api.get("/api/report/aggregate.csv", type="a", last="1d")
    assert result.headers["content-type"] == "application/csv"
    assert result.text == (
        '"Date","Sum","Avg","Max","Min"\n"2026-11-24T00:00:00.000Z",0,0,0,0\n"2026-11-25T00:00:00.000Z",5,2.5,3,2'
    )


def track_plans(api: Any) -> None:
    """Record three plans on three days."""
    api.track(type="a", tags={"plan": "pro"}, value=1, createdOn="2026-11-23T10:00:00Z")
    api.track(type="a", tags={"plan": "free"}, value=2, createdOn="2026-11-24T10:05:00Z")
    api.track(type="a", tags={"plan": "pro"}, value=4, createdOn="2026-11-24T11:00:00Z")
    api.track(type="b", tags={"plan": "old"}, value=9, createdOn="2020-01-01")
    api.track(type="a", value=8)


def test_groupby_lists_every_value(api: Any) -> None:
    track_plans(api)
    answer = api.ask("/api/report/groupby", groupby="plan")
    assert set(answer) == {"free", "old", "pro"}
    assert answer["old"] == []
    assert answer["free"] == [
        {"_id": {"day": 24, "month": 11, "year": 2026}, "sum": 2, "avg": 2, "max": 2, "min": 2}
    ]
    assert [bucket["sum"] for bucket in answer["pro"]] == [1, 4]
    hours = api.ask("/api/report/groupby", groupby="plan", period="h", last="2d", type="a")
    assert hours["free"][0]["_id"] == {"day": 24, "month": 11, "year": 2026, "hour": 10}
    minutes = api.ask("/api/report/groupby", groupby="plan", period="m", last="2d")
    assert minutes["free"][0]["_id"] == {"day": 24, "month": 11, "year": 2026, "hour": 10, "minute": 5}
    assert api.ask("/api/report/groupby") == api.ask("/api/report/groupby", groupby="nothing") == {}


def test_groupby_csv_pairs_sums_by_date(api: Any) -> None:
    track_plans(api)
    result = api.get("/api/report/groupby.csv", groupby="plan")
    assert result.text == '"Date","Free","Old","Pro"\n"23/11/2026",0,0,1\n"24/11/2026",2,0,4'


def track_conversions(api: Any) -> None:
    """Record the conversions of an experiment."""
    for event, option in (("impression", "a"), ("impression", "b"), ("success", "a")):
        body = {"name": "test", "event": event, "option": option, "session": "123"}
        assert api.post("/api/conversion", body).status_code == 200


def test_conversion_is_a_metric(api: Any) -> None:
    body = {"name": "test", "event": "impression", "option": "a", "session": "123", "data": {"k": 1}}
    metric = api.post("/api/conversion", body).json
    assert (metric["type"], metric["value"]) == ("conversion.test", 1)
    assert metric["tags"] == {"event": "impression", "option": "a"}
    assert metric["data"] == {"k": 1, "session": "123"}
    assert metric["sessionId"] == "123"
    del body["session"]
    assert api.post("/api/conversion", body).json["data"] == {"k": 1}
    for key in ("name", "event", "option"):
        result = api.post("/api/conversion", {**body, key: None})
        assert (result.status_code, result.json["detail"]) == (400, f"{key} is missing; add it")
    assert "data takes an object" in api.post("/api/conversion", {**body, "data": [1]}).json["message"]


def test_conversion_reports(api: Any) -> None:
    track_conversions(api)
    sums = {"a - impression": 1, "b - impression": 1, "a - success": 1, "b - success": 0}
    rows = api.ask("/api/report/conversion", name="test", last="1d")
    assert rows[1] == {"dateString": "2026-11-25T00:00:00.000Z", "date": "1795564800000", **sums}
    assert set(rows[0].values()) == {"2026-11-24T00:00:00.000Z", "1795478400000", 0}
    assert len(api.ask("/api/report/conversion", name="test")) == 31
    totals = api.ask("/api/report/conversion/aggregate", name="test")
    assert totals == [
        {"option": "a", "impression": 1, "success": 1},
        {"option": "b", "impression": 1, "success": 0},
    ]
    text = api.get("/api/report/conversion.csv", name="test", last="1d").text
    assert text.split("\n")[0] == '"dateString","a - impression","b - impression","a - success","b - success"'
    assert text.split("\n")[2] == '"2026-11-25T00:00:00.000Z",1,1,1,0'
    text = api.get("/api/report/conversion/aggregate.csv", name="test").text
    assert text == '"option","impression","success"\n"a",1,1\n"b",1,0'


def test_conversion_texts_may_hold_separators(api: Any) -> None:
    body = {"name": "test", "event": "a:b,c", "option": "x=y"}
    assert api.post("/api/conversion", body).status_code == 200
    assert api.ask("/api/report/conversion/aggregate", name="test") == [{"option": "x=y", "a:b,c": 1}]


def test_conversions_are_listed(api: Any) -> None:
    track_conversions(api)
    api.track(type="not-a-conversion")
    assert api.ask("/api/conversions") == ["conversion.test"]
