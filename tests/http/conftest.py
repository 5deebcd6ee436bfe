"""One assertion for every refusal, and applications to refuse things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from openmetrics.errors import PROBLEMS
from openmetrics.testing.client import Running, running

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
LEAKS = ("Traceback", 'File "', ".py", "SELECT ", "INSERT ", "/tmp/", "object at 0x")

PLUGIN = '''
"""Routes that go wrong in every way that a plugin's route can."""

import falcon

from openmetrics.plugin import (
    AggregateQuery, Field, Measure, OpenMetricsError, Operation, Route, hookimpl,
)


class Broken:
    def on_get(self, req, resp):
        raise RuntimeError("secret of the plugin")


class Picky:
    def on_post(self, req, resp):
        resp.media = req.get_media()


class Busy:
    def __init__(self, server):
        self.server = server

    def on_get(self, req, resp):
        query = AggregateQuery((Measure("count"),), breakdown=(Field("name"),), limit=1)
        self.server.reading().aggregate(query)


class Teapot:
    def on_get(self, req, resp):
        raise falcon.HTTPError(falcon.HTTP_418, title="Short and stout")


@hookimpl
def register_routes(server):
    get, post = Operation("GET", "Fail."), Operation("POST", "Fail.")
    return [
        Route("/x/faults/broken", Broken(), (get,)),
        Route("/x/faults/picky", Picky(), (post,)),
        Route("/x/faults/busy", Busy(server), (get,)),
        Route("/x/faults/teapot", Teapot(), (get,)),
    ]
'''


@pytest.fixture(scope="session")
def plugins_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a plugin whose routes fail."""
    folder: Path = tmp_path_factory.mktemp("plugins")
    (folder / "faults.py").write_text(PLUGIN)
    return str(folder)


@pytest.fixture
def app(plugins_dir: str) -> Iterator[Running]:
    """An application on the memory store."""
    with running(plugins_dir=plugins_dir) as application:
        yield application


@pytest.fixture
def start(plugins_dir: str) -> Callable[..., AbstractContextManager[Running]]:
    """Run an application with settings of one's own."""
    return lambda **settings: running(plugins_dir=plugins_dir, **settings)


@pytest.fixture
def assert_problem() -> Callable[..., dict[str, Any]]:
    """Check that a response is a refusal in our one shape, and return its document."""

    def check(response: Any, code: str, pointer: str | None = None) -> dict[str, Any]:
        document: dict[str, Any] = response.json
        assert response.headers["content-type"] == "application/problem+json", response.text
        assert document["code"] == code
        assert document.keys() >= MEMBERS
        assert response.status_code == document["status"] == PROBLEMS[code].status
        assert document["title"] == PROBLEMS[code].title
        assert document["type"] == f"urn:openmetrics:problem:{code}"
        assert document["instance"].startswith("/")
        assert document["request_id"] == response.headers["x-request-id"]
        assert all(row.keys() == {"pointer", "detail"} for row in document["errors"])
        assert len(document["detail"].split()) >= 3, "a detail is a sentence"
        assert [leak for leak in LEAKS if leak in response.text] == []
        if pointer is not None:
            assert pointer in [row["pointer"] for row in document["errors"]]
        if PROBLEMS[code].status in (429, 503):
            assert int(response.headers["retry-after"]) >= 1
        return document

    return check
