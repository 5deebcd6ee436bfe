"""The page Settings; and keys: made, used in a shared link and a frame, revoked."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from openmetrics.testing.process import ServerProcess, find_free_port

PATH = {"range": {"last": "24h"}, "series": [{"event": "joined"}]}


@dataclass(frozen=True)
class Guarded:
    """A server that asks for keys, and another site that may show it in a frame."""

    process: ServerProcess
    key: str
    site: str
    folder: Path

    def call(self, path: str, body: Any, method: str = "POST") -> None:
        """Send a document."""
        headers = {"Authorization": f"Bearer {self.key}"}
        content = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.process.url}{path}", content, headers, method=method)
        urllib.request.urlopen(request, timeout=30).close()


class Silent(http.server.SimpleHTTPRequestHandler):
    """Serve a folder without a word."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    data = folder / "data"
    command = [sys.executable, "-m", "openmetrics", "keys", "create", "admin", "--data-dir", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    handler = functools.partial(Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        origin = f"http://localhost:{other.server_port}"
        settings = {"host": "0.0.0.0", "frame_ancestors": origin, "access_log": "false"}
        process = ServerProcess(data, find_free_port(), settings)
        process.start()
        try:
            found = Guarded(process, done.stdout.strip(), origin, folder)
            found.call("/v1/collect", [{"name": "joined", "user_id": f"u{user}"} for user in range(7)])
            found.call(
                "/v1/metrics/signups", {"label": "Signups", "analysis": "trends", "params": PATH}, "PUT"
            )
            found.call("/v1/dashboards/wall", {"label": "Wall", "tiles": [{"metric": "signups"}]}, "PUT")
            yield found
        finally:
            process.stop()
            other.shutdown()


@pytest.fixture
def sign_in(guarded: Guarded, open_page: Callable[..., Page]) -> Callable[[str], Page]:
    def sign_in(page_name: str) -> Page:
        page = open_page(f"{guarded.process.url}/#/start")
        page.evaluate("key => localStorage.setItem('openmetrics-key', key)", guarded.key)
        page.goto(f"{guarded.process.url}/#/{page_name}")
        page.reload()
        open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 401 before
        return page

    return sign_in


def test_key_is_made_copied_and_revoked(guarded: Guarded, sign_in: Callable[[str], Page]) -> None:
    page = sign_in("settings")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("What it is for").fill("<b>shop</b>")
    page.get_by_label("What it may do").select_option("read")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#new-key").inner_text()
    page.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == key
    ask = urllib.request.Request(
        f"{guarded.process.url}/v1/keys/current", headers={"Authorization": f"Bearer {key}"}
    )
    assert json.loads(urllib.request.urlopen(ask).read())["scope"] == "read"
    page.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="<b>shop</b>")
    expect(row).to_contain_text("read")
    expect(page.get_by_text("this one")).to_have_count(1)
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke the key").click()
    expect(row).to_have_count(0)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(ask)


def test_first_page_puts_a_key_into_the_calls(guarded: Guarded, sign_in: Callable[[str], Page]) -> None:
    page = sign_in("start")
    page.get_by_role("button", name="Make a key and put it there").click()
    call = page.locator(".call pre")
    expect(call).to_contain_text("Bearer om_write_")
    body = call.inner_text().partition("-d '")[2].rstrip("'")
    key = call.inner_text().partition("Bearer ")[2].partition("'")[0]
    headers = {"Authorization": f"Bearer {key}"}
    sent = urllib.request.Request(f"{guarded.process.url}/v1/collect", body.encode(), headers)
    assert urllib.request.urlopen(sent).status == 202
    page.get_by_role("button", name="Pixel").click()
    expect(call).to_contain_text(f"&key={key}")
    page.get_by_role("link", name="Look at them").click()
    expect(page.get_by_role("heading", name="Wall")).to_be_visible()


def test_shared_link_opens_the_dashboard_for_who_has_no_key(
    guarded: Guarded, sign_in: Callable[[str], Page], open_page: Callable[..., Page]
) -> None:
    page = sign_in("dashboards?id=wall")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link with a key").click()
    link = page.locator(".share-line code").first
    expect(link).to_contain_text("key=om_read_")
    guest = open_page(link.inner_text())
    expect(guest.locator(".tile-figure b")).to_have_text("7")
    assert "om_read_" not in guest.url
    expect(guest.get_by_role("button", name="Edit", exact=True)).to_have_count(0)
    guest.reload()
    expect(guest.locator(".tile-figure b")).to_have_text("7")


def test_dashboard_stands_in_a_frame_of_a_named_site(
    guarded: Guarded, sign_in: Callable[[str], Page], open_page: Callable[..., Page]
) -> None:
    page = sign_in("dashboards?id=wall")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link with a key").click()
    expect(page.locator(".share-line code").first).to_contain_text("key=om_read_")
    frame = page.locator(".share-line code").last.inner_text()
    (guarded.folder / "wiki.html").write_text(
        f"<!doctype html><link rel=icon href=data:,><h1>Wiki</h1>{frame}"
    )
    wiki = open_page(f"{guarded.site}/wiki.html")
    inside = wiki.frame_locator("iframe")
    expect(inside.locator(".tile-figure b")).to_have_text("7")
    expect(inside.get_by_role("navigation")).to_have_count(0)


def test_settings_show_what_the_api_answers(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{site.url}/#/settings")
    expect(page.get_by_text("Everything works")).to_be_visible()
    total = sum(row["count"] for row in site.ask("/v1/catalog/events?limit=1000")["events"])
    expect(page.locator("#total-events b")).to_have_text(f"{total:,}")
    months = site.ask("/v1/columns")["months"]
    page.get_by_text("Month by month").click()
    rows = page.get_by_role("region", name="Months").locator("tbody tr")
    expect(rows).to_have_count(len(months))
    ready = [row for row in reversed(months) if row["state"] == "ready"]
    expect(rows.filter(has_text="ready").first).to_contain_text(f"{ready[0]['events']:,}")
    plugins = site.ask("/v1/plugins")["plugins"]
    expect(page.locator(".plugin-list li > b")).to_have_text([row["name"] for row in plugins])
    expect(page.locator(".plugin-list li", has_text="weekdays")).to_contain_text("your own")
    heights = page.locator(".settings-part .bar").count()
    assert heights >= len([month for month in months if month["events"]])


def test_settings_say_what_does_not_work(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{site.url}/#/start")
    sick = json.dumps({
        "status": "not ready", "store": {"engine": "duckdb", "ok": False, "detail": "does not answer"},
        "spool": {"ok": True, "full": 0.4}, "notes": ["events are still accepted and wait in the spool"],
    })  # fmt: skip
    page.route("**/health/ready", lambda route: route.fulfill(status=503, body=sick))
    page.goto(f"{site.url}/#/settings")
    expect(page.get_by_text("Not ready")).to_be_visible()
    expect(page.get_by_text("events are still accepted")).to_be_visible()
    expect(page.get_by_text("40% of the buffer")).to_be_visible()
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 503
