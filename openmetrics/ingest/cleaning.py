"""Take what is erased out of the files that a data folder keeps: the journal and the dead letters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from openmetrics.ingest.erasures import NOTHING, Coverage, Erasure
from openmetrics.ingest.folder import iter_folders, sync_folder
from openmetrics.ingest.journal import iter_journal
from openmetrics.ingest.positions import Positions

FEW_IDS = 20
_USER_NAMES = frozenset(("user_id", "userid", "uid"))
_SESSION_NAMES = frozenset(("session_id", "sessionid"))


class Marks:
    """How far each spool folder had been written at one moment, whoever owns it."""

    def __init__(self, data_path: Path) -> None:
        self._folders: dict[Path, int] = {}
        for path in iter_folders(data_path / "spool"):
            with suppress(OSError, ValueError):  # just being made or removed: nothing in it waits
                positions = Positions(path / "positions")
                self._folders[path] = positions.acked
                positions.seal = max(positions.seal, positions.acked)

    def are_passed(self) -> bool:
        """Say whether all that was written by then has left the spool for the store and the journal."""
        return not any(_begins_before(path, acked) for path, acked in self._folders.items())


def _begins_before(path: Path, acked: int) -> bool:
    return any(int(file.name.partition("-")[0]) < acked for file in path.glob("*.ndjson"))


def clean_files(data_path: Path, erasures: Iterable[Erasure]) -> int:
    """Rewrite the files that hold lines of erased users; return how many those are. A repeat is harmless."""
    erasures = tuple(erasures)
    coverage = NOTHING.joined(erasures)
    ids = [id for erasure in erasures for id in (*erasure.user_ids, *erasure.session_ids)]
    count = 0
    for path in [*iter_journal(data_path), *sorted((data_path / "dead").glob("[!.]*.ndjson"))]:
        with suppress(FileNotFoundError):  # pruned or replayed meanwhile
            content = path.read_bytes()
            if _may_name(content, ids):
                strip = _strip_letters if path.parent.name == "dead" else Coverage.strip
                kept = strip(coverage, content)
                count += _replace(data_path, path, content, kept)
    return count


def _may_name(content: bytes, ids: Sequence[str]) -> bool:
    """Say whether any of the ids may stand in a file.

    PERF: looks for 20 ids in 16 MB within 0.05 s, where parsing the lines takes 0.3.
    """
    return len(ids) > FEW_IDS or any(orjson.dumps(id)[1:-1] in content for id in ids)


def _replace(data_path: Path, path: Path, content: bytes, kept: bytes) -> int:
    if len(kept) == len(content):
        return 0
    if not kept.strip():
        path.unlink()
        return 1
    # NOTE: beside the folders of files, or a crash would leave a draft where files are looked for.
    draft = data_path / f".cleaning-{os.getpid()}"
    with draft.open("wb") as file:
        file.write(kept)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)
    return 1


def _strip_letters(coverage: Coverage, content: bytes) -> bytes:
    """Return dead letters without those about erased users; refused requests are in any protocol's words."""
    kept = []
    for text in content.split(b"\n"):
        letter = _parse(text)
        line = _parse(letter.get("line", ""))
        if "kind" not in line:
            line = dict(_iter_ids(line))
        if not coverage.covers({"received": letter.get("time", 0), **line}):
            kept.append(text)
    return b"\n".join(kept)


def _iter_ids(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        plain = name.lower()
        if isinstance(value, str | int):
            if plain in _USER_NAMES:
                yield "user_id", str(value)
            elif plain in _SESSION_NAMES:
                yield "session_id", str(value)


def _parse(text: bytes | str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
