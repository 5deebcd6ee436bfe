"""The parts of the durable road together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openmetrics.ingest.folder import iter_folders
from openmetrics.ingest.road import Road
from openmetrics.settings import Settings

Line = Callable[..., bytes]


def test_road_close_stores_everything_and_leaves_no_folder(
    settings: Settings, store: Any, line: Line
) -> None:
    road = Road(settings, store)
    road.spool.append(line(1))
    road.close()
    road.close()
    assert store.ids() == ["1"]
    assert list(iter_folders(settings.data_path / "spool")) == []


def test_road_figures_count_what_happened(settings: Settings, store: Any, line: Line) -> None:
    road = Road(settings, store)
    road.spool.append(line(1) + line(1) + b"{}\n")
    road.spool.append(line(2, new=["a"], a=1))
    road.close()
    figures = road.figures()
    assert figures["spool_appended_lines_total"] == 4
    assert figures["spool_appended_bytes_total"] > 0
    assert figures["spool_fsyncs_total"] == 2
    assert figures["store_facts_stored_total"] == 2
    assert figures["store_facts_duplicate_total"] == 1
    assert figures["store_facts_refused_total"] == 1
    assert figures["spool_backlog_bytes"] == 0
    assert figures["spool_oldest_seconds"] == 0
    assert figures["property_names_indexed"] == 1
