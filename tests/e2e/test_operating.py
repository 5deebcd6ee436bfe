"""What docs/operating.md promises, on a really started server and by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.process import ServerProcess, find_free_port, server

BATCH = [{"name": "visit", "event_id": f"e{i}", "time": "2026-01-05T10:00:00Z"} for i in range(50)]


@pytest.fixture
def process() -> Iterator[ServerProcess]:
    with server(access_log="false") as found:
        yield found


def ask(process: ServerProcess, path: str, content: Any = None) -> Any:
    body = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(f"{process.url}{path}", body, timeout=30) as answer:
        return json.loads(answer.read())


def count_visits(process: ServerProcess) -> int:
    return sum(row["count"] for row in ask(process, "/v1/catalog/events")["events"])


def run(process: ServerProcess, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENMETRICS_")}
    command = [sys.executable, "-m", "openmetrics", *arguments, "--data-dir", str(process.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_lost_store_is_rebuilt_from_the_journal(process: ServerProcess) -> None:
    assert ask(process, "/v1/collect", BATCH)["accepted"] == 50
    assert count_visits(process) == 50
    assert "backlog 0 bytes" in run(process, "spool", "status")
    process.stop()
    lost = [path for path in process.data_dir.glob("*.duckdb*") if path.is_file()]
    assert lost, sorted(process.data_dir.iterdir())
    for path in lost:
        path.unlink()
    assert "50 stored, 0 were there, 0 refused" in run(process, "replay")
    assert "0 stored, 50 were there, 0 refused" in run(process, "replay", "--since", "2026-01-01")
    process.start()
    assert count_visits(process) == 50


def test_a_killed_server_answers_everything_after_its_start(process: ServerProcess) -> None:
    ask(process, "/v1/collect", BATCH)
    process.kill()
    process.start()
    assert count_visits(process) == 50


def test_a_second_server_on_the_same_folder_is_refused(process: ServerProcess) -> None:
    second = ServerProcess(process.data_dir, find_free_port(), {})
    with pytest.raises(RuntimeError) as caught:
        second.start(30)
    assert "Traceback" not in str(caught.value)
    assert "openmetrics: " in str(caught.value)
    assert count_visits(process) == 0


def test_dead_letters_are_listed_and_put_back(process: ServerProcess) -> None:
    assert run(process, "spool", "dead") == ""
    assert run(process, "spool", "replay-dead").startswith("0 lines")


def test_the_image_installs_what_the_repository_has() -> None:
    """The container cannot be built everywhere: at least all that it copies is there and is let through."""
    root = Path(__file__).parents[2]
    kept = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [line.split()[1:-1] for line in (root / "Dockerfile").read_text().splitlines() if "COPY" in line]
    copied = {name for names in copies for name in names}
    assert copied == kept
    assert [name for name in copied if not (root / name).exists()] == []
