"""The user interface is one page and its files, cached by a version made of their content."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from openmetrics.analysis import Analysis
from openmetrics.http.assets import load_assets
from openmetrics.http.pages import build_headers
from openmetrics.settings import SettingsError
from openmetrics.testing.client import Running, running

STATIC = resources.files("openmetrics.web") / "static"
BUDGET_BYTES = 700_000
LINE_LENGTH, MODULE_LINES = 110, 300
SCRIPTS = sorted(
    path
    for folder in ("openmetrics/web/static", "plugins")
    for path in (Path(__file__).parents[2] / folder).rglob("*.js")
    if "vendor" not in path.parts
)


@pytest.fixture(scope="module")
def app() -> Iterator[Running]:
    with running() as found:
        yield found


def read_page(app: Running) -> str:
    answer = app.client.simulate_get("/")
    assert answer.status_code == 200
    return str(answer.text)


def read_config(app: Running) -> Any:
    [content] = re.findall(r'<meta name="openmetrics" content="([^"]+)">', read_page(app))
    return json.loads(html.unescape(content))


def test_page_runs_no_script_of_its_own_and_names_no_other_host(app: Running) -> None:
    answer = app.client.simulate_get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)", answer.text) == []
    assert re.findall(r"\b(?:style|on\w+)=", answer.text) == []
    assert re.findall(r'(?:src|href)="(?!/)', answer.text) == []
    assert answer.headers["Cache-Control"] == "no-cache"


def test_page_is_shown_in_frames_of_named_origins_only(app: Running) -> None:
    policy = app.client.simulate_get("/").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'none'")
    with running(frame_ancestors="https://wiki.example,http://10.0.0.7:8000") as framed:
        policy = framed.client.simulate_get("/").headers["Content-Security-Policy"]
        assert policy.endswith("frame-ancestors https://wiki.example http://10.0.0.7:8000")
    for wrong in ("wiki.example", "https://a.example; script-src *", "https://a.example b"):
        with pytest.raises(SettingsError, match="frame_ancestors takes origins"):
            build_headers([wrong])


def test_page_shows_without_scripts_how_to_send_an_event(app: Running) -> None:
    assert "curl http://127.0.0.1/v1/collect" in read_page(app)


def test_page_loads_files_that_are_there_and_may_be_kept_for_ever(app: Running) -> None:
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', read_page(app)))
    assert len(addresses) > 20
    for address in addresses:
        answer = app.client.simulate_get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Content-Security-Policy" in answer.headers


def test_page_stays_below_what_it_may_transfer(app: Running) -> None:
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', read_page(app)))
    packed = {"Accept-Encoding": "gzip"}
    size = sum(len(app.client.simulate_get(address, headers=packed).content) for address in addresses)
    assert size < BUDGET_BYTES


def test_file_is_packed_for_those_who_take_it(app: Running) -> None:
    path = f"/static/{load_assets([]).version}/app.js"
    plain = app.client.simulate_get(path)
    packed = app.client.simulate_get(path, headers={"Accept-Encoding": "br, gzip"})
    assert plain.content == (STATIC / "app.js").read_bytes()
    assert gzip.decompress(packed.content) == plain.content
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert packed.headers["Content-Type"].startswith("text/javascript")


def test_file_is_not_sent_to_who_has_it(app: Running) -> None:
    first = app.client.simulate_get("/static/older/app.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = app.client.simulate_get("/static/older/app.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        "../pages.py",
        "%2e%2e/pages.py",
        "parts",
        "..%5cpages.py",
        "panels/retention/__init__.py",
    ],
)
def test_file_that_is_not_listed_is_not_found(app: Running, path: str) -> None:
    assert app.client.simulate_get(f"/static/x/{path}").status_code == 404


def test_panel_of_a_plugin_is_served_beside_the_page(app: Running) -> None:
    [row] = [row for row in read_config(app)["analyses"] if row["name"] == "retention"]
    answer = app.client.simulate_get(row["panel"])
    assert answer.status_code == 200
    assert 'from "../../ui.js"' in answer.text


def test_panel_that_is_not_there_stops_the_start() -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    row = Analysis("mine", "Mine", "mine", "mine", never, never, panel="nowhere/panel.js")
    with pytest.raises(ValueError, match=r"the analysis 'mine' names a panel that is not there: panel\.js"):
        load_assets([row])


def test_page_needs_no_key_and_says_whether_questions_do() -> None:
    with running(host="0.0.0.0", store="memory") as app:
        assert read_config(app)["needs_key"] is True
        assert app.client.simulate_get("/v1/catalog/events").status_code == 401


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_keeps_to_the_budget_and_writes_no_markup_from_text(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("// "), "a script begins with what it is for"
    assert len(text.splitlines()) <= MODULE_LINES
    assert [line for line in text.splitlines() if len(line) > LINE_LENGTH] == []
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert name not in text, name
