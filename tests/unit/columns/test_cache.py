"""What questions see: everything stored before, nothing that was taken back, within budget and deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openmetrics.columns.cache import ColumnCache
from openmetrics.columns.slices import Plan
from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.event import link_line, tombstone_line
from openmetrics.query.model import Comparison, Did, Field
from openmetrics.settings import load_settings
from openmetrics.store.base import Deletion, Partition, QueryTimeoutError, QueryTooLargeError, Shard, Store
from openmetrics.store.duckdb import ENGINE as DUCKDB
from openmetrics.store.memory import MemoryStore
from openmetrics.testing.columns import open_view, read_rows
from openmetrics.testing.journeys import DAY_MS, NOON_MS, make_event, to_lines

OpenCache = Callable[..., ColumnCache]
PLAN = Field("props", "plan")


class Lagging(MemoryStore):
    """A store with a gap below its newest facts, as another writer makes: `settled` is its checkpoint."""

    settled = 10**9

    def partitions(self) -> list[Partition]:
        """List partitions with checkpoints at most `settled`."""
        return [
            replace(part, shards=tuple(Shard(s.id, min(s.checkpoint, self.settled)) for s in part.shards))
            for part in super().partitions()
        ]


class Slow(MemoryStore):
    """A store whose scans of events wait."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()
        self.scanned: list[str] = []

    def scan(self, partition: Partition, since: Mapping[str, int], columns: Sequence[str]) -> Iterator[Any]:
        """Read facts once the gate is open."""
        if partition.kind == "event":
            self.scanned.append(partition.period)
            self.is_open.wait(30)
        return super().scan(partition, since, columns)


@pytest.fixture
def duckdb(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store on disk."""
    store = DUCKDB.open(load_settings({"data_dir": str(tmp_path / "data")}, environ={}))
    store.ensure_schema()
    yield store
    store.close()


def test_view_sees_what_was_stored_before(store: MemoryStore, open_cache: OpenCache) -> None:
    cache = open_cache(store)
    assert read_rows(open_view(cache)) == {}
    store.write(to_lines(make_event("a", 5, user_id="u"), make_event("b", NOON_MS, user_id="u")))
    assert read_rows(open_view(cache)) == {("u", None): [5, NOON_MS]}
    store.write(to_lines(make_event("c", NOON_MS - 1, user_id="u"), make_event("d", NOON_MS)))
    assert read_rows(open_view(cache)) == {("u", None): [5, NOON_MS - 1, NOON_MS]}
    assert read_rows(open_view(cache, NOON_MS, NOON_MS + 1)) == {("u", None): [NOON_MS]}
    assert read_rows(open_view(cache, None, 5)) == {}


def test_ranges_open_only_the_months_that_they_touch(store: MemoryStore, open_cache: OpenCache) -> None:
    cache = open_cache(store)
    store.write(to_lines(*(make_event("a", NOON_MS + 31 * n * DAY_MS, user_id="u") for n in (-2, -1, 0, 1))))
    open_view(cache, NOON_MS - 31 * DAY_MS, NOON_MS + 1)
    states = {month["period"]: month["state"] for month in cache.report()["months"]}
    assert states == {"2026.09": "waiting", "2026.10": "ready", "2026.11": "ready", "2026.12": "waiting"}


def test_unsettled_events_serve_one_answer_and_are_read_again(open_cache: OpenCache) -> None:
    store = Lagging()
    cache = open_cache(store, tail_rows=0)
    store.write(to_lines(make_event("a", NOON_MS, user_id="u", properties={"plan": "x"})))
    store.settled = 0
    store.write(to_lines(make_event("b", NOON_MS + 1, user_id="u", properties={"plan": "y"})))
    plan = Plan((Comparison(PLAN, "exists"),))
    assert read_rows(open_view(cache), plan) == {("u", None): [NOON_MS, NOON_MS + 1]}
    (period,) = {part.period for part in store.partitions() if part.kind == "event"}
    taken_back = store._facts["event", period].popitem()[1]
    assert read_rows(open_view(cache), plan) == {("u", None): [NOON_MS]}
    store._facts["event", period][taken_back["id"]] = taken_back
    assert read_rows(open_view(cache), plan) == {("u", None): [NOON_MS, NOON_MS + 1]}
    store.settled = 10**9
    assert read_rows(open_view(cache), plan) == {("u", None): [NOON_MS, NOON_MS + 1]}


def test_a_link_moves_what_a_session_did(store: MemoryStore, open_cache: OpenCache) -> None:
    cache = open_cache(store, tail_rows=0)
    store.write(to_lines(*(make_event("a", NOON_MS + n, session_id=f"s{n % 2}") for n in range(4))))
    assert read_rows(open_view(cache)) == {
        (None, "s0"): [NOON_MS, NOON_MS + 2], (None, "s1"): [NOON_MS + 1, NOON_MS + 3],
    }  # fmt: skip
    store.write(link_line("1", "u", "s0", NOON_MS, NOON_MS, True))
    assert read_rows(open_view(cache)).keys() == {("u", None), (None, "s1")}
    store.write(link_line("2", "v", "s0", NOON_MS + 1, NOON_MS, True))
    assert read_rows(open_view(cache)) == {
        ("u", None): [NOON_MS], ("v", None): [NOON_MS + 2], (None, "s1"): [NOON_MS + 1, NOON_MS + 3],
    }  # fmt: skip
    store.write(to_lines(make_event("a", NOON_MS + 9, session_id="s1")))
    assert read_rows(open_view(cache))[None, "s1"] == [NOON_MS + 1, NOON_MS + 3, NOON_MS + 9]


def test_a_small_month_grows_at_once(store: MemoryStore, open_cache: OpenCache) -> None:
    cache = open_cache(store, tail_rows=10)
    expected = {}
    for count in (5, 40, 3):
        events = [make_event("a", NOON_MS + n, user_id=f"u{n % 7}", session_id=f"s{n}") for n in range(count)]
        store.write(to_lines(*events))
        for event in events:
            expected.setdefault((event.user_id, None), []).append(event.time_ms)
        found = read_rows(open_view(cache))
        assert found == {unit: sorted(times) for unit, times in expected.items()}


def test_erasure_drops_events_from_memory_and_disk(
    duckdb: Store, tmp_path: Path, open_cache: OpenCache
) -> None:
    cache = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    events = [
        make_event("a", NOON_MS + n, user_id=user, session_id=f"of {user}", properties={"plan": f"of {user}"})
        for n, user in enumerate(("secret person", "other person"))
    ]
    duckdb.write(to_lines(*events))
    assert len(read_rows(open_view(cache), Plan((Comparison(PLAN, "exists"),)))) == 2
    assert any(b"secret" in path.read_bytes() for path in (tmp_path / "columns").rglob("*.arrow"))
    duckdb.write(tombstone_line(1, ["secret person"], [], NOON_MS + 5))
    assert read_rows(open_view(cache)).keys() == {("other person", None)}
    present = [path for path in newest_files(tmp_path / "columns") if b"secret" in path.read_bytes()]
    assert present == []
    again = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    assert read_rows(open_view(again)).keys() == {("other person", None)}


def newest_files(folder: Path) -> list[Path]:
    """Return the files of the newest generation of every month."""
    months = [path for path in folder.iterdir() if path.is_dir()]
    return [
        file for month in months for file in max(path for path in month.iterdir() if path.is_dir()).iterdir()
    ]


def test_who_comes_back_after_an_erasure_is_seen(store: MemoryStore, open_cache: OpenCache) -> None:
    cache = open_cache(store, tail_rows=0)
    store.write(to_lines(make_event("a", NOON_MS, user_id="u", received_ms=1)))
    open_view(cache)
    store.write(tombstone_line(1, ["u"], [], 5))
    late, new = (make_event("a", NOON_MS + n, user_id="u", received_ms=n) for n in (4, 6))
    store.write(to_lines(late, new))
    assert read_rows(open_view(cache)) == {("u", None): [NOON_MS + 6]}


def test_months_that_are_gone_vanish(duckdb: Store, tmp_path: Path, open_cache: OpenCache) -> None:
    cache = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    duckdb.write(to_lines(*(make_event("a", NOON_MS + n * 31 * DAY_MS, user_id="u") for n in range(2))))
    assert len(read_rows(open_view(cache))[("u", None)]) == 2
    duckdb.delete(Deletion((), periods=("2026.11",)))
    assert read_rows(open_view(cache)) == {("u", None): [NOON_MS + 31 * DAY_MS]}
    assert not list((tmp_path / "columns" / "2026.11").glob("*/*.arrow"))
    duckdb.write(to_lines(make_event("b", NOON_MS + 7, user_id="u")))
    assert read_rows(open_view(cache))[("u", None)] == [NOON_MS + 7, NOON_MS + 31 * DAY_MS]


def test_files_are_used_again_by_the_next_process(
    duckdb: Store, tmp_path: Path, open_cache: OpenCache
) -> None:
    plan = Plan((Comparison(PLAN, "eq", "x"),))
    duckdb.write(
        to_lines(*(make_event("a", NOON_MS + n, user_id="u", properties={"plan": "x"}) for n in range(5)))
    )
    first = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    assert len(read_rows(open_view(first), plan)[("u", None)]) == 5
    files = sorted((tmp_path / "columns").rglob("*.arrow"))
    first.close()
    second = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    assert len(read_rows(open_view(second), plan)[("u", None)]) == 5
    assert sorted((tmp_path / "columns").rglob("*.arrow")) == files


def test_two_workers_share_what_one_of_them_has_sorted(
    duckdb: Store, tmp_path: Path, open_cache: OpenCache
) -> None:
    plan = Plan((Comparison(PLAN, "eq", "x"),))
    workers = [open_cache(duckdb, tmp_path / "columns", tail_rows=3) for _ in range(2)]
    for round in range(6):
        events = [
            make_event("a", NOON_MS + 10 * round + n, user_id=f"u{n}", properties={"plan": "x"})
            for n in range(4)
        ]
        duckdb.write(to_lines(*events))
        answers = [read_rows(open_view(worker), plan) for worker in (workers[round % 2], workers[0])]
        assert answers[0] == answers[1]
        assert sum(map(len, answers[0].values())) == 4 * (round + 1)


@pytest.mark.parametrize("harm", ["events", "manifest", "column:props.plan", "all"])
def test_damaged_files_are_made_anew(duckdb: Store, tmp_path: Path, open_cache: OpenCache, harm: str) -> None:
    import json

    plan = Plan((Comparison(PLAN, "eq", "x"),))
    duckdb.write(
        to_lines(*(make_event("a", NOON_MS + n, user_id="u", properties={"plan": "x"}) for n in range(5)))
    )
    first = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    expected = read_rows(open_view(first), plan)
    first.close()
    month = tmp_path / "columns" / "2026.11"
    manifest = json.loads((month / "manifest.json").read_bytes())
    if harm == "manifest":
        (month / "manifest.json").write_bytes(b"{")
    for name, entry in manifest["files"].items():
        if harm in (name, "all"):
            path = month / manifest["generation"] / entry["file"]
            path.write_bytes(path.read_bytes()[:-100] + bytes(100))
    second = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    assert read_rows(open_view(second), plan) == expected


def test_a_folder_that_cannot_be_written_costs_time_only(
    duckdb: Store, tmp_path: Path, open_cache: OpenCache
) -> None:
    (tmp_path / "columns").write_bytes(b"in the way")
    duckdb.write(to_lines(make_event("a", NOON_MS, user_id="u")))
    cache = open_cache(duckdb, tmp_path / "columns", tail_rows=0)
    assert read_rows(open_view(cache)) == {("u", None): [NOON_MS]}


def test_a_question_that_comes_too_early_is_told_to_wait(open_cache: OpenCache) -> None:
    store = Slow()
    store.write(to_lines(make_event("a", NOON_MS, user_id="u")))
    cache = open_cache(store)
    with pytest.raises(OpenMetricsError) as refused:
        open_view(cache, wait_s=0.1)
    assert refused.value.code == "preparing"
    assert refused.value.retry_after_s
    assert refused.value.members == {"progress": 0.0}
    assert cache.report()["months"][0]["state"] == "preparing"
    store.is_open.set()
    assert read_rows(open_view(cache)) == {("u", None): [NOON_MS]}


def test_questions_that_come_together_share_one_reading(open_cache: OpenCache) -> None:
    store = Slow()
    store.write(to_lines(make_event("a", NOON_MS, user_id="u")))
    cache = open_cache(store)
    found: list[Any] = []
    together = threading.Barrier(9)

    def ask() -> None:
        together.wait()
        found.append(read_rows(open_view(cache)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    together.wait()
    time.sleep(1)
    store.is_open.set()
    for thread in threads:
        thread.join()
    assert found == [{("u", None): [NOON_MS]}] * 8
    assert len(store.scanned) <= 3


def test_a_kernel_past_its_deadline_is_given_up(store: MemoryStore, open_cache: OpenCache) -> None:
    store.write(to_lines(make_event("a", NOON_MS, user_id="u")))
    view = open_view(open_cache(store), wait_s=0.3)
    time.sleep(0.4)
    with pytest.raises((QueryTimeoutError, OpenMetricsError)) as refused:
        read_rows(view)
    assert refused.value.code in ("query-timeout", "preparing")


def test_a_range_beyond_the_budget_is_refused(store: MemoryStore, open_cache: OpenCache) -> None:
    store.write(to_lines(*(make_event("a", NOON_MS + n, user_id=f"u{n}") for n in range(50))))
    cache = open_cache(store, budget_bytes=1_000, tail_rows=0)
    with pytest.raises(QueryTooLargeError, match="columns_budget"):
        open_view(cache)
    assert read_rows(open_view(cache, 0, 1)) == {}


def test_budget_lets_go_of_what_was_not_asked_for_lately(store: MemoryStore, open_cache: OpenCache) -> None:
    store.write(
        to_lines(
            *(
                make_event("a", NOON_MS + m * 31 * DAY_MS + n, user_id=f"u{n}", properties={"plan": f"p{n}"})
                for m in range(3)
                for n in range(50)
            )
        )
    )
    cache = open_cache(store, budget_bytes=7_000, tail_rows=0)
    for m in range(3):
        first = NOON_MS + m * 31 * DAY_MS
        read_rows(open_view(cache, first, first + 100), Plan((Comparison(PLAN, "exists"),)))
        cache.warm()
    months = {month["period"]: month for month in cache.report()["months"]}
    assert sum(month["bytes"] for month in months.values()) <= 7_000
    assert months["2026.11"]["state"] == "waiting"
    assert months["2027.01"]["state"] == "ready"
    assert len(read_rows(open_view(cache, NOON_MS, NOON_MS + 100))) == 50


def test_warm_prepares_every_month_with_the_columns_asked_for(
    store: MemoryStore, open_cache: OpenCache
) -> None:
    store.write(to_lines(*(make_event("a", NOON_MS + n * 31 * DAY_MS, user_id="u") for n in range(3))))
    cache = open_cache(store, tail_rows=0)
    read_rows(open_view(cache, NOON_MS, NOON_MS + 1), Plan((Comparison(PLAN, "eq", "x"),)))
    cache.warm()
    for month in cache.report()["months"]:
        assert month["state"] == "ready"
        assert month["columns"] == ["name", "props.plan"]


def test_follow_warms_until_it_is_closed(store: MemoryStore, open_cache: OpenCache) -> None:
    store.write(to_lines(make_event("a", NOON_MS, user_id="u")))
    cache = open_cache(store)
    cache.follow(pause_s=0.01)
    deadline = time.monotonic() + 10
    while not cache.report()["months"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert cache.report()["months"][0]["period"] == "2026.11"


def test_did_looks_at_all_history(store: MemoryStore, open_cache: OpenCache) -> None:
    store.write(
        to_lines(
            make_event("buy", 5, user_id="u"),
            make_event("open", NOON_MS, user_id="u"),
            make_event("open", NOON_MS, user_id="v"),
        )
    )
    view = open_view(open_cache(store), NOON_MS, NOON_MS + 1)
    bought = Did(("buy",), None, 1, None, None)
    assert read_rows(view, Plan((None,), where=bought)) == {("u", None): [NOON_MS]}
    assert view.actor_mask(bought).sum() == 1
