"""Explore: what is counted, over time and by group, equal to what the API answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, expect

RANGE = {"from": "2024-04-01", "to": "2024-06-30"}
QUESTION = {
    "range": RANGE,
    "interval": "week",
    "series": [{"event": "purchase"}, {"event": "product_view", "measure": "users"}],
    "formula": "A / B * 100",
    "breakdown": ["props.platform"],
    "compare": "previous_period",
}


def find(page: Page, text: str) -> None:
    """Search in the picker that is open, and take what begins with the text."""
    page.locator(".picker-search input").fill(text)
    page.locator(".picker-pop").get_by_role("option", name=re.compile(f"^{re.escape(text)}")).first.click()


def read_question(page: Page) -> Any:
    return json.loads(parse_qs(page.url.partition("?")[2])["q"][0])


def show(value: float | None) -> str:
    """Write a number as the page does: whole ones in full, others with four digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{float(f'{value:.4g}'):,.10g}"


@pytest.fixture
def page(site: Any, open_page: Callable[..., Page]) -> Page:
    page = open_page(site.address("trends", QUESTION))
    page.wait_for_selector(".line-whole")
    return page


def test_explore_begins_with_the_most_frequent_event(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("trends"))
    question = {"range": {"from": "2024-03-31", "to": "2024-06-30"}, "series": [{"event": "product_view"}]}
    total = site.analysis("trends", question)["series"][0]["total"]
    expect(page.locator(".figure .number-button")).to_have_text(show(total))
    said = "How often product_view happened, from 31 Mar to 29 Jun 2024."
    expect(page.locator(".sentence")).to_have_text(said)


def test_totals_of_groups_formula_and_comparison_are_those_of_the_api(site: Any, page: Page) -> None:
    rows = [row.locator("td").all_inner_texts() for row in page.locator(".data tbody tr").all()]
    found = site.analysis("trends", QUESTION)["series"]
    assert [row[0] for row in rows] == [f"{row['label']}: {row['group'][0]}" for row in found]
    shown = [[show(row["total"]), show(row["previous"]["total"])] for row in found]
    assert [row[1:3] for row in rows] == shown
    page.get_by_role("button", name="Bars").click()
    expect(page.locator(".bar-list li")).to_have_count(len(found))


def test_every_point_is_in_the_table_and_in_the_file(site: Any, page: Page) -> None:
    page.get_by_role("button", name="Table").click()
    found = site.analysis("trends", QUESTION)["series"]
    page.wait_for_selector(".data tbody tr >> nth=12")
    rows = [row.locator("td").all_inner_texts()[1:] for row in page.locator(".data tbody tr").all()]
    points = [[point["value"] for point in row["points"]] for row in found]
    assert rows == [list(map(show, values)) for values in zip(*points, strict=True)]
    page.get_by_role("button", name="More", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == len(found) + 1
    assert lines[1].split(",")[:3] == ["purchase", "desktop", str(found[0]["total"])]


def test_people_of_a_point_are_found_by_mouse_and_by_keyboard(site: Any, page: Page) -> None:
    question = {**QUESTION, "pick": {"series": 1, "group": ["mobile"]}}
    total = site.ask("/v1/analyses/trends/people", question)["total"]
    page.get_by_role("row", name="product_view: mobile").locator(".number-button").first.click()
    expect(page.locator(".drawer .big")).to_have_text(f"{total} people")
    page.keyboard.press("Escape")
    chart = page.locator(".chart.is-live")
    chart.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(chart.locator("[aria-live]")).to_contain_text("15 Apr 2024: purchase: desktop")
    page.keyboard.press("Enter")
    pick = {"series": 0, "group": ["desktop"], "time": "2024-04-15T00:00:00.000Z"}
    total = site.ask("/v1/analyses/trends/people", {**QUESTION, "pick": pick})["total"]
    expect(page.locator(".drawer .big")).to_have_text(f"{total} people")


def test_question_is_built_by_hand(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("trends"))
    page.get_by_role("button", name="Event A:").click()
    find(page, "purchase")
    page.get_by_label("Count A as").select_option("per_user")
    page.get_by_role("button", name="Add another").click()
    page.get_by_role("button", name="Event B:").click()
    find(page, "cart")
    page.get_by_label("A sum with A, B").fill("A * 100 +")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 422
    page.get_by_label("A sum with A, B").fill("A + B")
    page.keyboard.press("Enter")
    page.get_by_label("Compare with").select_option("previous_year")
    page.get_by_label("Interval").select_option("month")
    expect(page.locator(".figure")).to_have_count(3)
    question = read_question(page)
    assert question["series"] == [
        {"event": "purchase", "measure": "per_user"},
        {"event": "cart", "measure": "count"},
    ]
    assert (question["formula"], question["compare"], question["interval"]) == (
        "A + B",
        "previous_year",
        "month",
    )
    totals = [show(row["total"]) for row in site.analysis("trends", question)["series"]]
    assert page.locator(".figure > :first-child").all_inner_texts() == totals
