"""A real server with the demo's events, and a real browser that must not complain."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from openmetrics.testing.process import ServerProcess, server

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
RANGE = {"from": "2024-04-01", "to": "2024-06-30"}
FIRST = {
    "trends": {"range": RANGE, "series": [{"measure": "users"}], "breakdown": ["props.platform"]},
    "funnel": {
        "range": RANGE,
        "steps": [{"event": "home"}, {"event": "cart"}],
        "breakdown": "props.platform",
    },
    "retention": {"range": RANGE, "breakdown": "props.platform"},
}
FIRST_S = 300
FILL = """
import sys
from benchmarks.demo import Client, fetch_rows, send, to_event
send(Client(sys.argv[1]), [to_event(number, row) for number, row in enumerate(fetch_rows(), 1)])
"""
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


def ask(url: str, path: str, body: Any = None) -> Any:
    """Return the JSON of an answer, of a POST where a body is given."""
    content = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}{path}", content), timeout=120) as found:
        return json.loads(found.read())


class Site:
    """A server, to be asked beside what the browser shows of it."""

    def __init__(self, process: ServerProcess) -> None:
        self.url = process.url

    def ask(self, path: str, body: Any = None) -> Any:
        """Return the JSON of an answer, of a POST where a body is given."""
        return ask(self.url, path, body)

    def analysis(self, name: str, question: Any) -> Any:
        """Return what an analysis answers."""
        return self.ask(f"/v1/analyses/{name}", question)

    def address(self, page: str, question: Any = None, view: str = "") -> str:
        """Return the address of a page that asks a question."""
        text = "" if question is None else f"?q={quote(json.dumps(question))}"
        return f"{self.url}/#/{page}{text}{f'&view={view}' if view else ''}"


def wait_for(url: str, name: str, question: Any) -> None:
    """Ask until there is an answer: where loops are not compiled yet, the first one takes minutes."""
    deadline = time.monotonic() + FIRST_S
    while True:
        try:
            ask(url, f"/v1/analyses/{name}", question)
            return
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise


@pytest.fixture(scope="session")
def patient() -> Callable[..., None]:
    """Give a function that asks until there is an answer."""
    return wait_for


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a server on the demo's events, with one analysis that has no panel."""
    plugins = tmp_path_factory.mktemp("plugins")
    shutil.copytree(ROOT / "docs" / "examples" / "weekdays", plugins / "weekdays")
    with server(plugins_dir=str(plugins), access_log="false") as process:
        command = [sys.executable, "-c", FILL, process.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        site = Site(process)
        for name, question in FIRST.items():
            wait_for(site.url, name, question)
        yield site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the browser; where there is none, say what to install."""
    found = os.environ.get("OPENMETRICS_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("the tests of the user interface need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Give a function that opens a page; at the end nothing may have been complained about."""
    contexts, complaints = [], []

    def open_page(address: str, width: int = 1280, **more: Any) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
            **more,
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.goto(address)
        return page

    open_page.complaints = complaints  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
