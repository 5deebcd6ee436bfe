"""Who may come in: keys and their scopes, Host, other sites' pages, CORS, rate limits."""

from __future__ import annotations

from typing import Any

import pytest

from openmetrics.http.keys import create_key, list_keys, revoke_key
from openmetrics.testing.client import Running

EVENT = {"name": "signup", "user_id": "ada", "session_id": "s1"}
PUBLIC = "0.0.0.0"


def make_keys(app: Running) -> dict[str, str]:
    """Return one key of each scope."""
    return {
        scope: create_key(app.server.store, app.server.clock, scope, scope)
        for scope in ("write", "read", "admin")
    }


def ask(app: Running, method: str, path: str, **given: Any) -> int:
    headers = {"Authorization": f"Bearer {given['key']}"} if given.get("key") else {}
    body = EVENT if method == "POST" and path == "/v1/collect" else {"from": "b"}
    found = app.client.simulate_request(method, path, json=body, headers=headers)
    return int(found.status_code)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/collect", {"write", "admin"}),
        ("GET", "/v1/users", {"read", "admin"}),
        ("GET", "/v1/live", {"read", "admin"}),
        ("GET", "/metrics", {"read", "admin"}),
        ("POST", "/v1/users/a/merge", {"admin"}),
    ],
)
def test_keys_open_what_their_scope_says(start: Any, method: str, path: str, allowed: set[str]) -> None:
    with start(host=PUBLIC) as app:
        keys = make_keys(app)
        assert ask(app, method, path) == 401
        for scope, key in keys.items():
            is_refused = ask(app, method, path, key=key) == 403
            assert is_refused is (scope not in allowed), scope


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/openapi.json", "/"])
def test_open_routes_need_no_key(start: Any, path: str) -> None:
    with start(host=PUBLIC) as app:
        assert app.client.simulate_get(path, headers={"Host": "metrics.example"}).status_code == 200


def test_keys_are_taken_from_the_address_too(start: Any) -> None:
    with start(host=PUBLIC) as app:
        key = make_keys(app)["read"]
        assert app.client.simulate_get("/v1/users", params={"key": key}).status_code == 200


def test_revoked_keys_open_nothing(start: Any) -> None:
    with start(host=PUBLIC) as app:
        key = make_keys(app)["read"]
        for document in list_keys(app.server.store):
            assert revoke_key(app.server.store, document.id)
        assert ask(app, "GET", "/v1/users", key=key) == 401


def test_the_store_never_sees_a_key(start: Any) -> None:
    with start(host=PUBLIC) as app:
        key = make_keys(app)["admin"]
        assert key not in str(list_keys(app.server.store))


def test_insecure_opens_a_public_address(start: Any) -> None:
    with start(host=PUBLIC, insecure=True) as app:
        response = app.client.simulate_get("/v1/users", headers={"Host": "metrics.example"})
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("app.localhost", 200),
        ("[::1]:8080", 200),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("192.168.1.7", 403),
    ],
)
def test_without_keys_only_own_names_are_served(app: Running, host: str, status: int) -> None:
    assert app.client.simulate_get("/v1/users", headers={"Host": host}).status_code == status
    sent = app.client.simulate_post("/v1/collect", json=EVENT, headers={"Host": host})
    assert sent.status_code == (202 if status == 200 else 403)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8080"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
def test_pages_of_other_sites_may_not_ask(app: Running, headers: dict[str, str], status: int) -> None:
    assert app.client.simulate_get("/v1/users", headers=headers).status_code == status
    assert app.client.simulate_get("/openapi.json", headers=headers).status_code == status


def test_pages_of_other_sites_may_send_and_embed(app: Running) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": "https://shop.example"}
    sent = app.client.simulate_post("/v1/collect", json=EVENT, headers=headers)
    assert sent.status_code == 202
    assert app.client.simulate_get("/embed", params={"type": "signup"}, headers=headers).status_code != 403


def test_pages_of_other_sites_may_not_administer_by_post(app: Running) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    response = app.client.simulate_post("/v1/users/a/merge", json={"from": "b"}, headers=headers)
    assert response.status_code == 403


def test_cors_ingest_mirrors_any_origin(app: Running) -> None:
    response = app.client.simulate_post("/v1/collect", json=EVENT, headers={"Origin": "https://shop.example"})
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in response.headers["vary"]


def test_cors_preflight_names_methods_and_headers(app: Running) -> None:
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-custom",
    }
    response = app.client.simulate_options("/v1/collect", headers=headers)
    assert response.status_code in (200, 204)
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-headers"] == "content-type,x-custom"
    assert int(response.headers["access-control-max-age"]) > 0


def test_cors_questions_answer_named_origins_only(start: Any) -> None:
    with start(host=PUBLIC, cors_origins="https://board.example") as app:
        key = make_keys(app)["read"]
        for origin, allowed in (
            ("https://board.example", "https://board.example"),
            ("https://evil.example", None),
        ):
            headers = {"Origin": origin, "Authorization": f"Bearer {key}"}
            response = app.client.simulate_get("/v1/users", headers=headers)
            assert response.headers.get("access-control-allow-origin") == allowed


def test_cors_refusals_carry_the_headers_too(app: Running) -> None:
    response = app.client.simulate_post("/v1/collect", body="{", headers={"Origin": "https://shop.example"})
    assert response.status_code == 400
    assert response.headers["access-control-allow-origin"] == "https://shop.example"


def test_rate_limit_counts_each_address_by_itself(start: Any) -> None:
    with start(rate_limit_per_s=1, trusted_proxies="127.0.0.1") as app:
        for address in ("198.51.100.1", "198.51.100.2"):
            headers = {"X-Forwarded-For": address}
            answers = [app.client.simulate_post("/v1/collect", json=EVENT, headers=headers) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [202, 202, 429]


def test_rate_limit_believes_no_stranger(start: Any) -> None:
    with start(rate_limit_per_s=1) as app:
        statuses = [
            app.client.simulate_post(
                "/v1/collect", json=EVENT, headers={"X-Forwarded-For": f"198.51.100.{i}"}
            )
            for i in range(3)
        ]
        assert [answer.status_code for answer in statuses] == [202, 202, 429]


def test_rate_limit_is_off_on_loopback(app: Running) -> None:
    answers = {app.client.simulate_post("/v1/collect", json=EVENT).status_code for _ in range(50)}
    assert answers == {202}
