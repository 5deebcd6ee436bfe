"""Spool folders: made, locked, recovered after a crash, removed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmetrics.ingest.folder import (
    Folder,
    adopt_folders,
    create_folder,
    is_owned,
    iter_folders,
    list_files,
    readable_length,
    remove_folder,
)
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings

Line = Callable[..., bytes]


@pytest.fixture
def dead(settings: Settings, line: Line) -> Folder:
    """Return the folder of a process that died with one sealed file and one open file."""
    spool = Spool(settings)
    spool.append(line(1))
    spool.seal()
    spool.append(line(2))
    spool.folder.release()
    return spool.folder


def adopt_one(folder: Folder) -> Folder:
    (adopted,) = adopt_folders(folder.path.parent)
    return adopted


def lines_of(folder: Folder) -> bytes:
    return b"".join(file.path.read_bytes()[: file.size] for file in folder.files)


def test_adopt_takes_all_files_as_sealed(dead: Folder, line: Line) -> None:
    adopted = adopt_one(dead)
    assert lines_of(adopted) == line(1) + line(2)
    assert adopted.positions.acked == len(line(1) + line(2))
    assert adopted.positions.stored == 0
    assert adopted.positions.backlog_events == 2
    assert is_owned(adopted.path)
    assert adopt_folders(dead.path.parent) == []


@pytest.mark.parametrize(
    "tail",
    [b'{"kind":"event","id":', b"{}", b"\0" * 100, b"\0\0\n\0\n", b"garbage\n", b"[1]\n", b"\n", b"\xff\n"],
)
def test_adopt_cuts_a_tail_that_was_never_acknowledged(dead: Folder, line: Line, tail: bytes) -> None:
    last = list_files(dead.path)[-1]
    last.write_bytes(last.read_bytes() + tail)
    adopted = adopt_one(dead)
    assert lines_of(adopted) == line(1) + line(2)
    assert last.read_bytes() == line(2)
    assert adopted.positions.acked == len(line(1) + line(2))


def test_adopt_may_keep_whole_lines_that_nobody_was_told_of(dead: Folder, line: Line) -> None:
    last = list_files(dead.path)[-1]
    last.write_bytes(last.read_bytes() + line(3))
    assert lines_of(adopt_one(dead)) == line(1) + line(2) + line(3)


def test_adopt_cuts_what_an_abandoned_file_kept_beyond_its_good_part(dead: Folder, line: Line) -> None:
    first = list_files(dead.path)[0]
    first.write_bytes(first.read_bytes() + b'{"torn')
    assert lines_of(adopt_one(dead)) == line(1) + line(2)


def test_adopt_removes_a_file_without_any_whole_line(dead: Folder, line: Line) -> None:
    last = list_files(dead.path)[-1]
    last.write_bytes(b"{")
    adopted = adopt_one(dead)
    assert lines_of(adopted) == line(1)
    assert list_files(adopted.path) == [adopted.files[0].path]


def test_adopt_lost_bytes_are_reported(dead: Folder, line: Line, caplog: Any) -> None:
    first = list_files(dead.path)[0]
    first.write_bytes(b"")
    assert lines_of(adopt_one(dead)) == line(2)
    assert f"has lost {len(line(1))} bytes" in caplog.text


def test_adopt_without_positions_reads_them_from_the_files(dead: Folder, line: Line) -> None:
    (dead.path / "positions").unlink()
    adopted = adopt_one(dead)
    assert adopted.positions.acked == len(line(1) + line(2))


def test_adopt_drained_folder_waits_for_nothing(settings: Settings) -> None:
    spool = Spool(settings)
    spool.folder.positions.acked = 100
    spool.folder.release()
    assert adopt_one(spool.folder).positions.backlog_bytes == 0


def test_adopt_folder_whose_maker_died_at_once(settings: Settings) -> None:
    (settings.data_path / "spool" / "live-half").mkdir(parents=True)
    (adopted,) = adopt_folders(settings.data_path / "spool")
    assert not adopted.files


def test_folders_made_and_adopted_at_once_are_never_shared(settings: Settings) -> None:
    root = settings.data_path / "spool"
    root.mkdir(parents=True)
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(create_folder, root, "live") for _ in range(50)]
        adopted = [pool.submit(adopt_folders, root) for _ in range(50)]
        assert all(folder.result() for folder in made)
        assert [folder.result() for folder in adopted] == [[]] * 50
    assert len(list(iter_folders(root))) == 50


def test_remove_deletes_the_folder(dead: Folder) -> None:
    adopted = adopt_one(dead)
    remove_folder(dead.path.parent, adopted)
    assert not dead.path.exists()
    assert not list(iter_folders(dead.path.parent))


def test_iter_folders_of_nothing_is_empty(tmp_path: Path) -> None:
    assert list(iter_folders(tmp_path / "nothing")) == []


LINES = st.sampled_from([b"{}\n", b'{"a":1}\n', b"x\n", b"\n", b"\0\n"])


@given(st.lists(LINES), st.sampled_from([b"", b"{", b"{}", b"\0"]))
def test_readable_length_ends_with_the_last_whole_object(lines: list[bytes], torn: bytes) -> None:
    while lines and not lines[-1].startswith(b"{"):
        torn = lines.pop() + torn
    content = b"".join(lines)
    assert readable_length(content + torn) == len(content)
