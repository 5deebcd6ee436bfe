"""Throw junk at every route: it is refused in micro-metrics' shape and never fails the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock
from openmetrics_plugins.micro_metrics import INGEST, LOOKUPS

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
KEYS = st.sampled_from(
    ["type", "tags", "fields", "value", "data", "createdOn", "userId", "userID", "sessionId", "events",
     "name", "event", "option", "session"]
)  # fmt: skip
TYPES = st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "text/xml", "a/b; c"])
WORDS = st.sampled_from(
    ["1d", "0", "d", "h", "a:1", "a=true,b", "2026-11-25", "5", "value", "tags.a", "\0", "ä,:", ""]
)
QUIET = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.fixture(scope="module", params=("memory", "duckdb"))
def site(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Run one server for all examples."""
    with running(FixedClock(), store=request.param) as server:
        yield server


def check_refusal(result: Any, statuses: tuple[int, ...]) -> None:
    """Expect a status, and micro-metrics' error shape where it is a refusal."""
    assert result.status_code in statuses, result.text
    if result.status_code >= 400:
        assert result.json["statusCode"] == result.status_code
        assert len(result.json["detail"]) > 10


@QUIET
@given(
    path=st.sampled_from([path for path, *_ in INGEST]), body=JSON | st.dictionaries(KEYS, JSON), kind=TYPES
)
def test_bodies_never_fail_the_server(path: str, body: Any, kind: str, site: Running) -> None:
    data = json.dumps(body).encode()
    check_refusal(site.client.simulate_post(path, body=data, headers={"Content-Type": kind}), (200, 400, 415))
    if path == "/api/track/batch":
        check_refusal(site.client.simulate_post(path, body=b'{"events":[%s]}' % data), (200, 400))


@QUIET
@given(path=st.sampled_from([path for path, *_ in INGEST]), body=st.binary(max_size=60), kind=TYPES)
def test_bytes_never_fail_the_server(path: str, body: bytes, kind: str, site: Running) -> None:
    check_refusal(site.client.simulate_post(path, body=body, headers={"Content-Type": kind}), (200, 400, 415))


@QUIET
@given(data=st.data())
def test_queries_never_fail_the_server(data: st.DataObject, site: Running) -> None:
    path, _, keys = data.draw(st.sampled_from(LOOKUPS))
    names = st.sampled_from(sorted(keys or {"x": 1})) | st.text(max_size=5)
    pairs = data.draw(st.lists(st.tuples(names, WORDS | st.text(max_size=10)), max_size=4))
    query = urlencode(pairs, errors="surrogatepass")
    result = site.client.simulate_get(path, query_string=query)
    if result.headers["content-type"].startswith("application/json"):
        check_refusal(result, (200, 400))
    assert result.status_code in (200, 400)


@QUIET
@given(
    path=st.sampled_from(["/t.gif", "/c.gif"]),
    pairs=st.lists(st.tuples(KEYS, WORDS | st.text(max_size=20)), max_size=6),
)
def test_pixels_always_answer(path: str, pairs: Any, site: Running) -> None:
    result = site.client.simulate_get(path, query_string=urlencode(pairs, errors="surrogatepass"))
    assert (result.status_code, len(result.content)) == (200, 43)
