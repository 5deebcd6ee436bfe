"""The page Live: what arrives is shown, counted, chosen among, and held still."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from openmetrics.testing.process import ServerProcess, server

RATE = 500
ROWS = 100
"""What others do on the machine stretches it."""


@pytest.fixture(scope="module")
def shop() -> Iterator[ServerProcess]:
    with server(access_log="false") as process:
        yield process


def call(process: ServerProcess, path: str, body: Any = None, method: str | None = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{process.url}{path}", content, method=method)
    with urllib.request.urlopen(request, timeout=30) as found:
        return json.loads(found.read())


def send(process: ServerProcess, name: str, count: int = 1, **more: Any) -> None:
    call(process, "/v1/collect", [{"name": name, "session_id": "s1", **more} for _ in range(count)])


def test_live_waits_then_shows_counts_and_leads_to_the_timeline(
    shop: ServerProcess, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{shop.url}/#/live")
    expect(page.get_by_role("heading", name="Waiting for events")).to_be_visible()
    send(shop, "opened", 3, user_id="ada", properties={"plan": "pro"})
    send(shop, "bought", 2, user_id="bob", properties={"plan": "free"})
    send(shop, "opened", user_id=None, session_id="s9")
    rows = page.locator(".live-row")
    expect(rows).to_have_count(6)
    expect(rows.first).to_contain_text("anonymous · s9")
    expect(page.locator("#active-now b")).to_have_text(str(call(shop, "/v1/live")["active_users"]))
    question = {"range": {"last": "30m"}, "series": [{"event": None}, {"event": None, "measure": "users"}]}
    found = [row["total"] for row in call(shop, "/v1/analyses/trends", question)["series"]]
    expect(page.locator("#recent-events b")).to_have_text(str(found[0]))
    expect(page.locator("#recent-users b")).to_have_text(str(found[1]))
    assert found == [6, 3]
    top = page.get_by_role("list", name="Top events")
    expect(top.get_by_role("listitem")).to_have_text([re.compile("opened.*4"), re.compile("bought.*2")])
    expect(page.get_by_role("list", name="Top values").get_by_role("listitem").first).to_have_text(
        re.compile("pro.*3")
    )
    page.locator(".live-row", has_text="bob").first.click()
    expect(page.get_by_role("heading", name="bob")).to_be_visible()
    expect(page.locator(".entry")).to_have_count(2)


def test_live_is_held_still_and_goes_on(shop: ServerProcess, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{shop.url}/#/live")
    page.wait_for_selector(".live-row")
    page.get_by_role("button", name="Pause").click()
    before = page.locator(".live-rows").inner_text()
    send(shop, "while_paused", 4)
    expect(page.locator("#stream-note")).to_have_text("4 new")
    assert page.locator(".live-rows").inner_text() == before
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#stream-note")).to_have_text("")
    send(shop, "after_pause")
    expect(page.locator(".live-row").first).to_contain_text("after_pause")


def test_live_shows_one_event_or_one_segment(shop: ServerProcess, open_page: Callable[..., Page]) -> None:
    body = {"label": "Buyers", "filter": {"field": "name", "op": "eq", "value": "bought"}}
    call(shop, "/v1/segments/buyers", body, "PUT")
    send(shop, "opened", user_id="ada")
    send(shop, "bought", user_id="bob")
    page = open_page(f"{shop.url}/#/live")
    page.get_by_role("button", name="Event: Any event").click()
    page.locator(".picker-search input").fill("bought")
    page.keyboard.press("Enter")
    expect(page.locator(".sentence")).to_have_text("bought events, as they arrive.")
    expect(page.locator(".live-name").first).to_have_text("bought")
    assert set(page.locator(".live-name").all_inner_texts()) == {"bought"}
    page.get_by_role("button", name="Event: bought").click()
    page.get_by_role("option", name="Any event").click()
    page.get_by_role("button", name="Segment: Everybody").click()
    page.get_by_role("option", name="Buyers").click()
    expect(page.locator(".sentence")).to_have_text("All events of people in Buyers, as they arrive.")
    send(shop, "opened", user_id="ada")
    send(shop, "looked_again", user_id="bob")
    expect(page.locator(".live-name").first).to_have_text("looked_again")
    assert set(page.locator(".live-who").all_inner_texts()) == {"bob"}
    active = call(shop, f"/v1/live?{urlencode({'segment': 'buyers'})}")["active_users"]
    expect(page.locator("#active-now b")).to_have_text(str(active))


def test_live_stays_small_at_500_events_a_second(shop: ServerProcess, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{shop.url}/#/live")
    page.wait_for_selector(".live-row")
    is_over = threading.Event()

    def flood() -> None:
        began, sent = time.monotonic(), 0
        while not is_over.is_set():
            due = int((time.monotonic() - began) * RATE) - sent
            if due:
                send(shop, f"flood_{sent % 3}", due, user_id=f"u{sent % 50}", properties={"page": "/"})
                sent += due
            time.sleep(0.2)

    sender = threading.Thread(target=flood)
    sender.start()
    try:
        expect(page.locator(".live-name").first).to_contain_text("flood", timeout=10_000)
        page.wait_for_timeout(3_000)
        assert page.locator(".live-row").count() <= ROWS
        assert page.evaluate("document.querySelectorAll('*').length") < 2_500
        assert page.locator("#rate b").inner_text() not in ("–", "0")
    finally:
        is_over.set()
        sender.join()
