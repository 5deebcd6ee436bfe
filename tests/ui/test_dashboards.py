"""The page Dashboards: the one that makes itself, editing by mouse and keys, sharing."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

RANGE = {"from": "2024-03-31", "to": "2024-06-30"}
NAMED = {"series": [{"event": None}], "breakdown": ["name"]}
METRICS = {
    "people": ("People", "trends", {"range": RANGE, "series": [{"event": None, "measure": "users"}]}),
    "daily": ("By day", "trends", {"range": RANGE, "interval": "day", "series": [{"event": "purchase"}]}),
    "names": ("Names", "trends", {"range": RANGE, **NAMED, "limit": 3}),
    "path": ("Path", "funnel", {"range": RANGE, "steps": [{"event": "product_view"}, {"event": "purchase"}]}),
    "back": ("Back", "retention", {"range": RANGE, "interval": "week", "periods": 4}),
}  # fmt: skip


def put(site: Any, path: str, body: Any) -> None:
    request = urllib.request.Request(f"{site.url}{path}", json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=30).close()


def delete(site: Any, path: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{site.url}{path}", method="DELETE"), timeout=30).close()


@pytest.fixture
def board(site: Any) -> Iterator[str]:
    """Save a dashboard of every analysis, and take it away again."""
    for id, (label, analysis, params) in METRICS.items():
        put(site, f"/v1/metrics/{id}", {"label": label, "analysis": analysis, "params": params})
    tiles = [{"metric": id, "width": 4} for id in METRICS]
    put(site, "/v1/dashboards/board", {"label": "Monday", "tiles": tiles})
    yield "board"
    delete(site, "/v1/dashboards/board")


def open_board(site: Any, open_page: Callable[..., Page], query: str = "?id=board") -> Page:
    page = open_page(f"{site.url}/#/dashboards{query}")
    page.wait_for_selector(".tile")
    expect(page.locator(".tile .busy-line")).to_have_count(0)
    return page


def read_tiles(site: Any) -> list[Any]:
    tiles: list[Any] = site.ask("/v1/dashboards/board")["tiles"]
    return tiles


def wait_for_tiles(site: Any, page: Page, wanted: list[str]) -> None:
    for _ in range(50):
        if [tile["metric"] for tile in read_tiles(site)] == wanted:
            return
        page.wait_for_timeout(50)
    assert [tile["metric"] for tile in read_tiles(site)] == wanted


def test_tiles_show_what_the_api_answers(site: Any, board: str, open_page: Callable[..., Page]) -> None:
    page = open_board(site, open_page)
    found = {id: site.ask(f"/v1/metrics/{id}/answer") for id in METRICS}
    tile = lambda label: page.get_by_role("region", name=label, exact=True)  # noqa: E731
    expect(tile("People").locator(".tile-figure b")).to_have_text(
        f"{found['people']['series'][0]['total']:,}"
    )
    expect(tile("Names").get_by_role("listitem")).to_have_text(
        [
            re.compile(f"{row['group'][0] if not row['other'] else 'Other'}.*{row['total']:,}")
            for row in found["names"]["series"]
        ]
    )
    expect(tile("Path").locator(".tile-share")).to_have_text(f"{found['path']['conversion'] * 100:.1f}%")
    counts = tile("Path").locator(".bar-list b").all_inner_texts()
    assert counts == [f"{step['count']:,}" for step in found["path"]["steps"]]
    tile("By day").locator(".chart").focus()
    page.keyboard.press("ArrowRight")
    point = found["daily"]["series"][0]["points"][0]
    expect(tile("By day").locator("[aria-live]")).to_contain_text(f"purchase {point['value']}")
    tile("Back").locator(".chart").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    share = round(found["back"]["average"][1]["share"] * 100)
    expect(tile("Back").locator("[aria-live]")).to_contain_text(f"{share}%")
    page.get_by_role("link", name="Path", exact=True).click()
    expect(page.get_by_role("heading", name="Funnel")).to_be_visible()


def test_tile_of_any_analysis_is_drawn_as_on_its_page(
    site: Any, board: str, open_page: Callable[..., Page]
) -> None:
    question = {"event": "purchase", "range": RANGE, "interval": "week"}
    body = {"label": "Loyal", "analysis": "stickiness", "params": question}
    put(site, "/v1/metrics/loyal", body)
    put(site, "/v1/dashboards/board", {"label": "Monday", "tiles": [{"metric": "loyal"}]})
    page = open_board(site, open_page)
    found = site.analysis("stickiness", question)
    tile = page.get_by_role("region", name="Loyal")
    expect(tile.locator(".figure b").first).to_have_text(f"{found['users']:,}")
    tile.locator(".number-button").first.click()
    expect(page.get_by_role("heading", name="Stickiness")).to_be_visible()


def test_range_of_the_page_replaces_that_of_the_tiles(
    site: Any, board: str, open_page: Callable[..., Page]
) -> None:
    page = open_board(site, open_page, "?id=board&from=2024-05-01&to=2024-05-08")
    found = site.ask("/v1/metrics/people/answer?from=2024-05-01&to=2024-05-08")
    figure = page.get_by_role("region", name="People", exact=True).locator(".tile-figure b")
    expect(figure).to_have_text(f"{found['series'][0]['total']:,}")
    page.get_by_role("button", name="Ranges as saved").click()
    total = site.ask("/v1/metrics/people/answer")["series"][0]["total"]
    expect(figure).to_have_text(f"{total:,}")


def test_board_is_edited_by_keys_alone(site: Any, board: str, open_page: Callable[..., Page]) -> None:
    page = open_board(site, open_page)
    page.get_by_role("button", name="Edit", exact=True).press("Enter")
    page.get_by_role("button", name=re.compile("^Move or resize People")).focus()
    page.keyboard.press("ArrowRight")
    wait_for_tiles(site, page, ["daily", "people", "names", "path", "back"])
    assert "People" in page.evaluate("document.activeElement.getAttribute('aria-label')"), "focus stays"
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".board > [role=status]")).to_have_text("People is 6 twelfths wide.")
    page.get_by_role("button", name="Rename Names").press("Enter")
    page.get_by_role("textbox", name="Name", exact=True).fill("What they do")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove Path").press("Enter")
    page.get_by_label("How to draw By day").select_option("number")
    wait_for_tiles(site, page, ["daily", "people", "names", "back"])
    page.wait_for_timeout(200)
    tiles = {tile["metric"]: tile for tile in read_tiles(site)}
    assert tiles["people"]["width"] == 6
    assert tiles["names"]["title"] == "What they do"
    assert tiles["daily"]["kind"] == "number"
    page.get_by_role("button", name="Done").press("Enter")
    page.reload()
    headings = page.locator(".tile h2")
    expect(headings).to_have_text(["By day", "People", "What they do", "Back"])


def test_tile_is_dragged_and_stretched(site: Any, board: str, open_page: Callable[..., Page]) -> None:
    page = open_board(site, open_page)
    page.get_by_role("button", name="Edit", exact=True).click()
    names = page.get_by_role("region", name="Names", exact=True)
    target = names.bounding_box()
    page.locator(".tile-handle").first.hover()
    page.mouse.down()
    page.mouse.move(target["x"] + 50, target["y"] + 60, steps=4)
    page.mouse.up()
    wait_for_tiles(site, page, ["daily", "names", "people", "path", "back"])
    edge = page.locator(".tile").first.locator(".tile-edge").bounding_box()
    page.mouse.move(edge["x"] + 7, edge["y"] + edge["height"] / 2)
    page.mouse.down()
    page.mouse.move(page.locator(".board").bounding_box()["width"] * 0.7 + 220, edge["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert read_tiles(site)[0]["width"] == 8


def test_tile_is_added_and_board_made_and_deleted(
    site: Any, board: str, open_page: Callable[..., Page]
) -> None:
    page = open_board(site, open_page)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("button", name="Add a tile").click()
    page.get_by_role("button", name="What it shows").click()
    page.locator(".picker-search input").fill("Who comes back")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".tile h2").last).to_have_text("Who comes back, by week")
    added = read_tiles(site)[-1]["metric"]
    assert site.ask(f"/v1/metrics/{added}")["analysis"] == "retention"
    page.get_by_role("button", name="New dashboard").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Second one")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="This dashboard is empty")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete the dashboard").click()
    expect(page.get_by_role("heading", name="Monday")).to_be_visible()
    assert [row["id"] for row in site.ask("/v1/dashboards")["dashboards"] if row["id"] == "second-one"] == []


def test_change_of_somebody_else_is_not_overwritten(
    site: Any, board: str, open_page: Callable[..., Page]
) -> None:
    page = open_board(site, open_page)
    page.get_by_role("button", name="Edit", exact=True).click()
    put(site, "/v1/dashboards/board", {"label": "Theirs", "tiles": [{"metric": "path"}]})
    page.get_by_role("button", name="Remove People").click()
    expect(page.get_by_role("heading", name="Theirs")).to_be_visible()
    expect(page.locator(".tile h2")).to_have_text(["Path"])
    open_page.complaints.clear()  # type: ignore[attr-defined]  # the browser reports the 409


def test_full_screen_shows_the_tiles_and_nothing_else(
    site: Any, board: str, open_page: Callable[..., Page]
) -> None:
    page = open_board(site, open_page)
    page.get_by_role("button", name="Full screen").click()
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect(page.locator(".tile")).to_have_count(5)
    page.get_by_role("button", name="Leave full screen").click()
    expect(page.get_by_role("navigation")).to_be_visible()


def test_board_is_fresh_by_itself(site: Any, board: str, open_page: Callable[..., Page]) -> None:
    page = open_board(site, open_page)
    page.clock.install()
    page.goto(f"{site.url}/#/dashboards?id=board&refresh=15")
    page.reload()
    expect(page.locator(".tile .busy-line")).to_have_count(0)
    with page.expect_response("**/v1/analyses/funnel"):
        page.clock.run_for(20_000)


def test_board_makes_itself_of_the_events_and_is_kept(site: Any, open_page: Callable[..., Page]) -> None:
    for row in site.ask("/v1/dashboards")["dashboards"]:
        delete(site, f"/v1/dashboards/{row['id']}")
    page = open_board(site, open_page, "")
    figure = page.get_by_role("region", name="People", exact=True).locator(".tile-figure b")
    question = {"range": RANGE, "series": [{"event": None, "measure": "users"}]}
    expect(figure).to_have_text(f"{site.analysis('trends', question)['series'][0]['total']:,}")
    expect(page.get_by_role("region", name="From home to purchase")).to_contain_text("got through")
    page.get_by_role("button", name="Keep and edit").click()
    page.get_by_role("button", name="Done").click()
    expect(figure).to_have_text(f"{site.analysis('trends', question)['series'][0]['total']:,}")
    kept = site.ask("/v1/dashboards/overview")
    assert len(kept["tiles"]) == page.locator(".tile").count() == 10
    delete(site, "/v1/dashboards/overview")
