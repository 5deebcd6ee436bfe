"""Kill an import and an export in the middle: what goes on afterwards loses nothing and doubles nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openmetrics import cli
from openmetrics.testing.process import ServerProcess, find_free_port

EVENTS = 30_000


def write_events(path: Path) -> None:
    """Write events without ids, some of them equal."""
    with path.open("w") as file:
        for number in range(EVENTS):
            event = {"name": "a", "time": 1_709_287_200_000 + number // 3, "user_id": f"u{number % 2}"}
            file.write(json.dumps(event) + "\n")


def run_until(folder: Path, is_time: Callable[[], bool], *arguments: str) -> bool:
    """Run a command and kill it once it is time; say whether it was killed before its end."""
    command = [sys.executable, "-m", "openmetrics", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and not is_time():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    is_killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return is_killed


def read_job(folder: Path) -> dict[str, Any]:
    """Return the progress of the only import of a data folder, or nothing yet."""
    for path in folder.glob("imports/*/job.json"):
        try:
            progress: dict[str, Any] = json.loads(path.read_text())["progress"]
        except ValueError:
            continue
        return progress
    return {"records": 0, "state": ""}


def export_ids(folder: Path, data: str) -> list[str]:
    """Return the ids of all events, by an export of the command line."""
    output = folder / f"{data}.ndjson"
    arguments = ("export", "-o", str(output), "--kinds", "events", "--data-dir", str(folder / data))
    assert cli.commands(arguments, standalone_mode=False) in (0, None)
    return [json.loads(line)["event_id"] for line in output.read_text().splitlines()]


def test_an_import_and_an_export_that_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_events(tmp_path / "a.ndjson")
    arguments = ("import", "a.ndjson", "--on-error", "skip", "--data-dir", "one")
    is_killed = run_until(tmp_path, lambda: read_job(tmp_path / "one")["records"] > 0, *arguments)
    assert is_killed, "the import was over before it could be killed"
    mark = read_job(tmp_path / "one")
    assert 0 < mark["records"] < EVENTS
    monkeypatch.chdir(tmp_path)
    assert cli.commands(arguments, standalone_mode=False) in (0, None)
    done = read_job(tmp_path / "one")
    assert (done["state"], done["records"], done["accepted"]) == ("done", EVENTS, EVENTS)
    ids = export_ids(tmp_path, "one")
    assert len(ids) == len(set(ids)) == EVENTS

    monkeypatch.setattr("openmetrics_plugins.exporter.file.SYNC_BYTES", 1)
    monkeypatch.setattr("openmetrics_plugins.exporter.reading.ROWS", 1_000)
    code = (
        "import sys; from openmetrics import cli; from openmetrics_plugins.exporter import file, reading;"
        "file.SYNC_BYTES, reading.ROWS = 1, 1_000; cli.commands(sys.argv[1:])"
    )
    mark_path = tmp_path / "out.ndjson.part.mark"
    again = ("export", "-o", "out.ndjson", "--kinds", "events", "--data-dir", "one")
    command = [sys.executable, "-c", code, *again]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    while process.poll() is None and not mark_path.exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert mark_path.exists()
    assert not (tmp_path / "out.ndjson").exists()
    with (tmp_path / "out.ndjson.part").open("ab") as torn:
        torn.write(b'{"kind": "ev')
    assert cli.commands(again, standalone_mode=False) in (0, None)
    assert (tmp_path / "out.ndjson").read_text() == (tmp_path / "one.ndjson").read_text()
    assert not mark_path.exists()


def test_a_server_that_is_killed_goes_on_with_its_import(tmp_path: Path) -> None:
    write_events(tmp_path / "a.ndjson")
    settings = {"importer_folder": str(tmp_path), "access_log": "false"}
    server = ServerProcess(tmp_path / "data", find_free_port(), settings)
    server.start()
    try:
        url = f"{server.url}/v1/import?path=a.ndjson&on_error=skip"
        job = json.loads(urllib.request.urlopen(url, data=b"", timeout=60).read())["job"]
        deadline = time.monotonic() + 120
        while not read_job(tmp_path / "data")["records"]:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        server.kill()
        assert 0 < read_job(tmp_path / "data")["records"] < EVENTS
        server.start()
        while (shown := read_url(f"{server.url}/v1/import/{job}"))["state"] != "done":
            assert shown["state"] in ("queued", "importing", "storing"), shown
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (shown["records"], shown["accepted"], shown["refused"]) == (EVENTS, EVENTS, 0)
        [row] = read_url(f"{server.url}/v1/catalog/events")["events"]
        assert row["count"] == EVENTS
    finally:
        server.kill()


def read_url(url: str) -> dict[str, Any]:
    """Ask a server."""
    found: dict[str, Any] = json.loads(urllib.request.urlopen(url, timeout=60).read())
    return found
