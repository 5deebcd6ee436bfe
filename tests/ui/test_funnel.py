"""A funnel, built and read as a person would, by mouse and by keyboard alone."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, expect

RANGE = {"from": "2024-03-31", "to": "2024-06-30"}
STEPS = ("product_view", "add_to_cart", "purchase")
FUNNEL = {"range": RANGE, "steps": [{"event": name} for name in STEPS]}
"""What others do on the machine stretches it."""


def choose(page: Page, button: str, text: str) -> None:
    """Open a picker and choose what is found by a text."""
    page.get_by_role("button", name=button).first.click()
    find(page, text)


def find(page: Page, text: str) -> None:
    """Search in the picker that is open, and take what begins with the text."""
    page.locator(".picker-search input").fill(text)
    page.locator(".picker-pop").get_by_role("option", name=re.compile(f"^{re.escape(text)}")).first.click()


def read_counts(page: Page) -> list[int]:
    page.wait_for_selector(".result[aria-busy=false] .funnel")
    texts = page.locator(".funnel-name .number-button").all_inner_texts()
    return [int(text.replace(",", "")) for text in texts]


def read_question(page: Page) -> Any:
    return json.loads(parse_qs(page.url.partition("?")[2])["q"][0])


@pytest.fixture
def page(site: Any, open_page: Callable[..., Page]) -> Page:
    return open_page(site.address("funnel", FUNNEL))


def test_funnel_is_built_by_choosing_events(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("funnel"))
    expect(page.get_by_role("heading", name="Choose what people do first")).to_be_visible()
    choose(page, "First step", "product_view")
    expect(page.get_by_role("heading", name="Choose what should follow")).to_be_visible()
    choose(page, "Second step", "add_to_cart")
    page.wait_for_selector(".funnel")
    choose(page, "Add step", "purchase")
    expect(page.locator(".funnel > li")).to_have_count(3)
    found = site.analysis("funnel", FUNNEL)
    assert read_counts(page) == [step["count"] for step in found["steps"]] == [586, 453, 205]
    assert read_question(page) == FUNNEL
    expect(page.locator(".figure b").first).to_have_text(f"{found['conversion'] * 100:.1f}%")
    said = "People that did product_view then add_to_cart then purchase within 14 days"
    expect(page.locator(".sentence")).to_have_text(f"{said}, from 31 Mar to 29 Jun 2024.")


def test_funnel_is_walked_through_by_keyboard_alone(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("funnel"))
    page.wait_for_selector(".builder .picker-button")
    for _ in range(30):
        page.keyboard.press("Tab")
        if "First step" in page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"):
            break
    for name in ("product_view", "purchase"):
        page.keyboard.press("ArrowDown")
        page.wait_for_selector("[role=option]")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_timeout(50)
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert label.startswith(("Second step", "Add step")), "the next step is at hand at once"
    page.wait_for_selector(".funnel")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.funnel .number-button')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".drawer .person")
    page.keyboard.press("Escape")
    expect(page.locator(".drawer")).to_have_count(0)
    assert page.evaluate("document.activeElement.matches('.funnel .number-button')"), "focus comes back"


def test_parameter_is_answered_and_back_undoes_it(site: Any, page: Page) -> None:
    assert read_counts(page) == [586, 453, 205]
    for window in ("1h", "2h", "3h"):
        page.get_by_role("group", name="All within").get_by_label("Number").fill(window[:-1])
        if window == "1h":
            page.get_by_role("group", name="All within").get_by_label("Unit").select_option("h")
        else:
            page.keyboard.press("Enter")
        wanted = site.analysis("funnel", {**FUNNEL, "window": window})
        expect(page.locator(".funnel-name .number-button").last).to_have_text(
            f"{wanted['steps'][-1]['count']}"
        )
    page.go_back()
    wanted = site.analysis("funnel", {**FUNNEL, "window": "2h"})
    expect(page.locator(".funnel-name .number-button").last).to_have_text(f"{wanted['steps'][-1]['count']}")


def test_breakdown_filter_and_exclusion_give_what_the_api_gives(site: Any, page: Page) -> None:
    choose(page, "Break down by: No", "platform")
    page.wait_for_selector(".data")
    page.get_by_role("button", name="Add filter").last.click()
    find(page, "acquisition")
    page.get_by_label("Condition", exact=True).select_option("in")
    choose(page, "Value:", "organic")
    find(page, "email")
    page.keyboard.press("Escape")
    choose(page, "Add exclusion", "support_chat")
    page.wait_for_timeout(200)
    question = read_question(page)
    assert question["breakdown"] == "props.platform"
    assert question["exclusions"] == [{"event": "support_chat", "from_step": 1, "to_step": 3}]
    assert question["filter"]["all"][0]["op"] == "in"
    found = site.analysis("funnel", question)
    assert read_counts(page) == [step["count"] for step in found["steps"]]
    rows = [row.inner_text().split() for row in page.locator(".data tbody tr").all()]
    assert [row[:4] for row in rows] == [
        [group["value"], *(f"{step['count']:,}" for step in group["steps"])] for group in found["groups"]
    ]


def test_people_are_listed_downloaded_and_kept_as_a_segment(site: Any, page: Page) -> None:
    page.get_by_role("button", name="248 people left here").click()
    expect(page.locator(".drawer .big")).to_have_text("248 people")
    expect(page.locator(".person")).to_have_count(50)
    page.get_by_role("button", name="Show more (198 left)").click()
    expect(page.locator(".person")).to_have_count(100)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    found = site.ask(
        "/v1/analyses/funnel/people", {**FUNNEL, "pick": {"step": 3, "status": "dropped"}, "page_size": 1000}
    )
    assert [row["user_id"] for row in rows] == [row["user_id"] for row in found["people"]]
    page.get_by_role("button", name="Save as segment").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Left before buying")
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("status")).to_contain_text(
        "Saved the segment “Left before buying” with 248 users."
    )
    assert set(site.ask("/v1/segments/left-before-buying")["users"]) == {row["user_id"] for row in rows}


def test_segments_stand_side_by_side(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("funnel", FUNNEL))
    for name, platform in (("phones", "mobile"), ("desks", "desktop")):
        body = {"label": name.title(), "filter": {"field": "props.platform", "op": "eq", "value": platform}}
        page.evaluate(
            "([path, body]) => fetch(path, {method: 'PUT', body: JSON.stringify(body)})",
            [f"/v1/segments/{name}", body],
        )
    page.reload()
    choose(page, "First segment", "Phones")
    choose(page, "Second segment", "Desks")
    expect(page.locator(".sides > section")).to_have_count(2)
    found = site.analysis("funnel", {**FUNNEL, "compare_segments": ["phones", "desks"]})
    shown = [int(text) for text in page.locator(".sides .funnel-name .number-button").all_inner_texts()]
    assert shown == [step["count"] for side in found["sides"] for step in side["steps"]]
    page.locator(".sides > section").nth(1).locator(".funnel-name .number-button").first.click()
    expect(page.locator(".drawer .big")).to_have_text(f"{shown[3]} people")


def test_question_is_kept_as_a_metric_on_a_dashboard_and_as_a_call(site: Any, page: Page) -> None:
    page.get_by_role("button", name="Save as metric").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Getting to buy")
    page.get_by_role("dialog").get_by_role("button", name="Save metric").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert site.ask("/v1/metrics/getting-to-buy")["params"] == FUNNEL
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Add to dashboard").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Getting to buy")
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    [board] = site.ask("/v1/dashboards")["dashboards"]
    assert board["tiles"] == [{"metric": "getting-to-buy-2", "title": "Getting to buy"}]
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Copy as curl").click()
    expect(page.get_by_role("status")).to_contain_text("Copied the call.")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith(f"curl {site.url}/v1/analyses/funnel")
    assert json.loads(text.partition("-d '")[2][:-1]) == FUNNEL


def test_link_is_a_report(site: Any, page: Page, open_page: Callable[..., Page]) -> None:
    shown = read_counts(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status")).to_contain_text("Copied the link.")
    assert read_counts(open_page(page.evaluate("navigator.clipboard.readText()"))) == shown
