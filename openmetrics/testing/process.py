"""Run a real server as its own process, on a free port and a fresh data folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class ServerProcess:
    """A started server. `kill()` is SIGKILL to the whole process group, `start()` runs it again."""

    def __init__(self, data_dir: Path, port: int, settings: dict[str, str]) -> None:
        self.data_dir = data_dir
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.log_path = data_dir.parent / f"server-{port}.log"

    def start(self, timeout_s: float = 60.0) -> None:
        """Start, and wait until it is ready. Raises RuntimeError with the end of its log."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENMETRICS_")}
        environ |= {f"OPENMETRICS_{name.upper()}": value for name, value in self._settings.items()}
        command = [sys.executable, "-m", "openmetrics", "serve", "--port", str(self.port)]
        command += ["--data-dir", str(self.data_dir)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended:\n{self.log_tail()}")
            if self.is_ready():
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"the server was not ready after {timeout_s} s:\n{self.log_tail()}")

    @property
    def pid(self) -> int:
        """Return the process id, which is its group's too. Raises RuntimeError when it does not run."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def is_ready(self) -> bool:
        """Ask the readiness probe."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def log_tail(self) -> str:
        """Return the last lines that the server wrote."""
        return self.log_path.read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """Send SIGKILL to the server and its workers, and wait until they are gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
        self._process = None


def find_free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(**settings: str) -> Iterator[ServerProcess]:
    """Run a server while the block runs; `settings` are those of `openmetrics settings`, as text."""
    with tempfile.TemporaryDirectory(prefix="openmetrics-") as folder:
        process = ServerProcess(Path(folder) / "data", find_free_port(), settings)
        process.start()
        try:
            yield process
        finally:
            process.stop()
