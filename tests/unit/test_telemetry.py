"""Figures of several worker processes are one page."""

import os
import time
from pathlib import Path

from prometheus_client import generate_latest

from openmetrics.http.telemetry import Telemetry


def test_render_own_figures_carry_labels() -> None:
    telemetry = Telemetry()
    telemetry.add_source(
        lambda: {'events_rejected_total{code="schema-violation"}': 2, "spool_backlog_bytes": 7}
    )
    telemetry.count_request("/v1/collect", "202", 0.01)
    page = telemetry.render().decode()
    assert 'openmetrics_events_rejected_total{code="schema-violation"} 2.0' in page
    assert "# TYPE openmetrics_spool_backlog_bytes gauge" in page
    assert 'openmetrics_http_requests_total{route="/v1/collect",status="202"} 1.0' in page
    assert 'openmetrics_http_request_seconds_bucket{le="0.025"} 1.0' in page


def test_render_figures_of_other_workers_are_added(tmp_path: Path) -> None:
    ours, theirs, dead = (Telemetry(tmp_path) for _ in range(3))
    for telemetry, count in ((ours, 1), (theirs, 10), (dead, 100)):
        telemetry.add_source(
            lambda count=count: {"events_accepted_total": count, "property_names_indexed": count}
        )
        telemetry.count_request("/", "200", 0.001)
    for number, telemetry in ((1, theirs), (2, dead)):
        (tmp_path / f"{number}.prom").write_bytes(generate_latest(telemetry.registry))
    (tmp_path / f"{os.getpid()}.prom").write_text("old page of our own: not read")
    os.utime(tmp_path / "2.prom", (time.time() - 3600, time.time() - 3600))
    page = ours.render().decode()
    assert "openmetrics_events_accepted_total 11.0" in page
    assert "openmetrics_property_names_indexed 10.0" in page
    assert 'openmetrics_http_requests_total{route="/",status="200"} 2.0' in page
    assert not (tmp_path / "2.prom").exists()


def test_share_leaves_a_page_and_takes_it_away(tmp_path: Path) -> None:
    telemetry = Telemetry(tmp_path)
    telemetry.share(every_s=0.01)
    path = tmp_path / f"{os.getpid()}.prom"
    deadline = time.monotonic() + 10
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert b"openmetrics_start_time_seconds" in path.read_bytes()
    telemetry.close()
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not path.exists()
