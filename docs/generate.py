"""Write the generated parts of the documentation and the example configuration; `--check` only compares.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from openmetrics import cli, plugins
from openmetrics.settings import SETTINGS, Setting
from openmetrics.testing.client import running

ROOT = Path(__file__).parents[1]
PART = re.compile(r"(<!-- generated: (?P<name>[^ ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def collect_settings() -> tuple[Setting, ...]:
    """Return all settings, those of the built-in plugins included."""
    return (*SETTINGS, *plugins.collect(plugins.build_manager(), "register_settings", lambda row: row.name))


def render_settings() -> str:
    """Return the table of settings."""
    rows = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for row in collect_settings():
        default = ", ".join(row.default) if row.type is list else row.default
        shown = f"`{str(default).lower() if row.type is bool else default}`" if default != "" else ""
        rows.append(f"| `{row.name}` | {row.type.__name__} | {shown} | {row.help} |")
    return "\n".join(rows) + "\n"


def render_routes() -> str:
    """Return the tables of routes, ours first, from the OpenAPI document."""
    with running() as application:
        paths = application.client.simulate_get("/openapi.json").json["paths"]
    rows = ["| route | purpose |", "|---|---|"]
    for path, item in paths.items():
        for method, operation in item.items():
            rows.append(f"| `{method.upper()} {path}` | {operation['summary']} |")
    return "\n".join(rows) + "\n"


def iter_commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name."""
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from iter_commands(found, f"{name} {child}")
    else:
        yield name, command


def render_commands() -> str:
    """Return a heading and the help of every command."""
    parts = []
    for name, command in iter_commands(cli.commands, "openmetrics"):
        context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
        parts.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def render_file(path: str) -> str:
    """Return a file of the repository as a code block."""
    return f"```python\n{(ROOT / path).read_text()}```\n"


RENDERERS: dict[str, Callable[[], str]] = {
    "settings": render_settings,
    "routes": render_routes,
    "commands": render_commands,
}


def render_page(text: str) -> str:
    """Return a page with all its generated parts made anew."""

    def render(found: re.Match[str]) -> str:
        name = found["name"]
        content = RENDERERS[name]() if name in RENDERERS else render_file(name)
        return f"{found[1]}{content}{found[3]}"

    return PART.sub(render, text)


def render_all() -> dict[Path, str]:
    """Return every file that is generated, wholly or in part."""
    pages: dict[Path, Any] = {
        path: path.read_text() for path in sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
    }
    found = {path: render_page(text) for path, text in pages.items() if PART.search(text)}
    found[ROOT / "config" / "openmetrics.example.toml"] = cli.render_toml(collect_settings())
    return found


def main() -> int:
    """Write what has changed, or with `--check` name it and return 1."""
    stale = [
        (path, text) for path, text in render_all().items() if not path.is_file() or path.read_text() != text
    ]
    for path, text in stale:
        print(
            f"{path.relative_to(ROOT)} is stale: run `make docs`"
            if "--check" in sys.argv
            else f"wrote {path.name}"
        )
        if "--check" not in sys.argv:
            path.write_text(text)
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
