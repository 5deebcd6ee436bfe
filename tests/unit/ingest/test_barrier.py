"""The barrier: a lookup sees what was acknowledged before it (ruling E10)."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.barrier import Barrier
from openmetrics.ingest.names import Names
from openmetrics.ingest.pump import Pump
from openmetrics.ingest.road import Road
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings
from openmetrics.store.base import StoreUnavailableError

Line = Callable[..., bytes]


@pytest.fixture
def settings(make_settings: Any) -> Settings:
    return make_settings(spool_file_age_s=60)


@pytest.fixture
def road(settings: Settings, store: Any) -> Iterator[Road]:
    road = Road(settings, store)
    yield road
    store.failure = None
    store.gate.set()
    road.close()


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_wait_without_events_asks_the_store_nothing(road: Road, store: Any) -> None:
    store.failure = StoreUnavailableError()
    road.barrier.wait(soon())
    assert store.refreshes == 0


def test_wait_without_a_spool_returns(settings: Settings, store: Any) -> None:
    Barrier(settings, store).wait(soon())
    assert store.refreshes == 0


def test_wait_stores_and_refreshes_what_was_acknowledged(road: Road, store: Any, line: Line) -> None:
    for n in range(20):
        road.spool.append(line(n))
        road.barrier.wait(soon())
        assert len(store.ids()) == n + 1
        assert store.refreshes == n + 1


def test_wait_again_refreshes_nothing(road: Road, store: Any, line: Line) -> None:
    road.spool.append(line(1))
    for _ in range(3):
        road.barrier.wait(soon())
    assert store.refreshes == 1


def test_wait_for_stored_but_unseen_events_refreshes_once(road: Road, store: Any, line: Line) -> None:
    road.spool.append(line(1))
    road.spool.seal()
    while road.spool.folder.positions.backlog_bytes:
        time.sleep(0.001)
    road.barrier.wait(soon())
    assert store.refreshes == 1


def test_waits_together_share_a_seal_and_a_refresh(road: Road, store: Any, line: Line) -> None:
    store.gate.clear()
    road.spool.append(line(1))
    with ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(road.barrier.wait, soon()) for _ in range(8)]
        while not store.attempts:
            time.sleep(0.001)
        time.sleep(0.05)
        store.gate.set()
        for wait in waits:
            wait.result()
    assert len(store.writes) == 1
    assert store.refreshes == 1


def test_wait_ends_at_the_deadline_with_the_backlog(road: Road, store: Any, line: Line) -> None:
    store.gate.clear()
    road.spool.append(line(1) + line(2))
    begun = time.monotonic()
    with pytest.raises(OpenMetricsError) as caught:
        road.barrier.wait(begun + 0.1)
    assert 0.1 <= time.monotonic() - begun < 1
    assert caught.value.code == "preparing"
    assert caught.value.retry_after_s == 2
    assert "About 2 events" in caught.value.detail
    assert caught.value.members == {"backlog_events": 2, "backlog_bytes": len(line(1) + line(2))}


def test_wait_does_not_hold_threads_while_the_store_is_away(road: Road, store: Any, line: Line) -> None:
    store.failure = StoreUnavailableError()
    road.spool.append(line(1))
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        road.barrier.wait(soon(30))
    assert time.monotonic() - begun < 5
    store.failure = None
    while road.pump.trouble:
        time.sleep(0.01)
    road.barrier.wait(soon())
    assert store.ids() == ["1"]


def test_wait_passes_on_that_a_refresh_failed(road: Road, store: Any, line: Line) -> None:
    road.spool.append(line(1))
    road.spool.seal()
    while road.spool.folder.positions.backlog_bytes:
        time.sleep(0.001)
    store.failure = StoreUnavailableError()
    with pytest.raises(StoreUnavailableError):
        road.barrier.wait(soon())
    store.failure = None
    road.barrier.wait(soon())
    assert store.refreshes == 1


def test_wait_for_the_folder_of_another_owner(road: Road, settings: Settings, store: Any, line: Line) -> None:
    other_spool = Spool(settings)
    other_pump = Pump(settings, store, Names(store, 10))
    other_pump.add(other_spool)
    other_pump.start()
    other_spool.append(line(1))
    road.barrier.wait(soon())
    assert store.ids() == ["1"]
    other_pump.stop(0)


def test_wait_for_the_folder_of_a_dead_process(
    road: Road, settings: Settings, store: Any, line: Line
) -> None:
    dead = Spool(settings)
    dead.append(line(1))
    dead.folder.release()
    road.barrier.wait(soon())
    assert store.ids() == ["1"]


def test_wait_for_events_of_a_killed_process(road: Road, settings: Settings, store: Any, line: Line) -> None:
    code = """
import os, signal, sys
from openmetrics.ingest.spool import Spool
from openmetrics.settings import load_settings
spool = Spool(load_settings({"data_dir": sys.argv[1]}, {}))
spool.append(sys.stdin.buffer.read())
os.kill(os.getpid(), signal.SIGKILL)
"""
    lines = line(1) + line(2)
    subprocess.run([sys.executable, "-c", code, settings.data_dir], input=lines, check=False, timeout=60)
    road.barrier.wait(soon())
    assert store.ids() == ["1", "2"]


def test_wait_passes_over_imports(road: Road, settings: Settings, store: Any, line: Line) -> None:
    imports = Spool(settings, "import")
    road.pump.add(imports)
    store.gate.clear()
    imports.append(line(1))
    road.barrier.wait(soon(0.1))
    assert store.ids() == []
    imports.close()


def test_wait_without_a_pump_of_its_own(road: Road, settings: Settings, store: Any, line: Line) -> None:
    road.spool.append(line(1))
    Barrier(settings, store).wait(soon())
    assert store.ids() == ["1"]


def test_wait_sees_every_append_before_it_under_load(road: Road, store: Any, line: Line) -> None:
    stop = threading.Event()

    def append(index: int) -> None:
        n = 0
        while not stop.is_set():
            road.spool.append(line(f"load-{index}-{n}"))
            n += 1

    threads = [threading.Thread(target=append, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for n in range(15):
        road.spool.append(line(f"mine-{n}"))
        road.barrier.wait(soon())
        assert f"mine-{n}" in set(store.ids())
    stop.set()
    for thread in threads:
        thread.join()
