"""Every page: reads aloud, fits, follows the theme, and shows what the API answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from openmetrics.testing.process import server

RANGE = {"from": "2024-04-01", "to": "2024-06-30"}
WEEKLY = {"range": RANGE, "interval": "week", "periods": 6, "start": {"event": "purchase"}}
FUNNEL = {
    "range": RANGE,
    "steps": [{"event": "product_view"}, {"event": "purchase"}],
    "breakdown": "props.platform",
}
LIVING = {"range": RANGE, "interval": "week"}
PARTS = {"range": RANGE, "series": [{"event": "purchase"}], "breakdown": ["props.platform"]}
PAGES = {
    "trends": ("trends", {**PARTS, "interval": "week", "compare": "previous_period"}, "", ".line-whole"),
    "trends-bars": ("trends", PARTS, "bars", ".bar-list"),
    "trends-table": ("trends", {**PARTS, "interval": "month"}, "table", ".data"),
    "start": ("start", None, "", ".light.is-on"),
    "retention": ("retention", {**WEEKLY, "breakdown": "props.platform"}, "", ".cohorts"),
    "funnel": ("funnel", FUNNEL, "", ".funnel"),
    "lifecycle": ("lifecycle", LIVING, "", ".part"),
    "stickiness": ("stickiness", LIVING, "", ".bar"),
    "funnel-trend": ("funnel", {**FUNNEL, "interval": "week"}, "trend", ".line-whole"),
    "any-analysis": ("weekdays", {"event": "purchase"}, "", ".bar-list"),
    "dashboards": ("dashboards", None, "", ".tile .line-whole"),
    "live": ("live", None, "", ".live-wait"),
    "users": ("users", None, "", ".user-row"),
    "user": ("users?id=user_0007", None, "", ".entry"),
    "settings": ("settings", None, "", "#total-events"),
    "no-data": ("funnel", {**FUNNEL, "range": {"last": "7d"}}, "", ".state .button"),
}
SERIOUS = ("serious", "critical")


@pytest.fixture(params=PAGES)
def opened(request: Any, site: Any, open_page: Callable[..., Page]) -> Page:
    name, question, view, ready = PAGES[request.param]

    page = open_page(site.address(name, question, view), color_scheme="light")
    page.wait_for_selector(ready)
    return page


def find_faults(page: Page, **more: Any) -> list[str]:
    page.evaluate("document.fonts.ready")
    options = {"resultTypes": ["violations"], **more}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{row['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for row in found
        if row["impact"] in SERIOUS
        for node in row["nodes"]
    ]


def test_page_has_no_serious_fault_of_access_and_fits(opened: Page) -> None:
    assert find_faults(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= 1280
    opened.emulate_media(color_scheme="dark")
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.wait_for_timeout(100)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    assert find_faults(opened, runOnly=["color-contrast", "target-size", "scrollable-region-focusable"]) == []


def test_retention_shows_what_the_api_answers(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("retention", WEEKLY, "count"))
    found = site.analysis("retention", WEEKLY)
    page.wait_for_selector(".cohorts")
    rows = page.locator(".cohorts tbody tr:not(.average)").all()
    shown = [[int(text.replace(",", "")) for text in row.locator("td").all_inner_texts()] for row in rows]
    assert shown == [[row["size"], *(cell["count"] for cell in row["cells"])] for row in found["cohorts"]]
    open_cells = sum(not cell["complete"] for row in found["cohorts"] for cell in row["cells"])
    assert page.locator(".cell.is-open").count() == open_cells > 0
    page.get_by_role("button", name="Percent").click()
    averages = page.locator(".average td span").all_inner_texts()
    assert averages == [f"{cell['share'] * 100:.1f}%" for cell in found["average"]]
    page.locator(".cell button").nth(1).click()
    expect(page.locator(".drawer .big")).to_have_text(f"{found['cohorts'][0]['cells'][1]['count']} people")


@pytest.mark.parametrize("name", ["lifecycle", "stickiness"])
def test_who_stays_and_how_often_is_what_the_api_answers(
    site: Any, open_page: Callable[..., Page], name: str
) -> None:
    page = open_page(site.address(name, LIVING))
    found = site.analysis(name, LIVING)
    page.wait_for_selector(".data")
    rows = [row.locator("td.is-number").all_inner_texts() for row in page.locator(".data tbody tr").all()]
    if name == "lifecycle":
        kinds = ("new", "returning", "resurrected", "dormant")
        assert rows == [[f"{abs(point[kind]):,}" for kind in kinds] for point in found["points"]]
        wanted = f"{found['points'][2]['new']} people"
        page.locator(".data tbody tr").nth(2).locator(".number-button").first.click()
    else:
        assert [row[0] for row in rows] == [f"{row['users']:,}" for row in found["counts"]]
        wanted = f"{found['counts'][1]['users']} people"
        page.locator(".data tbody tr").nth(1).locator(".number-button").first.click()
    expect(page.locator(".drawer .big")).to_have_text(wanted)


def test_analysis_without_a_panel_has_a_form_and_a_picture(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("weekdays"))
    page.get_by_role("button", name="Event:").click()
    page.locator(".picker-search input").fill("purchase")
    page.keyboard.press("Enter")
    found = site.analysis("weekdays", {"event": "purchase"})["days"]
    expect(page.locator(".bar-list li").first).to_contain_text(f"{found[0]['count']}")
    cells = page.locator(".data tbody tr").all_inner_texts()
    assert [cell.split() for cell in cells] == [[row["day"], str(row["count"])] for row in found]


def answer_by(status: int, body: Any, times: int = 1) -> Callable[[Route], None]:
    """Return what answers the first requests so, and lets the rest through."""
    left = [times]

    def answer(route: Route) -> None:
        left[0] -= 1
        if left[0] < 0:
            route.continue_()
        else:
            route.fulfill(status=status, body=json.dumps(body), headers={"Retry-After": "1"})

    return answer


def test_waiting_shows_how_far_the_answer_is_prepared(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("start"))
    body = {"code": "preparing", "detail": "The columns for this are being prepared.", "progress": 0.4}
    page.route("**/v1/analyses/retention", answer_by(503, body))
    page.goto(site.address("retention", WEEKLY))
    expect(page.get_by_text("Getting ready")).to_be_visible()
    expect(page.locator("progress")).to_have_attribute("value", "0.4")
    expect(page.locator(".cohorts")).to_be_visible()
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 503


def test_people_are_waited_for_like_an_answer(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("funnel", FUNNEL))
    body = {"code": "preparing", "detail": "The columns for this are being prepared.", "progress": 0.0}
    page.route("**/v1/analyses/funnel/people", answer_by(503, body))
    page.locator(".funnel-name .number-button").first.click()
    count = site.analysis("funnel", FUNNEL)["steps"][0]["count"]
    expect(page.locator(".drawer .big")).to_have_text(f"{count} people")
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 503


def test_refusal_is_shown_in_the_servers_words_with_a_way_on(
    site: Any, open_page: Callable[..., Page]
) -> None:
    page = open_page(site.address("start"))
    body = {"code": "query-timeout", "detail": "It took more than 30 s; ask for less.", "title": "Too long"}
    page.route("**/v1/analyses/retention", answer_by(504, body))
    page.goto(site.address("retention", WEEKLY))
    expect(page.get_by_role("alert")).to_contain_text("It took more than 30 s; ask for less.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".cohorts")).to_be_visible()
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 504


def test_key_is_asked_for_and_kept_out_of_the_address(site: Any, open_page: Callable[..., Page]) -> None:
    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer om_secret":
            route.continue_()
        else:
            route.fulfill(status=401, body=json.dumps({"code": "unauthenticated", "detail": "Send a key."}))

    page = open_page(site.address("start"))
    page.route("**/v1/**", guard)
    page.goto(site.address("retention", WEEKLY))
    page.reload()
    page.get_by_label("Key", exact=True).fill("om_secret")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator(".cohorts")).to_be_visible()
    assert "om_secret" not in page.url
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 401


def test_range_without_data_offers_one_with_data(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("retention", {**WEEKLY, "range": {"last": "7d"}}))
    expect(page.get_by_role("heading", name="No data in this range")).to_be_visible()
    page.get_by_role("button", name="Show 31 Mar to 29 Jun 2024").click()
    expect(page.locator(".cohorts")).to_be_visible()


def test_first_event_turns_the_light_green(open_page: Callable[..., Page]) -> None:
    with server(store="memory", access_log="false") as fresh:
        page = open_page(fresh.url)
        expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
        call = page.locator(".call pre").inner_text()
        assert f"curl {fresh.url}/v1/collect" in call
        body = call.partition("-d '")[2].rstrip("'")
        page.evaluate("body => fetch('/v1/collect', {method: 'POST', body})", body)
        expect(page.get_by_role("heading", name="1 event has arrived")).to_be_visible()
        assert find_faults(page) == []


def test_theme_is_chosen_and_kept(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(site.address("start"))
    page.get_by_role("button", name="As the system").click()
    page.get_by_role("button", name="Light").click()
    page.reload()
    page.get_by_role("button", name="Dark").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
