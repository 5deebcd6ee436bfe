"""The parts of the Elasticsearch store that need no server."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from openmetrics.settings import SettingsError, load_settings
from openmetrics.store.elastic import ENGINE
from openmetrics.store.elastic.naming import Names, document_id
from openmetrics.store.elastic.offsets import split_range
from openmetrics.store.elastic.refresh import SharedRefresh
from openmetrics.store.elastic.writer import HEAD
from openmetrics.testing.journeys import NOON_MS, make_event, to_lines


def test_names_begin_with_the_prefix() -> None:
    names = Names("shop")
    assert names.month("2026.11") == "shop-events-2026.11"
    assert names.period("shop-events-old") == "old"


@pytest.mark.parametrize("prefix", ["", "Shop", "-shop", "sh op", "a*", "a,b", "x" * 101])
def test_names_refuse_a_prefix_that_is_no_index_name(prefix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ENGINE.open(load_settings({"elasticsearch_index_prefix": prefix}, environ={}))
    assert "elasticsearch_index_prefix" in caught.value.detail


@pytest.mark.parametrize("url", ["", "localhost", "http://", "http://host:port"])
def test_open_refuses_an_address_that_is_none(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ENGINE.open(load_settings({"elasticsearch_url": url}, environ={}))
    assert "elasticsearch_url" in caught.value.detail


def test_document_id_is_a_hash_where_it_would_be_too_long() -> None:
    assert document_id("op", "x") == "op:x"
    long = document_id("op", "é" * 255)
    assert long.startswith("op:")
    assert len(long) == 67
    assert long != document_id("op", "é" * 254 + "è")


def test_head_of_a_line_is_found_without_parsing() -> None:
    event = make_event(event_id='a"b\\', also="2026.10")
    found = HEAD.match(to_lines(event))
    assert found is not None
    assert found.groups() == (b"event", b'a\\"b\\\\', str(NOON_MS).encode(), b"2026.10")
    plain = HEAD.match(to_lines(make_event(event_id="x")))
    assert plain is not None
    assert plain[4] is None


def test_split_range_at_changes_of_the_clocks() -> None:
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (2026, 2027))
    stretches = split_range(start, end, "Europe/Berlin")
    assert [stretch.time_zone for stretch in stretches] == ["+01:00", "+02:00", "+01:00"]
    assert stretches[0].start_ms == start
    assert stretches[-1].end_ms == end
    spring = datetime(2026, 3, 29, 3, tzinfo=ZoneInfo("Europe/Berlin"))
    assert stretches[1].start_ms == spring.timestamp() * 1000
    assert [stretch.time_zone for stretch in split_range(start, end, "UTC")] == ["+00:00"]
    assert [stretch.time_zone for stretch in split_range(0, 1, "Africa/Monrovia")] == ["-00:44:30"]
    assert len(split_range(-62_135_596_800_000, 0, "Asia/Kolkata")) > 1


def test_shared_refresh_serves_all_who_wait_by_one() -> None:
    begun = threading.Semaphore(0)
    may_end = threading.Semaphore(0)
    runs = []

    def run() -> None:
        runs.append(len(runs))
        begun.release()
        may_end.acquire()

    refresh = SharedRefresh(run)
    threads = [threading.Thread(target=refresh) for _ in range(5)]
    threads[0].start()
    begun.acquire()
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.05)
    may_end.release(5)
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert len(runs) == 2, "the first, and one for the four who came while it ran"


def test_shared_refresh_tells_all_who_wait_of_its_failure() -> None:
    begun = threading.Event()
    may_end = threading.Event()
    failures = []

    def run() -> None:
        begun.set()
        may_end.wait(5)
        raise OSError("down")

    refresh = SharedRefresh(run)

    def ask() -> None:
        try:
            refresh()
        except OSError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    threads[0].start()
    begun.wait(5)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.05)
    may_end.set()
    for thread in threads:
        thread.join(5)
    assert failures == ["down"] * 3
