"""`openmetrics import` and `openmetrics export`, beside no server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from openmetrics import cli, plugins

Write = Callable[[str, bytes | str], Path]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder."""
    command = [sys.executable, "-m", "openmetrics", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_register_commands_adds_to_the_command_line() -> None:
    context = click.Context(cli.commands)
    assert {"import", "export", "serve"} <= set(cli.commands.list_commands(context))
    group = click.Group("bare")
    plugins.build_manager(built_in=("openmetrics_plugins.importer",)).hook.register_commands(cli=group)
    assert list(group.commands) == ["import"]


def test_import_export_and_import_again(write: Write, tmp_path: Path) -> None:
    write("a.csv", "time,name,user_id,plan\n2026-03-01,buy,ada,pro\n2026-03-02,buy,bob,007\n")
    write("bad.csv", "time,name\n2026-03-01,buy\nnever,buy\n")
    done = run(tmp_path, "import", "a.csv", "bad.csv", "--data-dir", "one")
    assert done.returncode == 1
    assert "a.csv: 2 imported, 0 refused" in done.stdout
    assert "time                     = time" in done.stdout
    assert "bad.csv:3: /time 'never' is no time" in done.stderr
    assert run(tmp_path, "export", "-o", "a.ndjson", "--data-dir", "one").returncode == 0
    records = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()]
    assert [(record["user_id"], record["properties"]["plan"]) for record in records] == [
        ("ada", "pro"), ("bob", "007")
    ]  # fmt: skip
    done = run(tmp_path, "import", "a.ndjson", "a.csv", "--data-dir", "one", "--on-error", "skip")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(tmp_path, "export", "-o", "b.ndjson", "--data-dir", "one").returncode == 0
    assert (tmp_path / "b.ndjson").read_text() == (tmp_path / "a.ndjson").read_text()
