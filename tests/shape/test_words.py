"""Names, docstrings and what must not stand in a file."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "service", "misc"}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|Not" r"ImplementedError")
BARE_SKIP = re.compile(r"(?:pytest\.skip\(\s*\)|mark\.(?:skip|xfail)\b(?!\w)(?!\([^)]*reason=))")
LOOSE_SUM = re.compile(r"#\s*type: ignore(?!\[)|#\s*noqa(?!:)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:wo" r"rk|ho" r"me/\w+|ro" r"ot/\w+|opt/wh" r"eels)\b")
SUMMARY_LENGTH = 100
TEXT_SUFFIXES = {".py", ".md", ".toml", ".cfg", ".json", ".html", ".css", ".js", ".yml", ".yaml", ".sql", ""}


def tracked_files() -> list[Path]:
    """Return what git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def iter_public(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield public classes and functions, and methods of public classes; tests have their names."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith(("_", "test_")):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from iter_public(node, f"{node.name}.")


def describe_fault(docstring: str | None) -> str | None:
    """Return what is wrong with a docstring, if anything."""
    if not docstring:
        return "has no docstring"
    summary = docstring.split("\n", 1)[0]
    if len(summary) > SUMMARY_LENGTH:
        return f"first line has {len(summary)} characters"
    return None if summary[-1] in ".:?" else "first line does not end with a full stop"


def test_modules_have_names_that_say_something(sources: list[Any]) -> None:
    assert [source.path for source in sources if set(source.module.split(".")) & NAMELESS] == []


def test_public_names_have_docstrings(sources: list[Any]) -> None:
    faults = {}
    for source in sources:
        if not source.is_shipped or (source.path.endswith("__init__.py") and not source.text):
            continue
        for name, node in [("", source.tree), *iter_public(source.tree)]:
            if fault := describe_fault(ast.get_docstring(node)):
                faults[f"{source.path}:{name}"] = fault
    assert faults == {}


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        pytest.param(UNFINISHED, "unfinished work", id="unfinished"),
        pytest.param(BARE_SKIP, "a skip without a reason", id="skip"),
        pytest.param(LOOSE_SUM, "an ignored warning without its code", id="ignore"),
    ],
)
def test_code_holds_none_of(sources: list[Any], pattern: re.Pattern[str], what: str) -> None:
    found = [
        f"{source.path}:{number}: {line.strip()}"
        for source in sources
        for number, line in enumerate(source.text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], what


def test_files_hold_no_path_of_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_files()
        if path.suffix in TEXT_SUFFIXES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_every_analysis_of_words_finds_what_it_looks_for() -> None:
    """The patterns above are not so narrow that they find nothing."""
    assert UNFINISHED.search("# TO" + "DO: later")
    assert BARE_SKIP.search("@pytest.mark." + "skip")
    assert BARE_SKIP.search("pytest." + "skip()")
    assert not BARE_SKIP.search("@pytest.mark." + 'skip(reason="no engine of this kind")')
    assert LOOSE_SUM.search("x = 1  # type:" + " ignore")
    assert not LOOSE_SUM.search("x = 1  # type:" + " ignore[arg-type]")
    assert MACHINE_PATH.search("see /wo" + "rk/main")
