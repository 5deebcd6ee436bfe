"""A pack's metrics fit the events that there are, and every one of them can be answered."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import click
import pytest

from openmetrics import cli
from openmetrics.testing.client import running
from openmetrics.testing.process import server
from openmetrics_plugins.packs.fitting import PACKS, fit_pack

NAMES = {
    "web": ("$pageview", "Page View"),
    "shop": ("Product Viewed", "add_to_cart", "beginCheckout", "Order Completed", "purchase"),
    "saas": ("Signed Up", "login", "subscribed", "cancelled"),
}
PROPERTIES = {"path": "/", "referrer": "a", "revenue": 2.5, "product": "tea", "plan": "pro"}


def test_of_several_names_the_one_of_most_events_is_taken() -> None:
    fitted = fit_pack("shop", {"purchase": 3, "Order Completed": 5, "x": 9}, {"Amount": 2})
    assert fitted.chosen == {"@order": "Order Completed", "#revenue": "Amount"}
    assert fitted.metrics["shop-revenue"]["params"]["series"] == [
        {"event": "Order Completed", "measure": "sum", "of": "props.Amount"}
    ]
    assert fitted.missing["shop-funnel"] == "an event for product"
    assert [tile["metric"] for tile in fitted.dashboard["tiles"]] == list(fitted.metrics)
    fitted = fit_pack("shop", {"buy": 1}, {})
    assert fitted.metrics["shop-revenue"]["params"]["series"][0]["of"] == "value"


def test_every_metric_has_a_tile() -> None:
    for pack in PACKS.values():
        assert list(pack["tiles"])
        assert set(pack["tiles"]) == set(pack["metrics"])


@pytest.mark.parametrize("pack", PACKS)
def test_installed_metrics_are_answered(
    pack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(tmp_path / "data")
    events = [
        {"name": name, "time": 1_709_287_200_000 + n, "user_id": "ada", "properties": PROPERTIES}
        for n, name in enumerate(NAMES[pack])
    ]
    with running(store="duckdb", data_dir=data) as app:
        assert app.client.simulate_post("/v1/collect", json=events).status_code == 202
    command = ("packs", "install", pack, "--data-dir", data)
    assert cli.commands(command, standalone_mode=False) in (0, None)
    count = len(PACKS[pack]["metrics"])
    said = capsys.readouterr().out
    assert f"{count} metrics are new, of {count} that fit; the dashboard {pack} is saved" in said
    assert cli.commands(command, standalone_mode=False) in (0, None)
    assert f"0 metrics are new, of {count} that fit" in capsys.readouterr().out
    with running(store="duckdb", data_dir=data) as app:
        [dashboard] = app.client.simulate_get("/v1/dashboards").json["dashboards"]
        for tile in dashboard["tiles"]:
            path = f"/v1/metrics/{tile['metric']}/answer?from=2024-02-01&to=2024-04-01"
            answer = app.client.simulate_get(path)
            assert answer.status_code == 200, answer.text
        for metric in app.client.simulate_get("/v1/metrics").json["metrics"]:
            answer = app.client.simulate_put(f"/v1/metrics/{metric['id']}", json=metric)
            assert answer.status_code == 200, answer.text


def test_a_running_server_takes_a_pack(capsys: pytest.CaptureFixture[str]) -> None:
    with server(store="memory") as process:
        arguments = ("packs", "install", "web", "--url", process.url)
        with pytest.raises(click.ClickException, match="nothing of this pack fits"):
            cli.commands(arguments, standalone_mode=False)
        event = json.dumps({"name": "pageview", "user_id": "ada", "properties": {"path": "/"}})
        urllib.request.urlopen(f"{process.url}/v1/collect", data=event.encode(), timeout=30).read()
        assert cli.commands(arguments, standalone_mode=False) in (0, None)
        said = capsys.readouterr().out
        assert "web-referrers is left out: there is not a property for referrer" in said
        assert "5 metrics are new, of 5 that fit; the dashboard web is saved" in said
        assert cli.commands(arguments, standalone_mode=False) in (0, None)
        assert "0 metrics are new, of 5 that fit; the dashboard web was there" in capsys.readouterr().out
