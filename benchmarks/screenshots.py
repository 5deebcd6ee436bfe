"""Take the README's pictures of the user interface, on the demo's events: `python -m benchmarks.screenshots`.

Needs Chromium and the packages of the extra `dev`; `--url` takes a server that has the demo's events already.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, sync_playwright

from benchmarks.demo import Client, fetch_rows, open_server, send, to_event
from openmetrics.testing.process import find_free_port

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SPRING = {"from": "2024-04-01", "to": "2024-06-30"}
STEPS = ("product_view", "add_to_cart", "cart", "payment_details", "purchase")
PICTURES: dict[str, tuple[str, Any, str, str]] = {
    "explore": (
        "trends",
        {
            "range": SPRING,
            "interval": "week",
            "series": [{"event": "purchase"}],
            "breakdown": ["props.platform"],
        },
        "light",
        ".line-whole",
    ),
    "funnel": ("funnel", {"range": SPRING, "steps": [{"event": name} for name in STEPS]}, "light", ".funnel"),
    "retention": (
        "retention",
        {"range": SPRING, "interval": "week", "periods": 8, "start": {"event": "add_to_cart"}},
        "dark",
        ".cohorts",
    ),
}
"""Name to page, question, theme, and what is there once the answer is."""
SIZE = {"width": 1280, "height": 800}
PATIENCE_MS = 600_000


def take(browser: Browser, url: str) -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name, (page_name, question, theme, ready) in PICTURES.items():
        context = browser.new_context(viewport=SIZE, color_scheme=theme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{url}/#/{page_name}?q={quote(json.dumps(question))}")
        page.wait_for_selector(f".result[aria-busy=false] {ready}", timeout=PATIENCE_MS)
        page.evaluate("document.fonts.ready")
        path = FOLDER / f"{name}.png"
        page.screenshot(path=path)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")
        context.close()


def main() -> None:
    """Take the pictures of a server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running server with the demo's events, instead of one of its own")
    given = parser.parse_args()
    found = shutil.which("chromium")
    if found is None:
        sys.exit("this needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        if given.url:
            take(browser, given.url)
            return
        with open_server(find_free_port()) as url:
            send(Client(url), [to_event(number, row) for number, row in enumerate(fetch_rows(), 1)])
            take(browser, url)


if __name__ == "__main__":
    main()
