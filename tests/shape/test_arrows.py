"""Imports point one way: http -> ingest, analysis, query, identity, store.base; never core -> plugin."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

FOUNDATION = ("", "errors", "clock", "settings")
"""What every module may use: the version, problems, time and settings."""

FACTS = "ingest.event"
"""Defines the spool line and the keys and periods in it, which engines, identity and columns share."""

STORE = ("query", "store.base", "store.lines", "store.scan", FACTS)
"""What an engine may use."""

ARROWS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "clock": (),
    "settings": ("errors",),
    "schemas": (),
    "remote": (),
    "query": ("query",),
    "store": (),
    "store.base": ("query",),
    "store.lines": STORE,
    "store.scan": STORE,
    "store.memory": STORE,
    "store.duckdb": (*STORE, "store.duckdb"),
    "store.elastic": (*STORE, "store.elastic"),
    "ingest": ("ingest", "store.base", "schemas", "query"),
    "identity": ("identity", "store.base", "query", FACTS),
    "saved": ("store.base",),
    "skeleton": (),
    "segments": ("query", "saved", "store.base"),
    "columns": ("columns", "query", "identity", "store.base", FACTS),
    "analysis": ("columns", "query", "identity", "saved", "store.base", "schemas"),
    "audience": ("analysis", "columns", "query", "store.base", FACTS),
    "http": (
        "http",
        "audience",
        "ingest",
        "analysis",
        "query",
        "identity",
        "saved",
        "segments",
        "store.base",
        "schemas",
        "server",
    ),
    "hookspecs": (),
    "plugins": ("hookspecs",),
}
"""A module may import from these; the longest name that fits a module counts."""

WIRING: dict[str, str] = {
    "": "holds the version",
    "__main__": "starts the command line",
    "app": "the one place where the parts meet",
    "compiling": "asks every analysis of a whole server once, so that its loops are compiled",
    "asking": "puts questions of the command line to a server, or opens the store for them",
    "command": "opens what a command works on",
    "cli": "the command line starts and asks everything",
    "wsgi": "the factory that HTTP servers call",
    "server": "the context object: holds one of each part",
    "serving": "starts an HTTP server on the wiring",
    "plugin": "re-exports the public names for plugins",
    "store.engines": "the built-in plugin that names the engines",
    "testing": "shipped test tools drive the whole",
    "web": "templates and static files only",
}
"""Modules that may import from everywhere in the core, and why."""

FRIENDS = {"pixel": "micro_metrics", "importer": "exporter"}
"""A plugin that builds on another, whose folder it needs."""


def resolve(name: str) -> str | None:
    """Return the module (without `openmetrics.`) that an imported name lies in, or None for others' ones."""
    parts = name.split(".")
    if parts[0] != "openmetrics":
        return None
    while not (ROOT.joinpath(*parts).with_suffix(".py").is_file() or ROOT.joinpath(*parts).is_dir()):
        parts.pop()
    return ".".join(parts[1:])


def iter_imports(tree: ast.Module) -> Iterator[str]:
    """Yield every imported name, but for those that only type checkers see."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or (name and module.startswith(name + ".")) for name in names)


def test_core_imports_point_one_way(sources: list[Any]) -> None:
    wrong = []
    for source in sources:
        if not source.path.startswith("openmetrics/") or is_within(source.module, tuple(WIRING)):
            continue
        rule = max((name for name in ARROWS if is_within(source.module, (name,))), key=len, default=None)
        assert rule is not None, f"{source.path} has no row in ARROWS: where does it belong?"
        for target in map(resolve, iter_imports(source.tree)):
            if target is not None and not is_within(target, (*FOUNDATION, *ARROWS[rule], rule)):
                wrong.append(f"{source.module} -> {target}")
    assert wrong == []


def test_core_imports_no_plugin(sources: list[Any]) -> None:
    wrong = [
        f"{source.path} -> {name}"
        for source in sources
        if source.path.startswith("openmetrics/")
        for name in iter_imports(source.tree)
        if name.startswith("openmetrics_plugins")
    ]
    assert wrong == []


def test_plugins_import_the_public_names_only(sources: list[Any]) -> None:
    wrong = []
    for source in sources:
        if not source.path.startswith("plugins/"):
            continue
        own = source.path.split("/")[1]
        for name in iter_imports(source.tree):
            is_public = name.startswith("openmetrics.plugin.")
            is_own = name.split(".")[1:2] in ([own], [FRIENDS.get(own, own)])
            is_other = name.startswith("openmetrics.") and not is_public
            if is_other or (name.startswith("openmetrics_plugins") and not is_own):
                wrong.append(f"{source.path} -> {name}")
    assert wrong == []


def test_arrows_name_modules_that_exist_or_are_planned(sources: list[Any]) -> None:
    modules = {source.module for source in sources if source.path.startswith("openmetrics/")}
    planned = {"analysis", "columns"}
    gone = [
        name
        for name in (*ARROWS, *WIRING)
        if name not in planned and not any(is_within(module, (name,)) for module in modules)
    ]
    assert gone == []


def test_engines_import_their_driver_when_opened_only() -> None:
    code = (
        "import sys; from openmetrics.store.engines import register_engines; register_engines();"
        "print([name for name in ('duckdb', 'elasticsearch', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
