"""The journal: stored files stay for some days, and a store can be rebuilt from them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from openmetrics.ingest.dead_letters import read_letters
from openmetrics.ingest.folder import SpoolFile
from openmetrics.ingest.journal import Journal, iter_journal, replay
from openmetrics.ingest.names import Names
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings
from openmetrics.store.base import StoreUnavailableError

Line = Callable[..., bytes]
DAY_MS = 86_400_000
NOW_MS = 1_795_617_234_567


def keep(settings: Settings, journal: Journal, lines: bytes, now_ms: int) -> SpoolFile:
    spool = Spool(settings)
    spool.append(lines)
    spool.close()
    (file,) = spool.folder.files
    journal.keep(file, now_ms)
    return file


def kept(settings: Settings) -> list[bytes]:
    return [path.read_bytes() for path in iter_journal(settings.data_path)]


def test_keep_moves_files_in_order(settings: Settings, line: Line) -> None:
    journal = Journal(settings)
    for n in range(3):
        file = keep(settings, journal, line(n), NOW_MS + n * DAY_MS // 48)
        assert not file.path.exists()
    assert kept(settings) == [line(0), line(1), line(2)]


def test_keep_when_the_clock_goes_back_stays_in_order(settings: Settings, line: Line) -> None:
    journal = Journal(settings)
    keep(settings, journal, line(1), NOW_MS)
    keep(settings, journal, line(2), NOW_MS - DAY_MS)
    assert sorted(kept(settings)) == [line(1), line(2)]
    assert len(list((settings.data_path / "journal").iterdir())) == 1


def test_keep_nothing_where_no_journal_is_wanted(make_settings: Any, line: Line) -> None:
    settings = make_settings(journal_days=0)
    file = keep(settings, Journal(settings), line(1), NOW_MS)
    assert not file.path.exists()
    assert kept(settings) == []


def test_keep_where_the_journal_cannot_be_written_deletes(
    settings: Settings, line: Line, caplog: Any
) -> None:
    settings.data_path.mkdir()
    (settings.data_path / "journal").write_text("no folder")
    file = keep(settings, Journal(settings), line(1), NOW_MS)
    assert not file.path.exists()
    assert "could not be kept" in caplog.text


def test_prune_deletes_what_is_too_old(make_settings: Any, line: Line) -> None:
    settings = make_settings(journal_days=1)
    journal = Journal(settings)
    for n in range(4):
        keep(settings, journal, line(n), NOW_MS + n * DAY_MS // 2)
    assert journal.prune(NOW_MS + 2 * DAY_MS - 1) == 2
    assert kept(settings) == [line(2), line(3)]
    assert len(list((settings.data_path / "journal").iterdir())) == 2


def test_prune_makes_room_for_the_spool(make_settings: Any, line: Line, caplog: Any) -> None:
    free = shutil.disk_usage("/").free
    settings = make_settings(spool_bytes=free * 2)
    journal = Journal(settings)
    keep(settings, journal, line(1), NOW_MS)
    assert journal.prune(NOW_MS) == 1
    assert kept(settings) == []
    assert "nearly full" in caplog.text


def test_prune_without_a_journal_does_nothing(settings: Settings) -> None:
    assert Journal(settings).prune(NOW_MS) == 0


def test_replay_rebuilds_a_store(settings: Settings, store: Any, line: Line) -> None:
    journal = Journal(settings)
    keep(settings, journal, line(1, new=["a"], a=1), NOW_MS)
    keep(settings, journal, line(2, b=1) + b'{"kind":"x"}\n', NOW_MS + 1000)
    done = replay(settings, store)
    assert (done.files, done.stored, done.duplicate, done.refused) == (2, 2, 0, 1)
    assert store.ids() == ["1", "2"]
    assert store.refreshes == 1
    names = Names(store, 10)
    names.load()
    assert names.known == {"a", "b"}
    assert [letter.code for letter in read_letters(settings.data_path)] == ["schema-violation"]
    again = replay(settings, store)
    assert (again.stored, again.duplicate, again.refused) == (0, 2, 1)
    assert len(list(read_letters(settings.data_path))) == 1


def test_replay_since_takes_later_files_only(settings: Settings, store: Any, line: Line) -> None:
    journal = Journal(settings)
    keep(settings, journal, line(1), NOW_MS)
    keep(settings, journal, line(2), NOW_MS + DAY_MS)
    assert replay(settings, store, NOW_MS + 1).files == 1
    assert store.ids() == ["2"]


def test_replay_respects_the_limit_of_names(make_settings: Any, store: Any, line: Line) -> None:
    settings = make_settings(max_property_names=1)
    keep(settings, Journal(settings), line(1, a=1, b=1), NOW_MS)
    replay(settings, store)
    assert b'"has":["a"]' in store.writes[0]


def test_replay_puts_a_breaking_line_aside(settings: Settings, store: Any, line: Line) -> None:
    store.poison = b'"id":"2"'
    keep(settings, Journal(settings), line(1) + line(2) + line(3), NOW_MS)
    assert replay(settings, store).refused == 1
    assert store.ids() == ["1", "3"]


def test_replay_into_a_store_that_is_away_says_so(settings: Settings, store: Any, line: Line) -> None:
    keep(settings, Journal(settings), line(1), NOW_MS)
    store.failure = StoreUnavailableError()
    with pytest.raises(StoreUnavailableError):
        replay(settings, store)
