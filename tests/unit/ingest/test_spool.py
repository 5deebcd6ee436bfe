"""The spool: what it acknowledges is on the disk, whatever the disk does."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.folder import list_files
from openmetrics.ingest.spool import Disk, Spool
from openmetrics.settings import Settings, SettingsError


class BadDisk(Disk):
    """A disk that fails at the calls it is told to, by their number."""

    def __init__(self, **failing: set[int]) -> None:
        self.failing = failing
        self.calls: dict[str, int] = {"write": 0, "sync": 0}
        self.synced: list[str] = []

    def _count(self, call: str) -> bool:
        self.calls[call] += 1
        return self.calls[call] in self.failing.get(call, set())

    def write(self, fd: int, content: bytes) -> None:
        """Write half and fail, or write."""
        if self._count("write"):
            super().write(fd, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(fd, content)

    def sync(self, fd: int) -> None:
        """Fail or sync."""
        self.synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        if self._count("sync"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(fd)


class SlowDisk(Disk):
    """A disk whose syncs wait for the test."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.entered = threading.Event()
        self.sizes: list[int] = []

    def write(self, fd: int, content: bytes) -> None:
        """Remember the size of each group."""
        self.sizes.append(content.count(b"\n"))
        super().write(fd, content)

    def sync(self, fd: int) -> None:
        """Wait, then sync."""
        self.entered.set()
        assert self.go.wait(10)
        super().sync(fd)


def content_of(spool: Spool) -> bytes:
    return b"".join(path.read_bytes() for path in list_files(spool.folder.path))


def test_append_returns_when_lines_are_in_the_file(settings: Settings) -> None:
    spool = Spool(settings)
    spool.append(b'{"a":1}\n{"a":2}\n')
    spool.append(b'{"a":3}\n')
    assert content_of(spool) == b'{"a":1}\n{"a":2}\n{"a":3}\n'
    assert spool.folder.positions.acked == 24
    assert spool.stats().appended_lines == 3
    assert spool.stats().fsyncs == 2


def test_append_nothing_does_nothing(settings: Settings) -> None:
    spool = Spool(settings)
    spool.append(b"")
    assert list_files(spool.folder.path) == []


def test_append_torn_line_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="newline"):
        Spool(settings).append(b"{}")


def test_append_many_threads_keeps_every_line_once(settings: Settings) -> None:
    spool = Spool(settings)
    expected = [f'{{"n":{n}}}\n'.encode() for n in range(2000)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(spool.append, expected))
    assert sorted(content_of(spool).splitlines(keepends=True)) == sorted(expected)
    assert spool.stats().fsyncs < 2000


def test_append_during_a_sync_joins_the_next_group(settings: Settings) -> None:
    disk = SlowDisk()
    spool = Spool(settings, disk=disk)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(spool.append, b"{}\n")
        assert disk.entered.wait(10)
        others = [pool.submit(spool.append, b"{}\n") for _ in range(8)]
        while sum(len(group.chunks) for group in [spool._group] if group) < 8:
            time.sleep(0.001)
        assert not first.done()
        disk.go.set()
        for future in [first, *others]:
            future.result()
    assert disk.sizes == [1, 8]


def test_file_is_sealed_at_its_size(make_settings: Any) -> None:
    spool = Spool(make_settings(spool_file_bytes=10))
    for _ in range(3):
        spool.append(b'{"a":1}\n')
    assert [(file.start, file.size) for file in spool.folder.files] == [(0, 16)]
    assert len(list_files(spool.folder.path)) == 2


def test_file_is_sealed_at_its_age(make_settings: Any) -> None:
    spool = Spool(make_settings(spool_file_age_s=0.05))
    spool.append(b"{}\n")
    spool.seal_if_due()
    assert not spool.folder.files
    time.sleep(0.06)
    spool.seal_if_due()
    assert len(spool.folder.files) == 1


def test_file_is_sealed_on_demand_once(settings: Settings) -> None:
    spool = Spool(settings)
    spool.append(b"{}\n")
    spool.folder.positions.seal = spool.folder.positions.acked
    spool.seal_if_due()
    assert len(spool.folder.files) == 1
    spool.append(b"{}\n")
    spool.seal_if_due()
    assert len(spool.folder.files) == 1


def test_write_failure_tells_all_waiters_and_begins_a_new_file(settings: Settings) -> None:
    disk = BadDisk(write={2})
    spool = Spool(settings, disk=disk)
    spool.append(b'{"n":1}\n')
    with pytest.raises(OpenMetricsError) as caught:
        spool.append(b'{"n":2}\n')
    assert caught.value.code == "buffer-full"
    assert caught.value.retry_after_s
    assert "No space left" in caught.value.detail
    assert "free space" in caught.value.detail
    spool.append(b'{"n":3}\n')
    spool.seal()
    assert content_of(spool) == b'{"n":1}\n{"n":3}\n'
    assert [file.start for file in spool.folder.files] == [0, 8]
    assert spool.stats().failures == 1


def test_sync_failure_is_never_repeated_on_the_same_file(settings: Settings) -> None:
    disk = BadDisk(sync={2})
    spool = Spool(settings, disk=disk)
    spool.append(b'{"n":1}\n')
    with pytest.raises(OpenMetricsError, match="takes no writes"):
        spool.append(b'{"n":2}\n')
    spool.append(b'{"n":3}\n')
    assert disk.synced[0] == disk.synced[1] != disk.synced[2]
    assert content_of(spool) == b'{"n":1}\n{"n":3}\n'


def test_failed_first_write_leaves_no_file(settings: Settings) -> None:
    spool = Spool(settings, disk=BadDisk(sync={1, 2}))
    for _ in range(2):
        with pytest.raises(OpenMetricsError):
            spool.append(b"{}\n")
    assert list_files(spool.folder.path) == []
    spool.append(b"{}\n")
    assert content_of(spool) == b"{}\n"


def test_failure_reaches_every_waiter_of_the_group(settings: Settings) -> None:
    class Full(SlowDisk):
        def sync(self, fd: int) -> None:
            super().sync(fd)
            if len(self.sizes) == 2:
                raise OSError(errno.EIO, "I/O error")

    disk = Full()
    spool = Spool(settings, disk=disk)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(spool.append, b"{}\n")
        assert disk.entered.wait(10)
        others = [pool.submit(spool.append, b"{}\n") for _ in range(8)]
        while sum(len(group.chunks) for group in [spool._group] if group) < 8:
            time.sleep(0.001)
        disk.go.set()
        first.result()
        for future in others:
            with pytest.raises(OpenMetricsError):
                future.result()
    assert content_of(spool) == b"{}\n"


def test_spool_over_its_size_refuses_and_says_when_to_come_back(make_settings: Any) -> None:
    spool = Spool(make_settings(spool_bytes=100))
    spool.append(b'"' + b"x" * 60 + b'"\n')
    assert 0.6 < spool.pressure() < 0.7
    with pytest.raises(OpenMetricsError, match="buffer is full") as caught:
        spool.append(b'"' + b"x" * 60 + b'"\n')
    assert caught.value.code == "buffer-full"
    assert caught.value.retry_after_s == 10


def test_spool_counts_what_other_folders_hold(make_settings: Any) -> None:
    settings = make_settings(spool_bytes=100)
    dead = Spool(settings)
    dead.append(b"x" * 89 + b"\n")
    dead.close()
    assert Spool(settings).pressure() == pytest.approx(0.9)


def test_append_after_close_is_refused(settings: Settings) -> None:
    spool = Spool(settings)
    spool.append(b"{}\n")
    spool.close()
    spool.close()
    assert len(spool.folder.files) == 1
    with pytest.raises(OpenMetricsError, match="stopping"):
        spool.append(b"{}\n")


def test_spool_in_a_forked_child_refuses(settings: Settings) -> None:
    code = """
import os, sys
from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.spool import Spool
from openmetrics.settings import load_settings
spool = Spool(load_settings({"data_dir": sys.argv[1]}, {}))
spool.append(b"{}\\n")
child = os.fork()
if child == 0:
    try:
        spool.append(b"{}\\n")
    except OpenMetricsError:
        os._exit(3)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
spool.append(b"{}\\n")
assert spool.folder.positions.acked == 6
"""
    subprocess.run([sys.executable, "-c", code, settings.data_dir], check=True, timeout=60)


def test_disk_that_is_really_full_refuses_and_recovers(settings: Settings) -> None:
    code = """
import resource, sys
from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.folder import list_files
from openmetrics.ingest.spool import Spool
from openmetrics.settings import load_settings
spool = Spool(load_settings({"data_dir": sys.argv[1]}, {}))
spool.append(b"[1]\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
try:
    spool.append(b"[22222222]\\n" * 3)
except OpenMetricsError as error:
    assert error.code == "buffer-full", error
else:
    raise AssertionError("acknowledged what was not written")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append(b"[3]\\n")
files = list_files(spool.folder.path)
assert b"".join(path.read_bytes() for path in files) == b"[1]\\n[3]\\n", files
"""
    subprocess.run([sys.executable, "-c", code, settings.data_dir], check=True, timeout=60)


@pytest.mark.parametrize("is_file", [True, False])
def test_data_folder_that_cannot_be_written_gives_one_clear_error(
    make_settings: Any, tmp_path: Path, is_file: bool
) -> None:
    if is_file:
        (tmp_path / "file").write_text("")
    data_dir = str(tmp_path / "file") if is_file else "/proc/nowhere"
    with pytest.raises(SettingsError, match=r"cannot be written .* set data_dir to a folder"):
        Spool(make_settings(data_dir=data_dir))


def test_two_spools_take_two_folders(settings: Settings) -> None:
    assert Spool(settings).folder.path != Spool(settings).folder.path
