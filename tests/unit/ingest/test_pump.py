"""The pump: everything that was acknowledged reaches the store, whatever the store does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openmetrics.ingest.backlog import read_status
from openmetrics.ingest.dead_letters import read_letters, replay_letters
from openmetrics.ingest.delivery import Delivery
from openmetrics.ingest.folder import adopt_folders, iter_folders, list_files
from openmetrics.ingest.journal import iter_journal
from openmetrics.ingest.names import Names
from openmetrics.ingest.pump import Pump
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings
from openmetrics.store.base import StoreUnavailableError

Line = Callable[..., bytes]


def wait_until(is_true: Callable[[], Any], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.002)


@pytest.fixture
def settings(make_settings: Any) -> Settings:
    return make_settings(spool_file_age_s=0.02)


@pytest.fixture
def pumps() -> Iterator[list[Pump]]:
    made: list[Pump] = []
    yield made
    for pump in made:
        pump.stop(0)


@pytest.fixture
def start(settings: Settings, store: Any, pumps: list[Pump]) -> Callable[..., Pump]:
    def start(*spools: Spool, on_stored: Any = None) -> Pump:
        pump = Pump(settings, store, Names(store, 10), on_stored)
        pumps.append(pump)
        for spool in spools:
            pump.add(spool)
        pump.start()
        return pump

    return start


Start = Callable[..., Pump]


def test_pump_stores_and_moves_the_file_to_the_journal(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    spool = Spool(settings)
    pump = start(spool)
    spool.append(line(1) + line(2))
    wait_until(lambda: list(iter_journal(settings.data_path)))
    assert store.ids() == ["1", "2"]
    assert spool.folder.positions.stored == spool.folder.positions.acked
    assert list_files(spool.folder.path) == []
    assert [path.read_bytes() for path in iter_journal(settings.data_path)] == [line(1) + line(2)]
    assert (pump.counts.stored, pump.counts.duplicate, pump.trouble) == (2, 0, None)


def test_pump_joins_small_files_into_one_write(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    spool = Spool(settings)
    for n in range(5):
        spool.append(line(n))
        spool.seal()
    start(spool)
    wait_until(lambda: len(store.ids()) == 5)
    assert store.writes == [b"".join(line(n) for n in range(5))]
    assert store.ids() == ["0", "1", "2", "3", "4"]


def test_pump_tells_its_listener_and_survives_it(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    heard: list[Delivery] = []

    def listen(delivery: Delivery) -> None:
        heard.append(delivery)
        raise RuntimeError("a plugin's bug")

    spool = Spool(settings)
    start(spool, on_stored=listen)
    for n in range(2):
        spool.append(line(n))
        wait_until(lambda n=n: len(heard) == n + 1)
    assert [delivery.stored for delivery in heard] == [1, 1]


def test_pump_keeps_trying_while_the_store_is_away(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    store.failure = StoreUnavailableError("nobody there")
    spool = Spool(settings)
    pump = start(spool)
    spool.append(line(1))
    wait_until(lambda: pump.counts.retries >= 2)
    assert pump.trouble == "nobody there"
    assert spool.folder.positions.is_troubled
    spool.append(line(2))
    store.failure = None
    wait_until(lambda: len(store.ids()) == 2)
    wait_until(lambda: pump.trouble is None)
    assert not spool.folder.positions.is_troubled


def test_pump_survives_any_error_of_the_engine(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    store.failure = RuntimeError("a bug")
    spool = Spool(settings)
    pump = start(spool)
    spool.append(line(1) + line(2))
    wait_until(lambda: pump.counts.retries >= 5)
    assert list(read_letters(settings.data_path)) == []
    store.failure = None
    wait_until(lambda: len(store.ids()) == 2)


def test_pump_refused_lines_become_dead_letters(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    spool = Spool(settings)
    pump = start(spool)
    bad = b'{"kind":"surprise","id":"x","time":1}'
    spool.append(line(1) + bad + b"\n" + line(2))
    wait_until(lambda: spool.folder.positions.backlog_bytes == 0)
    assert store.ids() == ["1", "2"]
    (letter,) = read_letters(settings.data_path)
    assert (letter.code, letter.line) == ("schema-violation", bad)
    assert "kind" in letter.detail
    assert letter.time_ms > 0
    assert pump.counts.refused == 1


def test_pump_damaged_line_in_the_middle_costs_no_neighbour(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    store.poison = b"\0\0\0"
    spool = Spool(settings)
    start(spool)
    spool.append(line(1) + b"\0\0\0\n" + line(2))
    wait_until(lambda: len(store.ids()) == 2)
    wait_until(lambda: list(read_letters(settings.data_path)))
    assert [letter.code for letter in read_letters(settings.data_path)] == ["malformed-json"]


def test_pump_line_that_breaks_the_engine_is_put_aside(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    store.poison = b'"id":"13"'
    spool = Spool(settings)
    start(spool)
    spool.append(b"".join(line(n) for n in range(40)))
    wait_until(lambda: len(store.ids()) == 39)
    wait_until(lambda: list(read_letters(settings.data_path)))
    (letter,) = read_letters(settings.data_path)
    assert letter.code == "engine-error"
    assert letter.line + b"\n" == line(13)
    assert "the engine broke" in letter.detail


def test_pump_lone_line_that_breaks_the_engine_waits_for_proof(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    store.poison = b'"id":"13"'
    spool = Spool(settings)
    pump = start(spool)
    spool.append(line(13))
    wait_until(lambda: pump.counts.retries >= 5)
    assert list(read_letters(settings.data_path)) == []
    spool.append(line(14))
    wait_until(lambda: store.ids() == ["14"])
    wait_until(lambda: len(list(read_letters(settings.data_path))) == 1)


def test_replay_letters_gives_them_another_try(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    store.poison = b'"id":"1"'
    spool = Spool(settings)
    start(spool)
    spool.append(line(1, new=["a"], a=1) + line(2))
    wait_until(lambda: list(read_letters(settings.data_path)))
    store.poison = None
    assert replay_letters(settings) == 1
    wait_until(lambda: store.ids() == ["2", "1"])
    assert list(read_letters(settings.data_path)) == []
    assert replay_letters(settings) == 0


def test_pump_agrees_new_names_before_storing(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    spool = Spool(settings)
    start(spool)
    spool.append(line(1, new=["a"], a=1))
    wait_until(lambda: store.ids())
    assert store.writes == [line(1, a=1)]
    assert store.declared == [["a"]]


def test_pump_adopts_the_folder_of_a_dead_process_at_start(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    dead = Spool(settings)
    dead.append(line(1))
    dead.folder.release()
    start()
    wait_until(lambda: store.ids() == ["1"])
    wait_until(lambda: not list(iter_folders(settings.data_path / "spool")))
    assert store.refreshes >= 1


def test_pump_adopts_while_it_runs(settings: Settings, store: Any, start: Start, line: Line) -> None:
    start()
    other = Spool(settings)
    other.append(line(1))
    time.sleep(0.3)
    assert store.ids() == []
    other.folder.release()
    wait_until(lambda: store.ids() == ["1"])


def test_drained_folder_stays_until_the_store_has_refreshed(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    dead = Spool(settings)
    dead.append(line(1))
    dead.folder.release()
    store.failure = StoreUnavailableError()
    start()
    time.sleep(0.3)
    assert dead.folder.path.exists()
    store.failure = None
    wait_until(lambda: not dead.folder.path.exists())


def test_two_pumps_adopt_each_folder_once(settings: Settings, store: Any, start: Start, line: Line) -> None:
    for n in range(20):
        dead = Spool(settings)
        dead.append(line(n))
        dead.folder.release()
    pumps = [start(), start()]
    wait_until(lambda: len(store.ids()) == 20)
    assert sum(pump.counts.stored for pump in pumps) == 20
    assert sum(pump.counts.duplicate for pump in pumps) == 0


def test_pump_takes_live_files_before_imports(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    imports = Spool(settings, "import")
    live = Spool(settings)
    imports.append(line("old"))
    imports.seal()
    live.append(line("new"))
    live.seal()
    start(imports, live)
    wait_until(lambda: len(store.ids()) == 2)
    assert store.ids() == ["new", "old"]


def test_crash_between_store_and_retire_only_gives_duplicates(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    spool = Spool(settings)
    spool.append(line(1) + line(2))
    spool.close()
    store.write(line(1) + line(2))
    pump = start()
    wait_until(lambda: not spool.folder.path.exists())
    assert store.ids() == ["1", "2"]
    assert (pump.counts.stored, pump.counts.duplicate) == (0, 2)


def test_dead_letters_that_cannot_be_kept_keep_the_file(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    spool = Spool(settings)
    (settings.data_path / "dead").write_text("no folder")
    start(spool)
    spool.append(line(1) + b"{}\n")
    wait_until(lambda: store.ids())
    time.sleep(0.05)
    assert spool.folder.positions.stored == 0
    (settings.data_path / "dead").unlink()
    wait_until(lambda: spool.folder.positions.backlog_bytes == 0)
    assert len(list(read_letters(settings.data_path))) == 1


def test_stop_stores_what_is_there_and_leaves_nothing(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    spool = Spool(settings)
    pump = start(spool)
    spool.append(line(1))
    spool.close()
    pump.stop()
    pump.stop()
    assert store.ids() == ["1"]
    assert not spool.folder.path.exists()


def test_stop_while_the_store_is_away_leaves_the_rest_to_the_next(
    settings: Settings, store: Any, start: Start, line: Line
) -> None:
    store.failure = StoreUnavailableError()
    spool = Spool(settings)
    pump = start(spool)
    spool.append(line(1))
    spool.close()
    pump.stop(0.1)
    (folder,) = adopt_folders(settings.data_path / "spool")
    folder.release()
    store.failure = None
    start()
    wait_until(lambda: store.ids() == ["1"])


def test_status_shows_what_waits(settings: Settings, store: Any, start: Start, line: Line) -> None:
    store.failure = StoreUnavailableError()
    spool = Spool(settings)
    pump = start(spool)
    spool.append(line(1) + line(2))
    spool.seal()
    wait_until(lambda: pump.trouble)
    (folder,) = read_status(settings).folders
    assert folder.is_owned
    assert folder.is_troubled
    assert (folder.files, folder.events, folder.bytes) == (1, 2, len(line(1) + line(2)))
    assert 0 <= folder.oldest_s < 5
    assert 0 < pump.oldest_age_s() < 5
    assert pump.backlog_bytes() == folder.bytes
    store.failure = None
    wait_until(lambda: read_status(settings).backlog_bytes == 0)
    wait_until(lambda: pump.oldest_age_s() == 0)
    wait_until(lambda: read_status(settings).journal_files >= 1)
