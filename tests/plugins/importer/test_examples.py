"""The worked examples of docs/import.md and docs/export.md are what the commands do."""

from __future__ import annotations

import csv
import io
import re
import shlex
from pathlib import Path

import pytest

from openmetrics import cli

DOCS = Path(__file__).parents[3] / "docs"
FILE = re.compile(r"<!-- file: (\S+) -->\n```csv\n(.*?)```", re.DOTALL)
RUN = re.compile(r"<!-- run -->\n```text\n(.*?)```", re.DOTALL)
COLUMNS = re.compile(r"<!-- columns of (\S+) -->\n```csv\n(.*?)```", re.DOTALL)


def test_examples_are_what_the_commands_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pages = (DOCS / "import.md").read_text() + (DOCS / "export.md").read_text()
    for name, content in FILE.findall(pages):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr("click.echo", lambda text, err=False, nl=True: print(text))
    for block in RUN.findall(pages):
        for command in block.split("$ openmetrics ")[1:]:
            asked, _, shown = command.partition("\n")
            cli.commands(shlex.split(asked), standalone_mode=False)
            assert capsys.readouterr().out == shown, asked
    for name, content in COLUMNS.findall(pages):
        found = list(csv.DictReader(io.StringIO((tmp_path / name).read_text(), newline="")))
        wanted = list(csv.DictReader(io.StringIO(content)))
        assert [{column: row[column] for column in wanted[0]} for row in found] == wanted
