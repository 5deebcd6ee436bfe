"""What is DuckDB's own: the file, its lock, loading what it refuses, deadlines."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openmetrics.query.model import (
    AggregateQuery,
    Comparison,
    EventsQuery,
    Field,
    Measure,
    SessionSpan,
    SessionSpans,
)
from openmetrics.settings import SettingsError, load_settings
from openmetrics.store.base import (
    ControlDocument,
    Deletion,
    QueryTimeoutError,
    Store,
    StoreUnavailableError,
    WriteReport,
)
from openmetrics.store.duckdb import open_duckdb
from openmetrics.store.duckdb.load import period_number, period_text
from openmetrics.testing.journeys import DAY_MS, NOON_MS, make_event, to_lines
from openmetrics.testing.write_contract import FACT_LINES, read_facts, read_ids


def _open(folder: Path, **settings: str) -> Store:
    store = open_duckdb(load_settings({"data_dir": str(folder), **settings}, environ={}))
    store.ensure_schema()
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = _open(tmp_path)
    yield store
    store.close()


def test_facts_survive_and_numbers_go_on(tmp_path: Path) -> None:
    store = _open(tmp_path)
    store.write(b"".join(FACT_LINES.values()))
    version = store.control_put(ControlDocument("key", "k", {"a": 1})).version
    before = store.partitions()
    store.close()
    store = _open(tmp_path)
    assert store.partitions() == before
    assert store.write(b"".join(FACT_LINES.values())) == WriteReport(0, 6)
    assert store.write(to_lines(make_event())) == WriteReport(1, 0)
    seqs = [row["seq"] for row in read_facts(store, "event")]
    assert seqs == sorted(seqs)
    assert seqs[-1] > before[0].shards[0].checkpoint
    assert store.control_get("key", "k") == ControlDocument("key", "k", {"a": 1}, version)
    assert store.control_put(ControlDocument("key", "k", {})).version != version
    store.close()


def test_facts_survive_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from openmetrics.store.duckdb.file import open_file\n"
        "store = open_file(Path(sys.argv[1]), '1GB')\n"
        "store.ensure_schema()\n"
        "assert store.write(sys.stdin.buffer.read()).stored == 6\n"
        "os.kill(os.getpid(), 9)\n"
    )
    lines = b"".join(FACT_LINES.values())
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path)], input=lines, check=False, timeout=60)
    assert died.returncode == -9
    (tmp_path / "duckdb-load-left").touch()
    store = _open(tmp_path)
    assert not (tmp_path / "duckdb-load-left").exists()
    assert store.write(lines) == WriteReport(0, 6)
    store.close()


def test_open_twice_in_one_process_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="holds the embedded store"):
        _open(tmp_path)


def test_open_while_another_process_holds_the_file_is_refused(tmp_path: Path) -> None:
    _open(tmp_path).close()
    script = (
        "import duckdb, sys\n"
        "held = duckdb.connect(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "openmetrics.duckdb")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        with pytest.raises(StoreUnavailableError, match="holds the embedded store") as caught:
            _open(tmp_path)
        holder.communicate()
    assert str(tmp_path) not in caught.value.detail
    _open(tmp_path).close()


@pytest.mark.parametrize("content", [b"this is no database" * 1_000, b"\0" * 20_000])
def test_open_of_a_corrupt_file_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "openmetrics.duckdb").write_bytes(content)
    with pytest.raises(StoreUnavailableError, match="does not open") as caught:
        _open(tmp_path)
    assert "replay" in caught.value.detail


def test_open_in_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match="data folder"):
        _open(tmp_path / "file")


def test_open_with_an_odd_memory_limit_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="duckdb_memory"):
        _open(tmp_path, duckdb_memory="plenty")


def test_an_event_line_that_duckdb_refuses_is_found_among_many(store: Store) -> None:
    events = [make_event(event_id=f"e{n:04d}") for n in range(300)]
    lines = to_lines(*events).splitlines(keepends=True)
    lines[150] = lines[150].replace(b'"active":true', b'"active":"perhaps"')
    lines[200] = lines[200].replace(b'"value_num":[1]', b'"value_num":["x"]')
    report = store.write(b"".join(lines))
    assert (report.stored, [refusal.index for refusal in report.refused]) == (298, [150, 200])
    assert {refusal.code for refusal in report.refused} == {"schema-violation"}
    assert len(read_ids(store)) == 298


def test_a_line_longer_than_usual_is_stored(store: Store) -> None:
    assert store.write(to_lines(make_event(data="x" * 20_000_000, has_data=True), make_event())).stored == 2
    assert len(store.events(EventsQuery(limit=1)).events[0].raw) > 20_000_000


@pytest.mark.parametrize("limit", [300_000, 1_500_000])
def test_a_full_disk_is_the_stores_trouble_and_passes(store: Store, limit: int) -> None:
    batches = [to_lines(*(make_event(data="x" * 500, has_data=True) for _ in range(300))) for _ in range(8)]
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with pytest.raises(StoreUnavailableError):
            list(map(store.write, batches))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    reports = [store.write(batch) for batch in batches]
    assert all(report.stored + report.duplicate == 300 for report in reports)
    assert store.aggregate(AggregateQuery((Measure("count"),)))[0].figures == (2_400,)


def test_order_of_numbers_is_order_of_lines_in_a_large_batch(store: Store) -> None:
    events = [make_event(event_id=f"e{n:06d}", time_ms=NOON_MS + n) for n in range(20_000)]
    assert store.write(to_lines(*events)).stored == 20_000
    assert [row["id"] for row in read_facts(store, "event")] == [event.event_id for event in events]


def test_also_decides_line_by_line(store: Store) -> None:
    later = NOON_MS + 30 * DAY_MS
    lines = to_lines(
        make_event(event_id="x", time_ms=later, also="2026.11"),
        make_event(event_id="x", time_ms=NOON_MS, also="2026.12"),
        make_event(event_id="x", time_ms=NOON_MS),
        make_event(event_id="y", time_ms=NOON_MS, properties={"also": "no member of the line"}),
        make_event(event_id="y", time_ms=later, also="2026.11"),
        make_event(event_id="y", time_ms=later, also="2026.10"),
    )
    assert store.write(lines) == WriteReport(4, 2)
    assert store.write(lines) == WriteReport(0, 6)


def test_deadline_interrupts_a_running_question(store: Store) -> None:
    store.write(to_lines(*(make_event(properties={"p": list(range(n, n + 80))}) for n in range(4_000))))
    field = Field("props", "p")
    heavy = AggregateQuery(
        (Measure("count"),), breakdown=(field, field, field), deadline=time.monotonic() + 0.3
    )
    began = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        store.aggregate(heavy)
    assert time.monotonic() - began < 5
    assert len(store.events(EventsQuery(limit=10)).events) == 10


def test_filter_with_thousands_of_spans_is_answered(store: Store) -> None:
    store.write(to_lines(*(make_event(session_id=f"s{n}", time_ms=NOON_MS + n) for n in range(50))))
    spans = SessionSpans(tuple(SessionSpan(f"s{n}", NOON_MS + 10, NOON_MS + 40) for n in range(5_000)))
    assert len(read_ids(store, filter=spans)) == 30
    many = Comparison(Field("session_id"), "in", tuple(f"s{n}" for n in range(20, 10_000)))
    assert len(read_ids(store, filter=many)) == 30


def test_delete_while_a_scan_is_open_works(store: Store) -> None:
    store.write(to_lines(*(make_event(user_id="u") for _ in range(100))))
    (partition,) = store.partitions()
    scan = store.scan(partition, {}, ("id",))
    first = next(scan)
    assert store.delete(Deletion(("event",), Comparison(Field("user_id"), "eq", "u"))) == 100
    assert first.num_rows == 100
    scan.close()
    assert read_ids(store) == []


def test_a_column_that_does_not_exist_is_refused(store: Store) -> None:
    store.write(FACT_LINES["link"])
    (partition,) = store.partitions()
    with pytest.raises(ValueError, match="no column"):
        list(store.scan(partition, {}, ("props.plan",)))


@pytest.mark.parametrize(("period", "number"), [("old", 0), ("2026.11", 202611), ("9999.01", 999901)])
def test_periods_have_numbers(period: str, number: int) -> None:
    assert (period_number(period), period_text(number)) == (number, period)
