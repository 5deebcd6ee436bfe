"""Every code of the table of problems can be provoked, and always has the same shape."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from openmetrics.errors import PROBLEMS
from openmetrics.store.base import StoreUnavailableError

EVENT = {"name": "signup", "user_id": "ada", "session_id": "s1"}


def test_problem_malformed_json(app: Any, assert_problem: Any) -> None:
    for body in (
        "",
        "{",
        '{"name": "a"',
        "[1,",
        "nonsense",
        '{"name": "\ud800"}'.encode("utf-8", "surrogatepass"),
    ):
        assert_problem(app.client.simulate_post("/v1/collect", body=body), "malformed-json", "")


def test_problem_unauthenticated(start: Any, assert_problem: Any) -> None:
    with start(host="0.0.0.0") as app:
        for headers in ({}, {"Authorization": "Bearer om_read_wrong"}, {"Authorization": "Basic eDp5"}):
            response = app.client.simulate_get("/v1/users", headers=headers)
            assert_problem(response, "unauthenticated")
            assert response.headers["www-authenticate"] == "Bearer"


def test_problem_forbidden(app: Any, assert_problem: Any) -> None:
    response = app.client.simulate_get("/v1/users", headers={"Host": "evil.example"})
    assert_problem(response, "forbidden")


def test_problem_not_found(app: Any, assert_problem: Any) -> None:
    for path in ("/nope", "/v1", "/v1/nope", "/v1/users/nobody", "/static/none.css", "/v1/users/a/b/c"):
        assert_problem(app.client.simulate_get(path), "not-found")


def test_problem_method_not_allowed(app: Any, assert_problem: Any) -> None:
    response = app.client.simulate_delete("/v1/collect")
    assert_problem(response, "method-not-allowed")
    assert "POST" in response.headers["allow"]


def test_problem_conflict(app: Any, assert_problem: Any) -> None:
    for user in ("a", "b"):
        app.client.simulate_post("/v1/collect", json={"name": "open", "user_id": user})
    assert app.client.simulate_post("/v1/users/a/merge", json={"from": "b"}).status_code == 200
    assert_problem(app.client.simulate_post("/v1/users/b/merge", json={"from": "a"}), "conflict")


def test_problem_payload_too_large(start: Any, assert_problem: Any) -> None:
    with start(body_bytes=100) as app:
        response = app.client.simulate_post("/v1/collect", json=[EVENT] * 10)
        assert_problem(response, "payload-too-large")
        long = app.client.simulate_get("/v1/users", query_string="prefix=" + "x" * 300_000)
        assert_problem(long, "payload-too-large")


def test_problem_unsupported_media_type(app: Any, assert_problem: Any) -> None:
    response = app.client.simulate_post("/x/faults/picky", body="a: 1", headers={"Content-Type": "text/yaml"})
    assert_problem(response, "unsupported-media-type")


def test_problem_schema_violation(app: Any, assert_problem: Any) -> None:
    response = app.client.simulate_post("/v1/collect", json={"name": "signup", "user": "ada"})
    document = assert_problem(response, "schema-violation", "/user")
    assert document["accepted"] == 0
    assert document["rejected"][0]["index"] == 0


@pytest.mark.parametrize(
    ("address", "pointer"),
    [
        ("/v1/users?limit=5", "/limit"),
        ("/v1/users?page_size=0", "/page_size"),
        ("/v1/users?page_size=1001", "/page_size"),
        ("/v1/users?page_size=1&page_size=2", "/page_size"),
        ("/v1/users?cursor=nonsense", "/cursor"),
        ("/v1/users?filter=5", "/filter"),
        ("/v1/catalog/values", "/property"),
        ("/v1/catalog/values?property=fields.mail", "/property"),
        ("/v1/catalog/events?from=soon", "/from"),
        ("/v1/catalog/events?from=2026-02-01&to=2026-01-01", "/to"),
        ("/v1/live?after=5", "/cursor"),
        ("/v1/users/-", "/id"),
        ("/v1/users/ada?id=ada", "/id"),
    ],
)
def test_problem_invalid_query(app: Any, assert_problem: Any, address: str, pointer: str) -> None:
    assert_problem(app.client.simulate_get(address), "invalid-query", pointer)


def test_problem_query_too_large(app: Any, assert_problem: Any) -> None:
    app.client.simulate_post("/v1/collect", json=[{"name": "a"}, {"name": "b"}])
    assert_problem(app.client.simulate_get("/x/faults/busy"), "query-too-large")


def test_problem_rate_limited(start: Any, assert_problem: Any) -> None:
    with start(rate_limit_per_s=1) as app:
        answers = [app.client.simulate_post("/v1/collect", json=EVENT) for _ in range(4)]
        assert [answer.status_code for answer in answers[:2]] == [202, 202]
        assert_problem(answers[3], "rate-limited")
        assert answers[3].headers["ratelimit-limit"] == "1"
        assert int(answers[3].headers["ratelimit-reset"]) >= 1


def test_problem_internal(app: Any, assert_problem: Any, caplog: pytest.LogCaptureFixture) -> None:
    response = app.client.simulate_get("/x/faults/broken")
    document = assert_problem(response, "internal")
    assert "secret" not in response.text
    assert document["request_id"] in caplog.text
    assert "secret of the plugin" in caplog.text


def test_problem_buffer_full(start: Any, assert_problem: Any) -> None:
    with start(spool_bytes=10) as app:
        assert_problem(app.client.simulate_post("/v1/collect", json=EVENT), "buffer-full")


def test_problem_store_unavailable(app: Any, assert_problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(query: object) -> object:
        raise StoreUnavailableError

    monkeypatch.setattr(app.server.store, "values", refuse)
    assert_problem(app.client.simulate_get("/v1/catalog/events"), "store-unavailable")


def test_problem_preparing(start: Any, assert_problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    with start(query_timeout_s=0.3) as app:
        write = app.server.store.write

        def wait(lines: bytes) -> Any:
            free.wait(20)
            return write(lines)

        monkeypatch.setattr(app.server.store, "write", wait)
        try:
            app.client.simulate_post("/v1/collect", json=EVENT)
            document = assert_problem(app.client.simulate_get("/v1/catalog/events"), "preparing")
            assert document["backlog_bytes"] > 0
        finally:
            free.set()


def test_problem_query_timeout(start: Any, assert_problem: Any) -> None:
    with start(query_timeout_s=0) as app:
        app.client.simulate_post("/v1/collect", json=EVENT)
        app.server.reading(time.monotonic() + 20)
        assert_problem(app.client.simulate_get("/v1/catalog/events"), "query-timeout")


def test_every_other_refusal_of_the_framework_has_the_shape(app: Any, assert_problem: Any) -> None:
    response = app.client.simulate_get("/x/faults/teapot")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json["code"] in PROBLEMS
    assert response.json["status"] == response.status_code


def test_refusals_of_head_have_no_body(app: Any) -> None:
    response = app.client.simulate_head("/v1/users/nobody")
    assert (response.status_code, response.content) == (404, b"")
