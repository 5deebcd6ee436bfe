"""`openmetrics ask` and `openmetrics columns` answer while a server runs, and while none does."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from openmetrics import cli
from openmetrics.testing.process import ServerProcess, find_free_port, server

TABLE = """\
step     count  of first  of previous  median
   1  A      3    100.0%       100.0%          ██████████████████████████████
   2  B      2     66.7%        66.7%   1.0 m  ████████████████████

conversion 66.7%
"""
QUESTION = ("ask", "funnel", "A", "B", "--window", "7d", "--from", "2026-01-01", "--to", "2026-02-01")


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    """A server with the events of three users."""
    events = [
        {"name": name, "user_id": user, "time": f"2026-01-05T10:0{minute}:00Z"}
        for user, names in (("ann", "AB"), ("bob", "AB"), ("cy", "A"))
        for minute, name in enumerate(names)
    ]
    with server() as found:
        request = urllib.request.Request(f"{found.url}/v1/collect", json.dumps(events).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202
        # NOTE: asked for the first time it may say that loops are compiled, and wait for it.
        assert run(found, *QUESTION, "--url", found.url, port=1).exit_code == 0
        yield found


def run(process: ServerProcess, *arguments: str, port: int) -> Result:
    """Run the command line in this process, beside a server or beside none."""
    environ = {"OPENMETRICS_DATA_DIR": str(process.data_dir), "OPENMETRICS_PORT": str(port)}
    return CliRunner().invoke(cli.commands, arguments, env=environ)


def test_ask_is_answered_by_the_named_server(process: ServerProcess) -> None:
    command = [sys.executable, "-m", "openmetrics", *QUESTION, "--url"]
    named = subprocess.run([*command, process.url], capture_output=True, text=True, timeout=200, check=False)
    assert (named.returncode, named.stdout, named.stderr) == (0, TABLE, "")
    nobody = f"http://127.0.0.1:{find_free_port()}"
    failed = subprocess.run([*command, nobody], capture_output=True, text=True, timeout=200, check=False)
    assert (failed.returncode, failed.stderr[:28]) == (1, "openmetrics: 127.0.0.1:" + nobody[-5:])


def test_ask_is_answered_by_the_server_that_has_the_store(process: ServerProcess) -> None:
    found = run(process, *QUESTION, port=process.port)
    assert (found.exit_code, found.stdout) == (0, TABLE)
    assert found.stderr == f"the store is open elsewhere; {process.url} has answered\n"
    nobody = run(process, *QUESTION, port=find_free_port())
    assert (nobody.exit_code, str(nobody.exception)[:15]) == (1, "Another process")


def test_ask_any_analysis_by_params(process: ServerProcess) -> None:
    series = [{"event": "A", "measure": "count"}]
    params = json.dumps({"range": {"from": "2026-01-05", "to": "2026-01-07"}, "series": series})
    done = run(process, "ask", "trends", "--params", params, "--url", process.url, port=1)
    assert json.loads(done.stdout)["series"][0]["total"] == 3
    back = ("ask", "retention", "A", "B", "--from", "2026-01-05", "--to", "2026-01-06")
    done = run(process, *back, "--url", process.url, port=1)
    assert done.stdout.splitlines()[2] == "2026-01-05     3  100.0%"
    done = run(process, "ask", "paths", "--url", process.url, port=1)
    assert str(done.exception).startswith("There is no analysis 'paths'")
    for params in ("{", "[]"):
        done = run(process, "ask", "trends", "--params", params, "--url", process.url, port=1)
        assert (done.exit_code, "--params" in done.stderr) == (2, True)


def test_columns_are_shown_by_the_server(process: ServerProcess) -> None:
    done = run(process, "columns", "--url", process.url, port=1)
    assert [month["period"] for month in json.loads(done.stdout)["months"]] == ["2026.01"]


def test_store_is_opened_where_no_server_runs(process: ServerProcess) -> None:
    process.stop()
    done = run(process, *QUESTION, port=find_free_port())
    assert (done.exit_code, done.stdout, done.stderr) == (0, TABLE, "")
    answer = json.loads(run(process, *QUESTION, "--json", port=find_free_port()).stdout)
    assert [row["count"] for row in answer["steps"]] == [3, 2]
    months = json.loads(run(process, "columns", port=find_free_port()).stdout)["months"]
    assert [(month["period"], month["state"]) for month in months] == [("2026.01", "ready")]
    done = run(process, "ask", "paths", port=find_free_port())
    assert (done.exit_code, "there is no analysis 'paths'" in done.stderr) == (2, True)
