"""What a request leaves behind: its id, the access log, our own figures; and what the probes say."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from openmetrics.store.base import Health
from openmetrics.testing.client import Running

EVENT = {"name": "signup", "user_id": "ada"}


def test_request_id_is_made_where_none_was_sent(app: Running) -> None:
    ids = {app.client.simulate_get("/health").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("sent", ["abc-123", "x" * 64])
def test_request_id_of_the_client_is_kept(app: Running, sent: str) -> None:
    response = app.client.simulate_get("/nope", headers={"X-Request-ID": sent})
    assert response.headers["x-request-id"] == response.json["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a\tb", "ä"])
def test_request_id_that_is_unfit_is_replaced(app: Running, sent: str) -> None:
    response = app.client.simulate_get("/nope", headers={"X-Request-ID": sent})
    assert response.headers["x-request-id"] not in ("", sent)


def test_access_log_holds_one_json_line_and_no_query(start: Any, capfdbinary: Any) -> None:
    with start(access_log=True) as app:
        app.client.simulate_get("/v1/users", params={"key": "secret", "prefix": "a"})
        app.client.simulate_get("/nope")
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines() if line[:1] == b"{"]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/v1/users", 200),
        ("GET", "/nope", 404),
    ]
    for line in lines:
        assert line.keys() == {"time", "method", "path", "status", "ms", "address", "request_id", "key"}
        assert abs(line["time"] / 1000 - time.time()) < 60
        assert line["ms"] >= 0
    assert "secret" not in str(lines)


def test_metrics_count_requests_and_events(app: Running) -> None:
    app.client.simulate_post("/v1/collect", json=[EVENT, {"name": 5}])
    app.client.simulate_get("/v1/users")
    response = app.client.simulate_get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    figures = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if line[:1] not in ("#", ""))
    assert figures['openmetrics_http_requests_total{route="/v1/collect",status="202"}'] == "1.0"
    assert figures["openmetrics_events_accepted_total"] == "1.0"
    assert figures['openmetrics_events_rejected_total{code="schema-violation"}'] == "1.0"
    assert float(figures["openmetrics_store_facts_stored_total"]) == 1.0
    assert "openmetrics_spool_backlog_bytes" in figures


def test_ready_says_what_is_not(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.client.simulate_get("/health/ready").json["status"] == "ready"
    monkeypatch.setattr(app.server.store, "health", lambda: Health(False, "The cluster does not answer."))
    response = app.client.simulate_get("/health/ready")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json["store"] == {
        "engine": "memory",
        "ok": False,
        "detail": "The cluster does not answer.",
    }
    assert app.client.simulate_get("/health/live").status_code == 200
    assert app.client.simulate_post("/v1/collect", json=EVENT).status_code == 202, (
        "the spool takes events still"
    )
