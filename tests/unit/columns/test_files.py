"""Files of a month: what was published reads back, whatever else is lost is made anew."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openmetrics.columns.column import to_texts
from openmetrics.columns.files import MonthFolder

GROUPS: dict[str, dict[str, Any]] = {
    "events": {"seq": np.arange(5), "name": np.array([1, 2], dtype=np.int32)},
    "texts": {"texts": to_texts(["a", None, "ü"]), "empty": to_texts(())},
}


def never() -> bool:
    return False


@pytest.fixture
def folder(tmp_path: Path) -> MonthFolder:
    """Give the folder of a month with one generation."""
    folder = MonthFolder(tmp_path / "2026.11", keep_s=0)
    with folder.locked(never):
        folder.publish({"identity": "x"}, GROUPS)
    return folder


def manifest_of(folder: MonthFolder) -> dict[str, Any]:
    manifest = folder.read_manifest()
    assert manifest is not None
    return manifest


def test_published_groups_read_back_as_they_were(folder: MonthFolder) -> None:
    manifest = manifest_of(folder)
    assert manifest["identity"] == "x"
    events, texts = folder.read(manifest, "events"), folder.read(manifest, "texts")
    assert events is not None
    assert texts is not None
    assert events["seq"].tolist() == [0, 1, 2, 3, 4]
    assert events["name"].dtype == np.int32
    assert not events["seq"].flags.writeable
    assert texts["texts"].to_pylist() == ["a", None, "ü"]
    assert texts["empty"].to_pylist() == []
    assert folder.read(manifest, "absent") is None


def test_a_group_is_added_to_its_own_generation_only(folder: MonthFolder) -> None:
    generation = manifest_of(folder)["generation"]
    with folder.locked(never):
        before = folder.stamp()
        assert folder.add(generation, "more", {"codes": np.arange(2)})
        assert not folder.add("another", "more", {"codes": np.arange(2)})
    assert folder.stamp() != before
    found = folder.read(manifest_of(folder), "more")
    assert found is not None
    assert found["codes"].tolist() == [0, 1]
    with folder.locked(never):
        folder.remove("more")
    assert folder.read(manifest_of(folder), "more") is None


@pytest.mark.parametrize("harm", ["flip", "shorten", "remove"])
def test_a_damaged_file_does_not_read_back(folder: MonthFolder, harm: str) -> None:
    manifest = manifest_of(folder)
    path = folder.path / manifest["generation"] / manifest["files"]["events"]["file"]
    content = bytearray(path.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "shorten":
        path.write_bytes(content[:-8])
    else:
        path.unlink()
    assert folder.read(manifest, "events") is None
    assert folder.read(manifest, "texts") is not None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 0}'])
def test_a_manifest_of_another_kind_counts_as_none(folder: MonthFolder, content: bytes) -> None:
    (folder.path / "manifest.json").write_bytes(content)
    assert folder.read_manifest() is None


def test_old_generations_go_and_arrays_in_use_stay(folder: MonthFolder) -> None:
    old = manifest_of(folder)
    events = folder.read(old, "events")
    assert events is not None
    (folder.path / "crashed.new").mkdir()
    for path in (folder.path / "crashed.new", folder.path / old["generation"]):
        os.utime(path, (time.time() - 10, time.time() - 10))
    with folder.locked(never):
        new = folder.publish({"identity": "y"}, GROUPS)
    names = {path.name for path in folder.path.iterdir()}
    assert names == {"lock", "manifest.json", new["generation"]}
    assert events["seq"].tolist() == [0, 1, 2, 3, 4]


def test_the_lock_keeps_others_out_until_they_give_up(folder: MonthFolder) -> None:
    other = MonthFolder(folder.path)
    entered = threading.Event()

    def enter() -> None:
        with other.locked(never):
            entered.set()

    with folder.locked(never):
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.2)
        with pytest.raises(BlockingIOError), MonthFolder(folder.path).locked(lambda: True):
            pass
    assert entered.wait(5)
    thread.join()


def test_remove_leaves_nothing_to_read(folder: MonthFolder) -> None:
    with folder.locked(never):
        folder.remove()
    assert folder.read_manifest() is None
    assert folder.stamp() is None
    assert {path.name for path in folder.path.iterdir()} == {"lock"}
