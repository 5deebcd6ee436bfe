"""Files that are damaged, gigantic or hostile: a clear message with the line, in memory that stays small."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.client import Running
from openmetrics_plugins.importer import source
from openmetrics_plugins.importer.numbering import Numbering
from openmetrics_plugins.importer.source import DamagedError, Source

Write = Callable[[str, bytes | str], Path]


def lines(count: int) -> bytes:
    """Return events, one a line."""
    events = (
        {"name": "a", "time": 1_709_287_200_000 + n, "user_id": f"u{n % 9}", "value": n} for n in range(count)
    )
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_gzip_file_that_is_cut_off(app: Running, bring: Any, on_error: str) -> None:
    content = gzip.compress(lines(5_000), 1)
    job = bring(app, content[: len(content) // 2], on_error=on_error)
    assert job["state"] == "failed"
    assert "The gzip data ends early" in job["detail"]
    assert job["detail"].startswith("After line ")
    line = int(job["detail"].split()[2].rstrip(":"))
    found = app.client.simulate_get("/v1/catalog/events").json["events"]
    if on_error == "stop":
        assert found == []
    else:
        assert 0 < found[0]["count"] <= line < 5_000
        assert job["accepted"] == found[0]["count"]


def test_a_broken_line_far_in(app: Running, bring: Any) -> None:
    job = bring(app, lines(9_000) + b"{broken\n" + lines(9_010)[len(lines(9_000)) :])
    assert job["detail"].startswith("Line 9001: ")
    job = bring(app, lines(9_000) + b"{broken\n" + lines(9_010)[len(lines(9_000)) :], on_error="skip")
    assert (job["accepted"], [row["line"] for row in job["refusals"]]) == (9_010, [9_001])


def test_a_gigantic_line_is_passed_over_in_small_memory(write: Write) -> None:
    path = write("a.gz", gzip.compress(lines(1) + b'{"name": "' + b"x" * 60_000_000 + b'"}\n' + lines(1), 1))
    opened = Source(path, 2 << 20)
    tracemalloc.start()
    rows = list(opened.iter_rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    opened.close()
    assert [(row.line, row.code) for row in rows] == [(1, ""), (2, "payload-too-large"), (3, "")]
    assert peak < 20_000_000


def test_a_bomb_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BOMB_BYTES", 1 << 20)
    packer = zlib.compressobj(9, wbits=31)
    blanks = b"\n" * (1 << 20)
    path = write(
        "bomb.gz", packer.compress(lines(1)) + b"".join(map(packer.compress, [blanks] * 30)) + packer.flush()
    )
    opened = Source(path, 1 << 20)
    with pytest.raises(DamagedError, match="more than 200 times its size"):
        list(opened.iter_rows())
    opened.close()


def test_rows_of_a_table_that_are_broken(app: Running, bring: Any) -> None:
    content = (
        b'time,name,note\n2024-03-01,a,x\n2024-03-01,a\n2024-03-01,a,"two\nlines"\n2024-03-01,a,\xff\n'
        b"2024-03-01,a,x,y\nnever,a,x\n\n2024-03-02,b,z\n"
    )
    job = bring(app, content, on_error="skip")
    assert job["accepted"] == 3
    assert [(row["line"], row["detail"][:30]) for row in job["refusals"]] == [
        (3, "The row has 2 cells, the heade"), (6, "Line 6 is no UTF-8."),
        (7, "The row has 4 cells, the heade"), (8, "'never' is no time that exists"),
    ]  # fmt: skip


def test_a_quote_that_is_not_closed(write: Write) -> None:
    path = write("a.csv", 'time,name\n2024-03-01,a\n2024-03-01,"a\n' + "2024-03-01,b\n" * 500)
    opened = Source(path, 1_000)
    rows = list(opened.iter_rows())
    opened.close()
    assert rows[0].content == {"time": "2024-03-01", "name": "a"}
    assert (rows[1].line, rows[1].code) == (3, "malformed-json")
    assert "quote" in rows[1].detail
    assert sum(row.content is not None for row in rows) > 300, "reading goes on behind it"


@pytest.mark.parametrize(
    "content", [b'[{"a": 1}, {"a": ', b'[{"a": 1}, nonsense]', b'[{"a": 1}', b'[{"a": "\xff"}]']
)
def test_a_list_that_is_broken(write: Write, content: bytes) -> None:
    opened = Source(write("a.json", content), 1_000)
    with pytest.raises(Exception, match=r"cannot be read|does not end|no UTF-8"):
        list(opened.iter_rows())
    opened.close()


def test_a_list_is_read_across_windows(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [{"n": 10**20 + n, "t": "é" * (n % 7), "f": 1.5} for n in range(50)]
    for chunk in (1, 2, 7, 64):
        monkeypatch.setattr("openmetrics_plugins.importer.array.CHUNK", chunk)
        opened = Source(write("a.json", json.dumps(values, indent=2, ensure_ascii=False)), 10_000)
        rows = list(opened.iter_rows())
        opened.close()
        assert [row.content for row in rows] == values
        assert [row.line for row in rows] == [2 + 5 * n for n in range(50)]


def test_equal_records_stay_apart_and_keep_their_ids() -> None:
    keys = [b"a", b"b", b"a", b"c", b"a", b"b"]
    first, second = Numbering("x"), Numbering("x")
    ids = [first.next_id(key) for key in keys]
    assert len(set(ids)) == 6
    assert ids == [second.next_id(key) for key in keys]
    assert Numbering("y").next_id(b"a") != ids[0], "another format has other ids"
