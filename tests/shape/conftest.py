"""Read and parse every Python file of the repository once."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("openmetrics", "plugins", "schemas", "config")
BESIDE = ("benchmarks", "docs", "tests")


@dataclass(frozen=True)
class Source:
    """One file: its path from the top, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def is_shipped(self) -> bool:
        return self.path.split("/", 1)[0] in SHIPPED

    @property
    def module(self) -> str:
        """The name without the leading package: `store.duckdb`, `http.users`."""
        parts = list(Path(self.path).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        return ".".join(parts[1:]) if parts[0] == "openmetrics" else ".".join(parts)


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    found = []
    for folder in (*SHIPPED, *BESIDE):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            found.append(Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text)))
    return found
