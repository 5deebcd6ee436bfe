"""Segments are saved with versions, refused when they make no sense, and meant by every question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openmetrics.http.keys import create_key
from openmetrics.testing.client import Running, running

PRO = {"label": "Pro", "filter": {"field": "user.plan", "op": "eq", "value": "pro"}}
ENGINES = (
    "memory",
    "duckdb",
    pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
)


@pytest.fixture(params=ENGINES)
def app(request: pytest.FixtureRequest) -> Iterator[Running]:
    """An application on each engine."""
    settings = {"store": request.param}
    if request.param == "elasticsearch":
        settings["elasticsearch_url"] = request.getfixturevalue("elasticsearch_url")
        settings["elasticsearch_index_prefix"] = request.getfixturevalue("index_prefix")
    with running(**settings) as application:
        yield application


@pytest.fixture
def plain() -> Iterator[Running]:
    """An application on the memory store."""
    with running() as application:
        yield application


def put(app: Running, id: str, document: Any, **headers: str) -> Any:
    return app.client.simulate_put(f"/v1/segments/{id}", json=document, headers=headers)


def test_segment_is_put_got_listed_and_deleted_by_version(app: Running) -> None:
    made = put(app, "pro", PRO)
    assert (made.status_code, made.json["label"], made.json["filter"]) == (201, "Pro", PRO["filter"])
    tag = made.headers["etag"]
    assert tag == f'"{made.json["version"]}"'
    got = app.client.simulate_get("/v1/segments/pro")
    assert (got.json, got.headers["etag"]) == (made.json, tag)
    changed = put(app, "pro", {**got.json, "label": "Paying"})
    assert (changed.status_code, changed.json["label"]) == (200, "Paying")
    assert changed.headers["etag"] != tag
    for stale in (put(app, "pro", PRO, **{"If-Match": tag}), put(app, "pro", got.json)):
        assert (stale.status_code, stale.json["code"]) == (409, "conflict")
    again = put(app, "pro", PRO, **{"If-Match": changed.headers["etag"]})
    assert again.status_code == 200
    assert put(app, "all", {"label": "Some", "users": ["ann", 7, "ann"]}).json["users"] == ["ann", "7"]
    listed = app.client.simulate_get("/v1/segments").json["segments"]
    assert [row["id"] for row in listed] == ["all", "pro"]
    assert listed[1] == again.json
    refused = app.client.simulate_delete("/v1/segments/pro", headers={"If-Match": tag})
    assert refused.json["code"] == "conflict"
    gone = app.client.simulate_delete("/v1/segments/pro", headers={"If-Match": again.headers["etag"]})
    assert gone.status_code == 204
    for response in (
        app.client.simulate_delete("/v1/segments/pro"),
        app.client.simulate_get("/v1/segments/pro"),
    ):
        assert (response.status_code, response.json["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("headers", "id"),
    [({"If-Match": '"1"'}, "new"), ({"If-Match": "*"}, "new"), ({"If-None-Match": "*"}, "old")],
)
def test_segment_conditions_that_fail_change_nothing(
    plain: Running, assert_problem: Callable[..., Any], headers: dict[str, str], id: str
) -> None:
    put(plain, "old", PRO)
    assert_problem(put(plain, id, {"label": "x", "users": []}, **headers), "conflict")
    assert [row["label"] for row in plain.client.simulate_get("/v1/segments").json["segments"]] == ["Pro"]
    assert put(plain, "old", PRO, **{"If-Match": "*"}).status_code == 200
    assert put(plain, "new", PRO, **{"If-None-Match": "*"}).status_code == 201


@pytest.mark.parametrize(
    ("id", "document", "pointer"),
    [
        ("B", PRO, "/id"),
        ("a" * 65, PRO, "/id"),
        ("a", {**PRO, "id": "b"}, "/id"),
        ("a", [], ""),
        ("a", {"label": "x"}, "/filter"),
        ("a", {**PRO, "users": []}, "/users"),
        ("a", {"filter": {"all": []}}, "/label"),
        ("a", {**PRO, "label": ""}, "/label"),
        ("a", {**PRO, "colour": 1}, "/colour"),
        ("a", {"label": "x", "filter": {"field": "user.a", "op": "is", "value": 1}}, "/filter/op"),
        ("a", {"label": "x", "filter": {"any": [{"segment": "gold"}]}}, "/filter/any/0/segment"),
        ("a", {"label": "x", "filter": {"not": {"segment": "a"}}}, "/filter/not/segment"),
        (
            "pro",
            {"label": "x", "filter": {"did": {"filter": {"segment": "loop"}}}},
            "/filter/did/filter/segment",
        ),
        ("a", {"label": "x", "users": ["a", "ü" * 256 + "é"]}, "/users/1"),
        ("a", {"label": "x", "users": ["🙂" * 129]}, "/users/0"),
        ("a", {"label": "x", "users": ["a", "\u0001"]}, "/users/1"),
        ("a", {"label": "x", "users": [None]}, "/users/0"),
    ],
)
def test_segment_that_makes_no_sense_is_refused(
    plain: Running, assert_problem: Callable[..., Any], id: str, document: Any, pointer: str
) -> None:
    put(plain, "pro", PRO)
    put(plain, "loop", {"label": "Not pro", "filter": {"not": {"segment": "pro"}}})
    assert_problem(put(plain, id, document), "invalid-query", pointer)


def test_segment_in_use_is_not_deleted(plain: Running, assert_problem: Callable[..., Any]) -> None:
    put(plain, "pro", PRO)
    put(plain, "others", {"label": "Others", "filter": {"not": {"segment": "pro"}}})
    problem = assert_problem(plain.client.simulate_delete("/v1/segments/pro"), "conflict")
    assert problem["used_by"] == ["segment others"]
    assert "segment others" in problem["detail"]
    assert plain.client.simulate_delete("/v1/segments/others").status_code == 204
    assert plain.client.simulate_delete("/v1/segments/pro").status_code == 204


def test_segment_changes_need_an_admin_key(assert_problem: Callable[..., Any]) -> None:
    with running(host="0.0.0.0") as app:
        scopes = ("read", "admin", "write")
        keys = {scope: create_key(app.server.store, app.server.clock, scope) for scope in scopes}  # type: ignore[arg-type]
        header = {scope: {"Authorization": f"Bearer {key}"} for scope, key in keys.items()}
        assert put(app, "pro", PRO, **header["admin"]).status_code == 201
        assert app.client.simulate_get("/v1/segments/pro", headers=header["read"]).status_code == 200
        assert_problem(put(app, "pro", PRO, **header["read"]), "forbidden")
        assert_problem(app.client.simulate_delete("/v1/segments/pro", headers=header["read"]), "forbidden")
        assert_problem(app.client.simulate_get("/v1/segments", headers=header["write"]), "forbidden")


def test_segment_put_by_many_at_once_is_made_once(plain: Running) -> None:
    found: list[int] = []

    def work(number: int) -> None:
        found.append(put(plain, "pro", {"label": f"by {number}", "users": []}).status_code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * 7 + [201]


def test_segment_narrows_breaks_down_and_compares(app: Running) -> None:
    events = [
        {"name": name, "user_id": user, "time": "2026-11-02T10:00:00Z"}
        for user, names in (("ann", ("open", "buy", "buy")), ("bob", ("open", "buy")), ("cy", ("open",)))
        for name in names
    ]
    app.client.simulate_post("/v1/collect", json=[*events, {"name": "open", "session_id": "s"}])
    app.client.simulate_post("/v1/identify", json={"user_id": "cy", "properties": {"plan": "pro"}})
    put(app, "pro", PRO)
    put(app, "twice", {"label": "Bought twice", "filter": {"did": {"event": "buy", "at_least": 2}}})
    put(app, "buyers", {"label": "Bought", "filter": {"field": "name", "op": "eq", "value": "buy"}})
    put(
        app,
        "neither",
        {"label": "x", "filter": {"not": {"any": [{"segment": "pro"}, {"segment": "buyers"}]}}},
    )
    put(app, "list", {"label": "List", "users": ["ann", "nobody"]})
    sizes = {}
    for id in ("pro", "twice", "buyers", "neither", "list"):
        question = {"range": {"from": "2026-11-01", "to": "2026-12-01"}, "interval": "month"}
        answer = app.client.simulate_post(
            "/v1/analyses/retention", json={**question, "filter": {"segment": id}}
        )
        sizes[id] = answer.json["cohorts"][0]["size"]
    assert sizes == {"pro": 1, "twice": 1, "buyers": 2, "neither": 1, "list": 1}
    sides = app.client.simulate_post(
        "/v1/analyses/retention",
        json={**question, "breakdown": {"segment": "buyers"}, "compare_segments": ["twice", "pro"]},
    ).json["sides"]
    assert [side["cohorts"][0]["size"] for side in sides] == [1, 1]
    assert [[group["value"] for group in side["groups"]] for side in sides] == [["in"], ["out"]]


def test_segment_counts_from_the_moment_of_the_question(plain: Running) -> None:
    event = {"name": "open", "user_id": "ann", "time": "2020-01-01T00:00:00Z"}
    plain.client.simulate_post("/v1/collect", json=event)
    put(plain, "lately", {"label": "Lately", "filter": {"did": {"event": "open", "within": {"last": "1d"}}}})
    question = {"range": {"from": "2019-01-01"}, "interval": "month", "filter": {"segment": "lately"}}
    for sizes in (0, 1):
        answer = plain.client.simulate_post("/v1/analyses/retention", json={**question, "periods": 0}).json
        assert max(row["size"] for row in answer["cohorts"]) == sizes
        plain.client.simulate_post("/v1/collect", json={"name": "open", "user_id": "ann"})
