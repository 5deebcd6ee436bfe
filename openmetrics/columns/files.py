"""Files of a month: immutable arrays, published by renaming a manifest that holds their checksums.

A folder holds `manifest.json`, `lock`, and one folder a generation. A generation's files never change;
columns are added to it by a new manifest. What does not read back is not there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 1 << 22
LOCK_POLL_S = 0.05
Arrays = Mapping[str, Any]


class MonthFolder:
    """The files of one month. Safe for several processes: whoever changes them holds `locked`."""

    def __init__(self, path: Path, keep_s: float = 60.0) -> None:
        self.path = path
        self._keep_s = keep_s
        """How long old generations stay, for processes that are about to open them."""

    @contextmanager
    def locked(self, is_stopped: Callable[[], bool]) -> Iterator[None]:
        """Hold the lock that all processes share. Raises OSError where the folder cannot be used."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("ab") as file:
            while not _try_lock(file):
                if is_stopped():
                    raise BlockingIOError("another process is sorting this month")
                time.sleep(LOCK_POLL_S)
            yield

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes whenever another manifest is published; None where there is none."""
        try:
            found = (self.path / MANIFEST).stat()
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest, or None where there is none that can be read."""
        try:
            manifest = json.loads((self.path / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return None
        is_ours = isinstance(manifest, dict) and manifest.get("format") == FORMAT
        return manifest if is_ours else None

    def read(self, manifest: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        """Map a group of arrays into memory, or return None where it does not read back."""
        entry = manifest["files"].get(name)
        if entry is None:
            return None
        path = self.path / manifest["generation"] / entry["file"]
        try:
            if path.stat().st_size != entry["bytes"] or _checksum(path) != entry["crc32"]:
                return None
            return _map_arrays(path)
        except (OSError, ValueError):
            return None

    def publish(self, manifest: Mapping[str, Any], groups: Mapping[str, Arrays]) -> dict[str, Any]:
        """Write groups of arrays as a new generation and make it the present one. Hold the lock."""
        generation = f"{time.time_ns():x}-{uuid.uuid4().hex[:8]}"
        temporary = self.path / f"{generation}.new"
        temporary.mkdir()
        files = {
            name: _write(temporary, index, arrays) for index, (name, arrays) in enumerate(groups.items())
        }
        _sync(temporary)
        temporary.rename(self.path / generation)
        found = {**manifest, "format": FORMAT, "generation": generation, "files": files}
        self._replace_manifest(found)
        self.remove_old()
        return found

    def add(self, generation: str, name: str, arrays: Arrays) -> bool:
        """Add a group to a generation, unless that is the present one no more. Hold the lock."""
        manifest = self.read_manifest()
        if manifest is None or manifest["generation"] != generation:
            return False
        folder = self.path / generation
        entry = _write(folder, uuid.uuid4().hex[:12], arrays)
        _sync(folder)
        self._replace_manifest({**manifest, "files": {**manifest["files"], name: entry}})
        return True

    def remove(self, name: str | None = None) -> None:
        """Remove a group, or without a name everything. Hold the lock."""
        manifest = self.read_manifest()
        if name is not None and manifest is not None and name in manifest["files"]:
            entry = manifest["files"].pop(name)
            self._replace_manifest(manifest)
            (self.path / manifest["generation"] / entry["file"]).unlink(missing_ok=True)
        elif name is None:
            (self.path / MANIFEST).unlink(missing_ok=True)
            for folder in self._generations():
                shutil.rmtree(folder, ignore_errors=True)

    def remove_old(self) -> None:
        """Remove generations that nobody can be about to open any more, and unfinished ones."""
        manifest = self.read_manifest()
        for folder in self._generations():
            is_present = manifest is not None and folder.name == manifest["generation"]
            with suppress(FileNotFoundError):
                if not is_present and time.time() - folder.stat().st_mtime > self._keep_s:
                    shutil.rmtree(folder, ignore_errors=True)

    def _generations(self) -> list[Path]:
        return [path for path in self.path.glob("*") if path.is_dir()]

    def _replace_manifest(self, manifest: Mapping[str, Any]) -> None:
        temporary = self.path / f"{MANIFEST}.new"
        with temporary.open("wb") as file:
            file.write(json.dumps(manifest).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.path / MANIFEST)
        _sync(self.path)


def _write(folder: Path, name: object, arrays: Arrays) -> dict[str, Any]:
    """Write arrays of any length into one file: as a table of one row whose columns are lists."""
    import pyarrow

    path = folder / f"{name}.arrow"
    columns = {}
    for key, array in arrays.items():
        values = pyarrow.array(array) if isinstance(array, np.ndarray) else array
        ends = pyarrow.array([0, len(values)], pyarrow.int64())
        columns[key] = pyarrow.LargeListArray.from_arrays(ends, values)
    table = pyarrow.table(columns)
    with path.open("wb") as file:
        with pyarrow.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        file.flush()
        os.fsync(file.fileno())
    return {"file": path.name, "bytes": path.stat().st_size, "crc32": _checksum(path)}


def _map_arrays(path: Path) -> dict[str, Any]:
    """Return numbers as numpy arrays and texts as Arrow arrays, all of them on the mapped file."""
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        table = pyarrow.ipc.open_file(source).read_all()
    found: dict[str, Any] = {}
    for key in table.column_names:
        values = table.column(key).chunk(0).values
        is_number = pyarrow.types.is_integer(values.type)
        found[key] = values.to_numpy(zero_copy_only=True) if is_number else values
    return found


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _checksum(path: Path) -> int:
    total = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total = zlib.crc32(chunk, total)
    return total


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
