"""Keys are made, listed and revoked over HTTP, and plugins are listed."""

from __future__ import annotations

from typing import Any

from openmetrics.http.keys import create_key
from openmetrics.testing.client import Running

PUBLIC = "0.0.0.0"


def bear(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_key_is_shown_once_and_opens_what_its_scope_says(start: Any) -> None:
    with start(host=PUBLIC) as app:
        admin = bear(create_key(app.server.store, app.server.clock, "admin", "mine"))
        body = {"scope": "read", "label": "wall"}
        made = app.client.simulate_post("/v1/keys", json=body, headers=admin)
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        key = made.json["key"]
        assert made.json["scope"] == "read"
        assert app.client.simulate_get("/v1/users", headers=bear(key)).status_code == 200
        listed = app.client.simulate_get("/v1/keys", headers=admin)
        assert {row["label"] for row in listed.json["keys"]} == {"mine", "wall"}
        assert all(row.keys() == {"id", "scope", "label", "created"} for row in listed.json["keys"])
        assert key not in listed.text


def test_keys_are_looked_after_with_an_admin_key_only(start: Any, assert_problem: Any) -> None:
    with start(host=PUBLIC) as app:
        read = bear(create_key(app.server.store, app.server.clock, "read"))
        for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x")):
            assert_problem(app.client.simulate_request(method, path), "unauthenticated")
            assert_problem(app.client.simulate_request(method, path, headers=read), "forbidden")


def test_revoked_key_opens_nothing_and_the_own_one_stays(start: Any, assert_problem: Any) -> None:
    with start(host=PUBLIC) as app:
        admin = bear(create_key(app.server.store, app.server.clock, "admin"))
        made = app.client.simulate_post("/v1/keys", json={"scope": "write"}, headers=admin).json
        gone = app.client.simulate_delete(f"/v1/keys/{made['id']}", headers=admin)
        assert gone.status_code == 204
        again = app.client.simulate_delete(f"/v1/keys/{made['id']}", headers=admin)
        assert_problem(again, "not-found")
        own = app.client.simulate_get("/v1/keys/current", headers=admin).json
        assert_problem(app.client.simulate_delete(f"/v1/keys/{own['id']}", headers=admin), "conflict")


def test_current_key_is_told_to_who_carries_it(start: Any, app: Running) -> None:
    assert app.client.simulate_get("/v1/keys/current").json == {"id": None, "scope": "admin", "label": ""}
    with start(host=PUBLIC) as guarded:
        key = create_key(guarded.server.store, guarded.server.clock, "read", "wall")
        found = guarded.client.simulate_get("/v1/keys/current", headers=bear(key)).json
        assert (found["scope"], found["label"]) == ("read", "wall")


def test_key_that_is_asked_for_wrongly_is_refused(app: Running, assert_problem: Any) -> None:
    for body, pointer in (
        ({"scope": "all"}, "/scope"),
        ({}, "/scope"),
        ({"scope": "read", "label": "x" * 201}, "/label"),
        ({"scope": "read", "colour": "red"}, "/colour"),
    ):
        assert_problem(app.client.simulate_post("/v1/keys", json=body), "invalid-query", pointer)


def test_plugins_are_listed_with_what_they_do(app: Running) -> None:
    rows = {row["name"]: row for row in app.client.simulate_get("/v1/plugins").json["plugins"]}
    assert rows["trends"] == {
        "name": "trends", "hooks": ["register_analyses", "register_schemas"], "built_in": True,
    }  # fmt: skip
    assert rows["faults"]["built_in"] is False
