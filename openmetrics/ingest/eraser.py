"""Carry erasures out: in the store, in this data folder's files, and in the record that proves it."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from openmetrics.clock import Clock
from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.cleaning import Marks, clean_files
from openmetrics.ingest.erasures import KIND, Erasure, Erasures
from openmetrics.ingest.event import tombstone_line
from openmetrics.store.base import Capability, ControlDocument, Store, VersionConflictError

FOLDER_KIND = "erasure-folder"
POLL_S = 0.25
_WAIT_S = 10.0
_LOG = logging.getLogger(__name__)


class Eraser:
    """Follow the erasures of all servers in one thread of this process.

    It deletes what each covers, waits until the spool has passed it, cleans the files, and only then notes
    the number for the data folder. Each step may be repeated after a crash.
    """

    def __init__(self, data_path: Path, store: Store, erasures: Erasures) -> None:
        self._data_path = data_path
        self._store = store
        self._erasures = erasures
        self._grace_ms = 1_000 if Capability.MULTI_PROCESS in store.capabilities else 100
        self._folder_id = ""
        self._deleted = self._applied = self._stripped = 0
        self._ready_at = 0.0
        self._pass: tuple[int, Marks] | None = None
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="openmetrics-eraser", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; what is not done is done after the next start. Idempotent."""
        self._is_over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def figures(self) -> Mapping[str, float]:
        """Return the figures of `/metrics`."""
        return {"erasures_known": len(self._erasures.known), "erasures_applied": self._applied}

    def erase(self, clock: Clock, user_id: str, user_ids: Iterable[str], session_ids: Iterable[str]) -> int:
        """Erase users and sessions as they are now; return the number that proves it.

        When this returns, the erasure survives a crash, everything received before is covered, and this
        server shows none of it (or soon, where there is very much). Raises StoreUnavailableError.
        """
        ids = (tuple(user_ids), tuple(session_ids))
        grace_ms = self._grace_ms
        while True:
            # NOTE: the time lies ahead, so that whoever receives later facts or has read earlier ones can
            # know of the erasure: the tombstone is visible before its time comes.
            until_ms = clock.now_ms() + grace_ms
            begun = time.monotonic()
            number = self._erasures.add(user_id, *ids, until_ms)
            self._show(number)
            passed_ms = (time.monotonic() - begun) * 1000
            if passed_ms < grace_ms:
                break
            grace_ms = int(passed_ms * 4)
        time.sleep((grace_ms - passed_ms) / 1000 + 0.002)
        self._wake.set()
        with self._changed:
            self._changed.wait_for(lambda: self._deleted >= number, _WAIT_S)
        return number

    def describe(self, number: int) -> dict[str, Any] | None:
        """Return an erasure with the state of each data folder, or None where there is no such number."""
        document = self._store.control_get(KIND, str(number))
        if document is None:
            return None
        folders = [
            {"folder": row.id, "host": row.body["host"], "applied": row.body["applied"]}
            for row in self._store.control_list(FOLDER_KIND)
        ]
        is_complete = bool(folders) and all(row["applied"] >= number for row in folders)
        return {
            "id": document.id,
            "user_id": document.body["user_id"],
            "number": number,
            "state": "complete" if is_complete else "running",
            "folders": folders,
        }

    def _show(self, last: int) -> None:
        """Write the tombstones up to a number that the store may lack: what columns and identity follow."""
        erasures = self._erasures.known[self._deleted : last]
        if erasures:
            self._store.write(b"".join(map(_to_tombstone, erasures)))
        self._store.refresh()

    def _run(self) -> None:
        delay_s = POLL_S
        while not self._is_over:
            try:
                self._step()
                delay_s = POLL_S
            except Exception as error:
                level = logging.WARNING if isinstance(error, OpenMetricsError) else logging.ERROR
                _LOG.log(level, "An erasure waits: %s", error, exc_info=level == logging.ERROR)
                delay_s = min(10.0, delay_s * 2)
            self._wake.wait(delay_s)
            self._wake.clear()

    def _step(self) -> None:
        known = self._erasures.sync()
        if not self._folder_id:
            self._enter(len(known))
        if len(known) > self._deleted:
            self._delete(known)
        is_behind = self._deleted > self._applied or self._erasures.stripped > self._stripped
        if self._pass is None and is_behind and time.monotonic() > self._ready_at:
            self._stripped = self._erasures.stripped
            self._pass = (self._deleted, Marks(self._data_path))
        if self._pass is not None and self._pass[1].are_passed():
            self._end_pass(known)

    def _enter(self, last: int) -> None:
        """Read how far this data folder is; what there was before a new one, other servers have deleted."""
        folder_id = read_folder_id(self._data_path)
        document = self._store.control_get(FOLDER_KIND, folder_id)
        self._deleted = self._applied = int(document.body["applied"]) if document else last
        self._folder_id = folder_id
        if document is None:
            self._pass = (last, Marks(self._data_path))

    def _delete(self, known: tuple[Erasure, ...]) -> None:
        self._show(len(known))
        self._ready_at = time.monotonic() + 1.5 * self._grace_ms / 1000
        for erasure in known[self._deleted :]:
            self._store.erase(sorted(erasure.user_ids), sorted(erasure.session_ids), erasure.until_ms)
            with self._changed:
                self._deleted = erasure.number
                self._changed.notify_all()

    def _end_pass(self, known: tuple[Erasure, ...]) -> None:
        assert self._pass is not None
        target, _ = self._pass
        clean_files(self._data_path, known[:target])
        self._note(target)
        self._pass = None

    def _note(self, applied: int) -> None:
        """Say for all to see how far this data folder is; the number never falls."""
        while True:
            document = self._store.control_get(FOLDER_KIND, self._folder_id)
            version = document.version if document else ""
            applied = max(applied, int(document.body["applied"]) if document else 0)
            body = {"host": platform.node(), "applied": applied}
            try:
                self._store.control_put(
                    ControlDocument(FOLDER_KIND, self._folder_id, body, version), create=document is None
                )
            except VersionConflictError:
                continue
            self._applied = applied
            return


def read_folder_id(data_path: Path) -> str:
    """Return the id that a data folder keeps, made when first asked for."""
    path = data_path / "folder-id"
    if not path.exists():
        draft = path.with_name(f"folder-id-{os.getpid()}")
        draft.write_text(os.urandom(8).hex())
        with suppress(FileExistsError):  # another process was faster
            os.link(draft, path)
        draft.unlink()
    return path.read_text()


def _to_tombstone(erasure: Erasure) -> bytes:
    user_ids, session_ids = sorted(erasure.user_ids), sorted(erasure.session_ids)
    return tombstone_line(erasure.number, user_ids, session_ids, erasure.until_ms)
