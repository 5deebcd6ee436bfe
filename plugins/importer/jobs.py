"""Run imports one after the other in this process, so that they survive its end.

A job is a folder `<data_dir>/imports/<id>` with `job.json`, perhaps the uploaded file, and a lock that says
that a process works on it. Jobs that no process holds are taken up again at the start.
"""

from __future__ import annotations

import fcntl
import logging
import os
import queue
import shutil
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from openmetrics.plugin import Origin, Server
from openmetrics_plugins.importer.plan import Plan, find_importer
from openmetrics_plugins.importer.run import Progress, Run

DOCUMENT, UPLOAD = "job.json", "upload"
ENDED = ("done", "failed")
SHOWN_REFUSALS = 100
KEPT_JOBS = 100
_LOG = logging.getLogger(__name__)


class Job:
    """One import: its plan and progress, kept in its folder."""

    def __init__(self, folder: Path, plan: Plan, progress: Progress, created_ms: int) -> None:
        self.folder = folder
        self.plan = plan
        self.progress = progress
        self.created_ms = created_ms
        self._lock_fd = -1

    @property
    def id(self) -> str:
        """Return the id."""
        return self.folder.name

    @classmethod
    def read(cls, folder: Path) -> Job | None:
        """Read a job from its folder, or None where there is none yet."""
        try:
            found = orjson.loads((folder / DOCUMENT).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        plan = Plan(**{**found["plan"], "path": Path(found["plan"]["path"])})
        return cls(folder, plan, Progress(**found["progress"]), found["created_ms"])

    def save(self) -> None:
        """Write the job, so that readers see the old or the new one. Ids make an old mark harmless."""
        plan = {**asdict(self.plan), "path": str(self.plan.path)}
        content = orjson.dumps(
            {"plan": plan, "progress": self.progress.to_json(), "created_ms": self.created_ms}
        )
        fresh = self.folder / f"{DOCUMENT}.new"
        fresh.write_bytes(content)
        fresh.rename(self.folder / DOCUMENT)

    def lock(self) -> bool:
        """Take the job for this process; say whether nobody else has it."""
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._lock_fd = fd
        return True

    def release(self) -> None:
        """Give the job up. Idempotent."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def run(self, server: Server, is_stopped: Any) -> None:
        """Work until the end. Raises InterruptedError where it is stopped before."""
        origin = Origin(self.created_ms, is_import=True)
        importer = find_importer(self.plan, server.importers)
        run = Run(self.plan, importer, server, self.progress, origin)
        run.save, run.is_stopped = self.save, is_stopped
        run.work()
        (self.folder / UPLOAD).unlink(missing_ok=True)

    def describe(self) -> dict[str, Any]:
        """Return what `GET /v1/import/{job}` shows."""
        shown = self.progress.to_json()
        refusals = shown.pop("refusals")[:SHOWN_REFUSALS]
        plan: Mapping[str, Any] = {
            "format": self.plan.format, "map": dict(self.plan.columns), "on_error": self.plan.on_error,
            "dry_run": self.plan.is_dry,
        }  # fmt: skip
        return {"job": self.id, **plan, **shown, "refusals": refusals}


class Jobs:
    """The jobs of a data folder. Thread-safe; the files say how jobs of other processes are."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.root: Path = server.settings.data_path / "imports"
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._take_up()

    def make_folder(self) -> Path:
        """Make the folder of a new job."""
        folder = self.root / self._server.clock.new_event_ids(1)[0]
        folder.mkdir(parents=True)
        return folder

    def add(self, folder: Path, plan: Plan) -> Job:
        """Add a job and return it; it survives the end of this process."""
        job = Job(folder, plan, Progress(), self._server.clock.now_ms())
        job.lock()
        job.save()
        self._enqueue(job)
        return job

    def find(self, id: str) -> Job | None:
        """Return a job as it is now."""
        if not id.isalnum():
            return None
        return Job.read(self.root / id)

    def discard(self, folder: Path) -> None:
        """Remove a folder that became no job."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Stop at the next mark; the next start goes on. Idempotent."""
        self._stop.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(30)

    def _enqueue(self, job: Job) -> None:
        self._queue.put(job)
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="openmetrics-import", daemon=True)
                self._thread.start()

    def _take_up(self) -> None:
        """Go on with what a dead process left, and forget the oldest of what has ended."""
        ended = []
        for folder in sorted(self.root.glob("*")):
            job = Job.read(folder)
            if job is None:
                continue
            if job.progress.state in ENDED:
                ended.append(job)
            elif job.lock():
                self._enqueue(job)
        for job in ended[:-KEPT_JOBS]:
            self.discard(job.folder)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None and not self._stop.is_set():
            try:
                job.run(self._server, self._stop.is_set)
            except InterruptedError:
                _LOG.info("The import %s goes on after the next start", job.id)
            except Exception:
                _LOG.exception("The import %s failed", job.id)
                job.progress.state = "failed"
                job.progress.detail = "The server failed; its log says why. Importing again is harmless."
                job.save()
            finally:
                job.release()
