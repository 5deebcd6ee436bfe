"""`openmetrics import` and `openmetrics export`, beside no server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from openmetrics import cli, plugins

Write = Callable[[str, bytes | str], Path]


def run(*arguments: str) -> int:
    """Run the command line in this process and return the exit code."""
    return cli.commands(arguments, standalone_mode=False) or 0


def test_register_commands_adds_to_the_command_line() -> None:
    context = click.Context(cli.commands)
    assert {"import", "export", "serve"} <= set(cli.commands.list_commands(context))
    group = click.Group("bare")
    plugins.build_manager(built_in=("openmetrics_plugins.importer",)).hook.register_commands(cli=group)
    assert "import" in group.commands


def test_import_export_and_import_again(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write("a.csv", "time,name,user_id,plan\n2024-03-01,buy,ada,pro\n2024-03-02,buy,bob,007\n")
    write("bad.csv", "time,name\n2024-03-01,buy\nnever,buy\n")
    assert run("import", "a.csv", "bad.csv", "--data-dir", "one") == 1
    said = capsys.readouterr()
    assert "a.csv: 2 imported, 0 refused" in said.out
    assert "time                     = time" in said.out
    assert "bad.csv:3: /time 'never' is no time" in said.err
    assert run("export", "-o", "a.ndjson", "--kinds", "events", "--data-dir", "one") == 0
    records = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()]
    assert [(record["user_id"], record["properties"]["plan"]) for record in records] == [
        ("ada", "pro"), ("bob", "007")
    ]  # fmt: skip
    assert run("import", "a.ndjson", "a.csv", "--data-dir", "one", "--on-error", "skip") == 0
    assert capsys.readouterr().err == ""
    assert run("export", "-o", "b.ndjson", "--kinds", "events", "--data-dir", "one") == 0
    assert (tmp_path / "b.ndjson").read_text() == (tmp_path / "a.ndjson").read_text()
