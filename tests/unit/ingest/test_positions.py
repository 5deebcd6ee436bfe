"""The memory-mapped record of a spool folder's progress."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openmetrics.ingest.positions import Positions


def test_positions_set_by_one_mapping_are_seen_by_another(tmp_path: Path) -> None:
    mine = Positions.create(tmp_path / "positions")
    theirs = Positions(tmp_path / "positions")
    mine.acked, mine.stored, mine.lines, mine.is_troubled = 2**40, 7, 9, True
    theirs.seal = 2**63
    assert (theirs.acked, theirs.stored, theirs.lines, theirs.is_troubled) == (2**40, 7, 9, True)
    assert mine.seal == 2**63


def test_positions_are_seen_by_another_process(tmp_path: Path) -> None:
    mine = Positions.create(tmp_path / "positions")
    code = (
        "import sys; from pathlib import Path; from openmetrics.ingest.positions import Positions;"
        "p = Positions(Path(sys.argv[1])); p.seal = p.acked + 1"
    )
    mine.acked = 41
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "positions")], check=True)
    assert mine.seal == 42


def test_create_existing_keeps_the_numbers(tmp_path: Path) -> None:
    Positions.create(tmp_path / "positions").acked = 5
    assert Positions.create(tmp_path / "positions").acked == 5


def test_create_has_no_holes(tmp_path: Path) -> None:
    Positions.create(tmp_path / "positions")
    status = (tmp_path / "positions").stat()
    assert status.st_size == 64
    assert status.st_blocks > 0


def test_open_missing_or_unfinished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Positions(tmp_path / "positions")
    (tmp_path / "positions").write_bytes(b"")
    with pytest.raises(ValueError, match="mmap"):
        Positions(tmp_path / "positions")


@pytest.mark.parametrize(
    ("acked", "stored", "lines", "events"),
    [(0, 0, 0, 0), (1000, 1000, 10, 0), (1000, 500, 10, 5), (1000, 999, 10, 1), (100, 200, 1, 0)],
)
def test_backlog_counts_what_is_not_stored(
    tmp_path: Path, acked: int, stored: int, lines: int, events: int
) -> None:
    positions = Positions.create(tmp_path / "positions")
    positions.acked, positions.stored, positions.lines = acked, stored, lines
    assert positions.backlog_bytes == max(0, acked - stored)
    assert positions.backlog_events == events
