"""Whatever is sent, is shown as text: names, values and ids with markup run nowhere."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from openmetrics.testing.process import ServerProcess, server

EVIL = "<img src=x onerror=alert(1)>"
NAME = f"{EVIL} seen"
QUOTED = "\"><script>alert(2)</script>' onclick=alert(3) ${alert(4)} {{7*7}}"
SERVED = "javascript:alert(5)"


@pytest.fixture(scope="module")
def hostile(patient: Callable[..., None]) -> Iterator[ServerProcess]:
    """Run a server whose every name, value and id is an attack."""
    with server(store="memory", access_log="false") as process:
        events = [
            {
                "name": name,
                "user_id": f"{EVIL} {user}",
                "session_id": f"{QUOTED} {user}",
                "properties": {EVIL: QUOTED, QUOTED: EVIL, SERVED: SERVED},
            }
            for user in range(3)
            for name in (NAME, QUOTED)
        ]
        link = {"session_id": f"{QUOTED} 0", "user_id": f"{EVIL} 0", "properties": {EVIL: EVIL}}
        segment = {"label": EVIL, "filter": {"field": f"props.{EVIL}", "op": "eq", "value": QUOTED}}
        for path, body, method in (
            ("/v1/collect", events, "POST"),
            ("/v1/identify", link, "POST"),
            ("/v1/segments/evil", segment, "PUT"),
        ):
            content = json.dumps(body).encode()
            urllib.request.urlopen(urllib.request.Request(process.url + path, content, method=method)).close()
        patient(
            process.url,
            "trends",
            {"range": {"last": "24h"}, "series": [{"measure": "users"}], "breakdown": ["props.x"]},
        )
        yield process


def ask(page: Page, process: ServerProcess, name: str, question: Any) -> None:
    page.goto("about:blank")
    page.goto(f"{process.url}/#/{name}?q={urllib.request.quote(json.dumps(question))}")  # type: ignore[attr-defined]


def assert_only_text(page: Page) -> None:
    assert page.locator("img, script:not([src]), [onerror], [onclick]").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0


@pytest.mark.parametrize("name", ["trends", "funnel", "retention"])
def test_markup_is_text_everywhere(hostile: Any, open_page: Callable[..., Page], name: str) -> None:
    page = open_page(f"{hostile.url}/#/start")
    expect(page.get_by_text(EVIL).first).to_be_visible()
    where = {"field": f"props.{EVIL}", "op": "eq", "value": QUOTED}
    question: dict[str, Any] = {"range": {"last": "24h"}, "breakdown": f"props.{QUOTED}", "filter": where}
    if name == "funnel":
        question |= {"steps": [{"event": NAME, "label": QUOTED}, {"event": QUOTED}]}
    elif name == "retention":
        question |= {"interval": "hour", "start": {"event": NAME}}
    else:
        question |= {"series": [{"event": NAME, "label": QUOTED}], "breakdown": [f"props.{QUOTED}"]}
    ask(page, hostile, name, question)
    page.wait_for_selector(".result[aria-busy=false] .number-button, .result[aria-busy=false] .cell button")
    expect(page.locator(".sentence")).to_contain_text(NAME)
    assert_only_text(page)
    page.get_by_role("button", name="Break down by:").click()
    expect(page.locator(".picker-pop").get_by_text(SERVED)).to_be_visible()
    expect(page.locator(".picker-pop .picker-label").get_by_text(EVIL, exact=True).last).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".number-button, .cell button").first.click()
    expect(page.locator(".person").first).to_contain_text(EVIL)
    assert_only_text(page)


def test_markup_is_text_on_the_pages_beside_the_analyses(
    hostile: Any, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{hostile.url}/#/live")
    expect(page.locator(".live-row").first).to_contain_text(EVIL)
    expect(page.locator(".bar-name").get_by_text(NAME)).to_be_visible()
    assert_only_text(page)
    page.get_by_role("link", name="Users").click()
    expect(page.locator(".user-row .chip").first).to_contain_text(EVIL)
    page.locator(".user-row").first.click()
    page.locator(".entry summary").first.click()
    expect(page.locator(".facts").first).to_contain_text(SERVED)
    assert_only_text(page)
    page.get_by_role("button", name="Merge …").click()
    expect(page.get_by_role("dialog")).to_contain_text(EVIL)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Dashboards").click()
    page.get_by_role("button", name="Keep and edit").click()
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill(QUOTED)
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name=QUOTED, exact=True)).to_be_visible()
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("dialog")).to_contain_text(QUOTED)
    assert_only_text(page)


def test_markup_in_an_address_is_text(hostile: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{hostile.url}/#/{EVIL}?q={QUOTED}")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.goto(f"{hostile.url}/#/funnel?q={EVIL}&view={QUOTED}")
    expect(page.get_by_role("heading", name="Choose what people do first")).to_be_visible()
    assert_only_text(page)
