"""Keep lines that the store refuses, with the reason, until somebody puts them back.

Each file under `<data_dir>/dead` holds one JSON object a line: `code`, `detail`, `time` (Unix ms) and
`line`, the refused line as text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from openmetrics.ingest.folder import sync_folder
from openmetrics.ingest.refusals import DOOR
from openmetrics.ingest.spool import Spool
from openmetrics.settings import Settings


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused line, and why."""

    code: str
    detail: str
    line: bytes
    time_ms: int = 0


def write_letters(data_path: Path, name: str, letters: Sequence[DeadLetter], time_ms: int) -> None:
    """Keep letters durably in a file of their own. Idempotent for the same name."""
    folder = data_path / "dead"
    folder.mkdir(exist_ok=True)
    draft = folder / f".{name}"
    with draft.open("wb") as file:
        for letter in letters:
            text = letter.line.decode(errors="replace")
            content = {"code": letter.code, "detail": letter.detail, "time": time_ms, "line": text}
            file.write(orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / f"{name}.ndjson")
    sync_folder(folder)


def read_letters(data_path: Path) -> Iterator[DeadLetter]:
    """Iterate over all letters."""
    for path in _list_files(data_path):
        yield from _read_file(path)


def replay_letters(settings: Settings) -> int:
    """Put all letters back into the spool for another try and return how many.

    A running server stores them within a second, else the next one does. The store refuses again what it
    still cannot take. Raises OpenMetricsError `buffer-full`.
    """
    paths = [path for path in _list_files(settings.data_path) if not path.name.startswith(DOOR)]
    if not paths:
        return 0
    count = 0
    spool = Spool(settings)
    try:
        for path in paths:
            letters = list(_read_file(path))
            spool.append(b"".join(letter.line + b"\n" for letter in letters))
            path.unlink()
            count += len(letters)
    finally:
        spool.close()
    return count


def _list_files(data_path: Path) -> list[Path]:
    return sorted((data_path / "dead").glob("[!.]*.ndjson"))


def _read_file(path: Path) -> Iterator[DeadLetter]:
    for text in path.read_bytes().splitlines():
        content = orjson.loads(text)
        line = content["line"].encode()
        yield DeadLetter(content["code"], content["detail"], line, content["time"])
