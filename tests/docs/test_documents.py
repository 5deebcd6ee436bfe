"""The docs say what the live tables say: settings, problems, routes, commands, hooks."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from openmetrics import hookspecs, plugins
from openmetrics.errors import PROBLEMS
from openmetrics.settings import SETTINGS, Setting, load_settings

ROOT = Path(__file__).parents[2]
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
HOOKS = {name: spec for name, spec in vars(hookspecs).items() if hasattr(spec, "openmetrics_spec")}
LINK = re.compile(r"(?<!!)\[[^]]+\]\((?!https?:)([^)]+)\)")


def read(name: str) -> str:
    return (ROOT / name).read_text()


def list_tests() -> list[str]:
    """Return the names of all test functions."""
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return re.findall(r"def (test_\w+)\(", text)


def test_generated_parts_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings_of_the_example_are_the_defaults(tmp_path: Path) -> None:
    text = read("config/openmetrics.example.toml")
    bare = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    path = tmp_path / "all.toml"
    path.write_text(bare)
    rows: tuple[Setting, ...] = plugins.collect(
        plugins.build_manager(), "register_settings", lambda row: row.name
    )
    table = (*SETTINGS, *rows)
    assert dict(load_settings({"config": str(path)}, {}, table)) == dict(load_settings({}, {}, table))
    assert set(tomllib.loads(bare)) >= {row.name for row in SETTINGS}


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_settings_have_a_sentence(row: object) -> None:
    help = row.help  # type: ignore[attr-defined]
    assert help.endswith(".")
    assert help[0].isupper() or help.startswith("SHA")


def test_problems_have_an_entry_each() -> None:
    text = read("docs/problems.md")
    assert re.findall(r"(?m)^## (.+)$", text) == list(PROBLEMS)
    for problem in PROBLEMS.values():
        entry = text.split(f"## {problem.code}\n")[1].split("\n## ")[0].strip()
        assert entry.startswith(f"{problem.status}, *{problem.title}.*"), problem.code


@pytest.mark.parametrize("code", PROBLEMS)
def test_problems_have_a_test_that_provokes_them(code: str) -> None:
    assert f"test_problem_{code.replace('-', '_')}" in list_tests()


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_are_documented_tested_and_used(hook: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    headings = re.findall(r"(?m)^## (.+)$", read("docs/plugins.md"))
    assert f"{hook}({arguments})" in headings
    assert any(hook in name for name in list_tests()), f"no test is named after {hook}"
    users = [path for path in ROOT.glob("plugins/**/*.py") if f"def {hook}(" in path.read_text()]
    core = [
        path for path in ROOT.glob("openmetrics/**/*.py") if f"@hookimpl\ndef {hook}(" in path.read_text()
    ]
    assert users or core, f"nothing in the repository implements {hook}"


def test_hooks_are_documented_in_the_order_of_their_life() -> None:
    headings = re.findall(r"(?m)^## (\w+)\(", read("docs/plugins.md"))
    assert headings == list(HOOKS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"(?m)^#+ (.+)$", path.read_text())
            anchors = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
            assert anchor in anchors, target


def test_every_page_is_in_the_index() -> None:
    listed = set(LINK.findall(read("docs/index.md")))
    assert {page.name for page in ROOT.glob("docs/*.md")} - listed == {"index.md"}


def test_decisions_are_numbered_and_have_four_parts() -> None:
    pages = sorted(ROOT.glob("docs/decisions/*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {page.name[:4]} ")
        for part in ("Context", "Choice", "What we gave up", "What would change our mind"):
            assert f"**{part}.**" in text, (page.name, part)


def test_changelog_has_entries_for_what_is_not_released() -> None:
    unreleased = read("CHANGELOG.md").split("## Unreleased\n")[1].split("\n## ")[0]
    assert re.search(r"(?m)^- .+", unreleased)


def test_makefile_describes_every_target() -> None:
    text = read("Makefile")
    phony = re.search(r"(?m)^\.PHONY: (.+)$", text)
    assert phony
    assert re.findall(r"(?m)^([a-z0-9-]+):.*## .+\.$", text) == phony[1].split()


def test_least_privileges_are_those_that_the_tests_run_with() -> None:
    def read_privileges(path: str) -> list[set[str]]:
        text = read(path)
        return [set(re.findall(r"\w+", found)) for found in re.findall(r"privileges: \[([^]]+)\]", text)]

    [documented] = read_privileges("docs/elasticsearch.md")
    assert documented == read_privileges("tests/contract/test_elastic_security.py")[0]


def test_kibana_objects_are_lines_of_json() -> None:
    for path in ROOT.glob("config/kibana/*.ndjson"):
        objects = [json.loads(line) for line in path.read_text().splitlines()]
        views = [item["attributes"] for item in objects if item["type"] == "index-pattern"]
        assert [(view["title"], view["timeFieldName"]) for view in views] == [
            ("openmetrics-events-*", "@timestamp")
        ]
