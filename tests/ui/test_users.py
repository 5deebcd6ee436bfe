"""The page Users: search, profile, timeline, merging and erasing, as the API has them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page, expect

WHO = "user_0007"
LONG_AGO = "2024-01-05T12:00:00Z"
"""The newest event decides which range pages begin with: it stays the demo's."""


def post(site: Any, path: str, body: Any) -> None:
    request = urllib.request.Request(f"{site.url}{path}", json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=30).close()


def open_users(site: Any, open_page: Callable[..., Page], query: str = "") -> Page:
    page = open_page(f"{site.url}/#/users{query}")
    page.wait_for_selector(".user-list[aria-busy=false], .timeline[aria-busy=false]")
    return page


def test_users_are_found_by_id_and_by_profile(site: Any, open_page: Callable[..., Page]) -> None:
    for user, plan in (("profile_ann", "pro"), ("profile_bob", "free"), ("profile_cy", "pro")):
        post(site, "/v1/identify", {"user_id": user, "properties": {"plan": plan, "seats": 3}})
    page = open_users(site, open_page)
    names = page.locator(".user-row > b")
    expect(names).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(names).to_have_count(100)
    page.get_by_label("Find by id").fill("profile_")
    expect(names).to_have_text(["profile_ann", "profile_bob", "profile_cy"])
    page.get_by_role("button", name="Profile property").click()
    page.locator(".picker-search input").fill("plan")
    page.keyboard.press("Enter")
    page.get_by_label("Value").fill("pro")
    page.keyboard.press("Enter")
    expect(names).to_have_text(["profile_ann", "profile_cy"])
    page.get_by_label("Condition").select_option("ne")
    expect(names).to_have_text(["profile_bob"])
    page.reload()
    expect(names).to_have_text(["profile_bob"])
    page.get_by_label("Find by id").fill("nobody_like_this")
    expect(page.get_by_role("heading", name="Nobody fits")).to_be_visible()
    page.get_by_role("link", name="Show all users").click()
    expect(names).to_have_count(50)


def test_user_shows_what_the_api_answers(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_users(site, open_page, f"?id={WHO}")
    user = site.ask(f"/v1/users/{WHO}")
    found = site.ask(f"/v1/users/{WHO}/timeline?limit=1000")["events"]
    expect(page.locator("#event-count")).to_have_text(str(user["events"]))
    entries = page.locator(".entry summary")
    expect(entries).to_have_count(len(found))
    assert page.locator(".entry summary > b").all_inner_texts() == [event["name"] for event in found]
    times = [entry.get_attribute("datetime") for entry in page.locator(".entry time").all()]
    assert times == [event["time"] for event in found]
    days = {event["time"][:10] for event in found}
    assert page.locator(".day > h3").count() == len(days)
    sessions = [row["session_id"] for row in user["sessions"]]
    assert page.locator(".sessions a").all_inner_texts() == sessions[::-1]
    entries.first.click()
    facts = page.locator(".facts").first
    for name, value in found[0]["properties"].items():
        expect(facts).to_contain_text(f"{name}{value}")
    expect(facts).to_contain_text(found[0]["event_id"])


def test_timeline_is_chosen_and_turned(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_users(site, open_page, f"?id={WHO}")
    name = site.ask(f"/v1/users/{WHO}/timeline")["events"][0]["name"]
    page.get_by_role("button", name="Event: Any event").click()
    page.locator(".picker-search input").fill(name)
    page.keyboard.press("Enter")
    page.get_by_label("Order").select_option("oldest")
    found = site.ask(f"/v1/users/{WHO}/timeline?name={name}&order=oldest")["events"]
    expect(page.locator(".entry time").first).to_have_attribute("datetime", found[0]["time"])
    expect(page.locator(".entry")).to_have_count(len(found))
    expect(page.get_by_text("This is the latest.")).to_be_visible()


def test_session_leads_to_its_user(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_users(site, open_page, f"?id={WHO}")
    page.locator(".sessions a").first.click()
    session = page.get_by_role("heading", level=1).inner_text()
    page.wait_for_selector(".timeline[aria-busy=false] .entry")
    assert page.locator(".entry").count() == site.ask(f"/v1/sessions/{session}")["events"]
    page.locator(".person-card").get_by_role("link", name=WHO).click()
    expect(page.get_by_role("heading", name=WHO)).to_be_visible()


def test_users_are_merged_and_parted(site: Any, open_page: Callable[..., Page]) -> None:
    for user in ("keep/one", "merge two"):
        post(site, "/v1/collect", [{"name": "seen", "user_id": user, "time": LONG_AGO}])
    page = open_users(site, open_page, f"?id={quote('keep/one', safe='')}")
    expect(page.locator(".entry")).to_have_count(1)
    page.get_by_role("button", name="Merge …").click()
    page.get_by_label("Id of the other user").fill("no such one")
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no user")
    page.get_by_label("Id of the other user").fill("merge two")
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()
    expect(page.locator("#event-count")).to_have_text("2")
    expect(page.locator(".entry")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#event-count")).to_have_text("1")
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 404


def test_user_is_erased_only_when_its_id_is_typed(site: Any, open_page: Callable[..., Page]) -> None:
    post(site, "/v1/collect", [{"name": "seen", "user_id": "to erase", "time": LONG_AGO}])
    page = open_users(site, open_page, "?id=to%20erase")
    page.get_by_role("button", name="Erase …").click()
    sure = page.get_by_role("button", name="Erase for good")
    expect(sure).to_be_disabled()
    page.get_by_label("Type the id to confirm").fill("to erase")
    sure.click()
    expect(page.get_by_text("Erased everywhere.")).to_be_visible()
    page.get_by_role("link", name="Back to the list").click()
    page.goto(f"{site.url}/#/users?id=to%20erase")
    expect(page.get_by_role("heading", name="There is no such user")).to_be_visible()
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 404


def test_who_may_only_read_is_offered_no_changes(site: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{site.url}/#/start")
    reader = json.dumps({"id": "x", "scope": "read", "label": ""})
    page.route("**/v1/keys/current", lambda route: route.fulfill(body=reader))
    page.goto(f"{site.url}/#/users?id={WHO}")
    page.reload()
    page.wait_for_selector(".timeline[aria-busy=false]")
    expect(page.get_by_role("button", name="Erase …")).to_have_count(0)
    expect(page.get_by_role("button", name="Merge …")).to_have_count(0)
