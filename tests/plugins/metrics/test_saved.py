"""Metrics and dashboards are saved, refused when they make no sense, and answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openmetrics.testing.client import Running, running

WEEKLY = {
    "label": "Back by week",
    "description": "Who comes back.",
    "analysis": "retention",
    "params": {"interval": "week", "periods": 1, "timezone": "Europe/Berlin"},
}


@pytest.fixture
def app() -> Iterator[Running]:
    """An application with a metric."""
    with running() as application:
        assert put(application, "metrics/weekly", WEEKLY).status_code == 201
        yield application


def put(app: Running, path: str, document: Any) -> Any:
    return app.client.simulate_put(f"/v1/{path}", json=document)


def get(app: Running, path: str, **params: str) -> Any:
    return app.client.simulate_get(f"/v1/{path}", params=params)


def pointers(response: Any) -> list[str]:
    assert (response.status_code, response.json["code"]) == (422, "invalid-query"), response.text
    return [row["pointer"] for row in response.json["errors"]]


def test_metric_is_kept_as_it_was_put(app: Running) -> None:
    found = get(app, "metrics/weekly")
    version = found.headers["etag"].strip('"')
    assert found.json == {"id": "weekly", **WEEKLY, "version": version}
    assert get(app, "metrics").json == {"metrics": [found.json]}
    assert put(app, "metrics/weekly", {**found.json, "label": "B"}).json["label"] == "B"
    assert put(app, "metrics/weekly", {**found.json, "label": "C"}).json["code"] == "conflict"


def test_metric_is_answered_with_its_version(app: Running) -> None:
    answer = get(app, "metrics/weekly/answer").json
    assert (answer["metric"], answer["label"]) == ("weekly", "Back by week")
    assert answer["version"] == get(app, "metrics/weekly").json["version"]
    assert answer["definition"]["interval"] == "week"
    asked = app.client.simulate_post("/v1/analyses/retention", json=answer["definition"]).json
    assert asked["cohorts"] == answer["cohorts"]


def test_metric_takes_another_range_and_zone(app: Running) -> None:
    answer = get(app, "metrics/weekly/answer", **{"from": "2026-01-01", "to": "2026-02-01"}).json
    assert answer["range"] == {"from": "2025-12-31T23:00:00.000Z", "to": "2026-01-31T23:00:00.000Z"}
    given = {"from": "2026-01-01", "to": "2026-02-01", "timezone": "UTC"}
    assert get(app, "metrics/weekly/answer", **given).json["range"]["from"] == "2026-01-01T00:00:00.000Z"
    days = get(app, "metrics/weekly/answer", last="2w").json["cohorts"]
    assert len(days) in (2, 3)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"last": "soon"}, "/last"),
        ({"last": "7d", "from": "2026-01-01"}, "/from"),
        ({"to": "2026-01-01"}, "/from"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "/to"),
        ({"timezone": "Mars"}, "/timezone"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_metric_asked_badly_points_at_the_parameter(app: Running, given: Any, pointer: str) -> None:
    assert pointers(get(app, "metrics/weekly/answer", **given)) == [pointer]


def test_metric_that_is_unknown_is_not_found(app: Running) -> None:
    for path in ("metrics/none/answer", "metrics/none", "metrics/NONE/answer"):
        response = get(app, path)
        assert (response.status_code, response.json["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"analysis": "divination"}, "/analysis"),
        ({"params": {"intervall": "day"}}, "/params/intervall"),
        ({"params": {"range": {"last": "x"}}}, "/params/range/last"),
        ({"params": {"start": {"filter": {"segment": "gold"}}}}, "/params/start/filter/segment"),
        ({"params": {"compare_segments": ["gold", "pro"]}}, "/params/compare_segments/0"),
        ({"params": 1}, "/params"),
        ({"label": ""}, "/label"),
        ({"colour": 1}, "/colour"),
    ],
)
def test_metric_that_cannot_be_asked_is_refused(app: Running, change: Any, pointer: str) -> None:
    assert pointers(put(app, "metrics/bad", {**WEEKLY, **change})) == [pointer]
    assert get(app, "metrics/bad").status_code == 404


def test_dashboard_shows_metrics_that_exist(app: Running) -> None:
    tiles = [{"metric": "weekly"}, {"metric": "weekly", "title": "T", "kind": "line", "width": 6}]
    made = put(app, "dashboards/home", {"label": "Home", "tiles": tiles})
    assert (made.status_code, made.json["tiles"]) == (201, tiles)
    assert get(app, "dashboards").json == {"dashboards": [get(app, "dashboards/home").json]}
    wrong = [{"metric": "weekly"}, {"metric": "none"}]
    assert pointers(put(app, "dashboards/home", {"label": "x", "tiles": wrong})) == ["/tiles/1/metric"]
    wide = {"label": "x", "tiles": [{"metric": "weekly", "width": 13}]}
    assert pointers(put(app, "dashboards/home", wide)) == ["/tiles/0/width"]


def test_what_is_in_use_is_not_deleted(app: Running) -> None:
    put(app, "segments/pro", {"label": "Pro", "users": ["ann"]})
    put(app, "metrics/pro", {**WEEKLY, "params": {"filter": {"all": [{"segment": "pro"}]}}})
    put(app, "metrics/both", {**WEEKLY, "params": {"compare_segments": ["pro", "pro"]}})
    put(app, "metrics/split", {**WEEKLY, "params": {"breakdown": {"segment": "pro"}}})
    put(app, "dashboards/home", {"label": "Home", "tiles": [{"metric": "weekly"}]})
    refused = app.client.simulate_delete("/v1/segments/pro")
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert refused.json["used_by"] == ["metric both", "metric pro", "metric split"]
    refused = app.client.simulate_delete("/v1/metrics/weekly")
    assert (refused.json["code"], refused.json["used_by"]) == ("conflict", ["dashboard home"])
    for path in (
        "dashboards/home",
        "metrics/weekly",
        "metrics/pro",
        "metrics/both",
        "metrics/split",
        "segments/pro",
    ):
        assert app.client.simulate_delete(f"/v1/{path}").status_code == 204, path


def test_metric_with_sides_is_answered(app: Running) -> None:
    put(app, "segments/pro", {"label": "Pro", "users": ["ann"]})
    put(app, "metrics/both", {**WEEKLY, "params": {"compare_segments": ["pro", "pro"]}})
    assert len(get(app, "metrics/both/answer", last="7d").json["sides"]) == 2


def test_metric_whose_analysis_is_switched_off_says_so() -> None:
    with running(plugins_disabled="retention") as app:
        refused = put(app, "metrics/weekly", WEEKLY)
        assert pointers(refused) == ["/analysis"]
        assert "retention" in refused.json["detail"]
