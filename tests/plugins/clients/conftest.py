"""Install the pinned clients once, and start a real server for them."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from openmetrics.testing.process import server

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "npm"


@pytest.fixture(scope="session")
def clients() -> Path:
    """Install what `package-lock.json` pins into `.cache/npm`. Fails where npm is missing."""
    npm = shutil.which("npm")
    assert npm, "npm is missing; install Node.js 20 or later to run the tests of the real clients"
    lock = (HERE / "package-lock.json").read_bytes()
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        mark = CACHE / ".installed"
        if not mark.is_file() or mark.read_bytes() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, CACHE / name)
            subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=CACHE, check=True)
            mark.write_bytes(lock)
    return CACHE


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a real server on a fresh data folder and return its address."""
    with server() as process:
        yield process.url
