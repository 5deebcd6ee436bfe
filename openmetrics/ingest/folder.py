"""Own a spool folder: make it, lock it, recover it after a crash, and remove it when drained.

Each process appends to folders of its own under `<data_dir>/spool`, named `<lane>-<random>`. The lock
on the file `lock` in it says that its owner lives; the lock on `spool/lock` is held while folders are
made, adopted and removed, so that nobody adopts one that is just being made.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import orjson

from openmetrics.ingest.positions import Positions
from openmetrics.settings import SettingsError

Lane = Literal["live", "import"]
LANES: tuple[Lane, ...] = ("live", "import")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A sealed file: `size` bytes of whole lines that begin at position `start` of their folder."""

    path: Path
    start: int
    size: int
    opened_s: float

    @property
    def end(self) -> int:
        """Return the position after the last line."""
        return self.start + self.size


@dataclass(eq=False, slots=True)
class Folder:
    """A locked folder with its sealed files, oldest first. The deque is thread-safe."""

    path: Path
    lane: Lane
    positions: Positions
    lock_fd: int
    files: deque[SpoolFile] = field(default_factory=deque)

    @property
    def name(self) -> str:
        """Return the name that is unique to this folder."""
        return self.path.name

    def release(self) -> None:
        """Give up the lock, so that a pump may adopt the folder. Idempotent."""
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
            self.lock_fd = -1


def create_folder(root: Path, lane: Lane) -> Folder:
    """Make and lock a new folder under `root`. Raises SettingsError where that cannot be written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _lock_root(root):
            path = root / f"{lane}-{os.urandom(8).hex()}"
            path.mkdir()
            lock_fd = _try_lock(path)
            if lock_fd is None:
                raise OSError("the new folder is locked already")
            folder = Folder(path, lane, Positions.create(path / "positions"), lock_fd)
        for made in (path, root, root.parent):
            sync_folder(made)
    except OSError as error:
        raise SettingsError(
            f"the data folder {root.parent} cannot be written ({error.strerror or error}); set data_dir to "
            "a folder with free space that this user may write"
        ) from error
    return folder


def adopt_folders(root: Path) -> list[Folder]:
    """Lock and recover every folder whose owner has died."""
    adopted = []
    with _lock_root(root):
        for path in iter_folders(root):
            lock_fd = _try_lock(path)
            if lock_fd is None:
                continue
            folder = Folder(path, lane_of(path.name), Positions.create(path / "positions"), lock_fd)
            _recover(folder)
            adopted.append(folder)
    return adopted


def remove_folder(root: Path, folder: Folder) -> None:
    """Delete a drained folder and give up its lock. Call it when no store may still lag behind."""
    with _lock_root(root):
        for path in folder.path.iterdir():
            path.unlink()
        folder.path.rmdir()
        folder.release()


def iter_folders(root: Path) -> Iterator[Path]:
    """Iterate over the folders of all lanes."""
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return
    for name in sorted(names):
        if name.startswith(LANES):
            yield root / name


def iter_positions(root: Path) -> Iterator[tuple[Path, Positions]]:
    """Read the record of every folder; one that is being made or removed is passed over."""
    for path in iter_folders(root):
        try:
            yield path, Positions(path / "positions")
        except (OSError, ValueError):
            continue


def lane_of(name: str) -> Lane:
    """Return the lane that a folder's name begins with."""
    return "import" if name.startswith("import") else "live"


def is_owned(path: Path) -> bool:
    """Say whether a living process holds the folder."""
    fd = _try_lock(path)
    if fd is not None:
        os.close(fd)
    return fd is None


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power loss."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def list_files(path: Path) -> list[Path]:
    """List a folder's files of lines, oldest first."""
    return sorted(path.glob("*.ndjson"))


def start_of(path: Path) -> int:
    """Return the position at which a file begins, from its name."""
    return int(path.stem.split("-")[0])


@contextmanager
def _lock_root(root: Path) -> Iterator[None]:
    fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _try_lock(path: Path) -> int | None:
    try:
        fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        return None  # removed meanwhile
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _recover(folder: Folder) -> None:
    """List the files of a dead owner and cut what it never acknowledged."""
    paths = list_files(folder.path)
    starts = [start_of(path) for path in paths]
    positions = folder.positions
    last = b""
    for path, start, following in zip(paths, starts, [*starts[1:], None], strict=False):
        size = path.stat().st_size
        if following is None or start + size != following:
            last = path.read_bytes()
            size = readable_length(last)
            if size < len(last):
                os.truncate(path, size)
        if following is not None and start + size < following:
            _LOG.error("Spool file %s has lost %d bytes", path, following - start - size)
        if size == 0:
            path.unlink()
            continue
        opened_s = time.monotonic() - max(0.0, time.time() - path.stat().st_mtime)
        folder.files.append(SpoolFile(path, start, size, opened_s))
    if folder.files:
        positions.acked = folder.files[-1].end
        positions.stored = folder.files[0].start
        positions.lines = positions.acked * last.count(b"\n") // max(1, len(last))
    else:
        positions.acked = positions.stored = max(positions.acked, positions.stored)


def readable_length(content: bytes) -> int:
    """Return the length up to the last whole line that is a JSON object: the rest was never promised."""
    end = content.rfind(b"\n") + 1
    while end:
        begin = content.rfind(b"\n", 0, end - 1) + 1
        if is_readable(content[begin:end]):
            break
        end = begin
    return end


def is_readable(line: bytes) -> bool:
    """Say whether a line is a JSON object."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
