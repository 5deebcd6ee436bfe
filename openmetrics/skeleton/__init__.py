"""Write the beginning of a plugin: an analysis of its own that works, and a test that passes."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import click

from openmetrics.errors import invalid_query

NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
MAX_NAME = 40


@click.group("plugin")
def own_plugin() -> None:
    """Begin a plugin of your own."""


@own_plugin.command("new")
@click.argument("name")
@click.option("--folder", default="plugins", show_default=True, help="Where it is written.")
@click.option("--package", is_flag=True, help="A package to install, in place of one file.")
@click.option("--panel", is_flag=True, help="With a panel of its own in the user interface.")
def new_plugin(name: str, folder: str, package: bool, panel: bool) -> None:
    """Write an analysis NAME that works, and a test that passes."""
    for path in write_skeleton(folder, name, package, panel):
        click.echo(f"wrote {path}")


def write_skeleton(
    folder: Path | str, name: str, is_package: bool = False, has_panel: bool = False
) -> list[Path]:
    """Write the files of a plugin and return their paths; nothing is overwritten.

    Into a `plugins_dir` it is one file with its test in `tests` (and its panel in a folder of its own); a
    package can be installed. Raises OpenMetricsError `invalid-query`.
    """
    if len(name) > MAX_NAME or not NAME.fullmatch(name):
        detail = f"A name is at most {MAX_NAME} of a-z, 0-9 and -, such as active-days; {name[:60]!r} is not."
        raise invalid_query("/name", detail)
    files = _list_files(Path(folder), name.replace("-", "_"), is_package, has_panel)
    for path in files:
        if path.exists():
            raise invalid_query("/name", f"{path} is there already; choose another name or folder.")
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_render(template, name, is_package, has_panel))
    return list(files)


def _list_files(folder: Path, module: str, is_package: bool, has_panel: bool) -> dict[Path, str]:
    """Return which template each file is made of."""
    if is_package:
        top = folder / module
        code = top / f"openmetrics_{module}"
        files = {code / "__init__.py": "plugin.py.txt", top / "pyproject.toml": "pyproject.toml.txt"}
        files[top / "README.md"] = "README.md.txt"
    else:
        top = code = folder
        files = {folder / f"{module}.py": "plugin.py.txt"}
    files[top / "tests" / f"test_{module}.py"] = "test_plugin.py.txt"
    if has_panel:
        files[(code if is_package else folder / module) / "panel.js"] = "panel.js.txt"
    return files


def _render(template: str, name: str, is_package: bool, has_panel: bool) -> str:
    module = name.replace("-", "_")
    panel = '"panel.js"' if is_package else f'"{module}/panel.js"'
    words = {
        "name": name,
        "module": module,
        "title": name.replace("-", " ").capitalize(),
        "panel": f"    panel = str(Path(__file__).parent / {panel})\n" if has_panel else "",
        "with_panel": ", panel=panel" if has_panel else "",
        "path": "from pathlib import Path\n" if has_panel else "",
        "running": "" if is_package else "plugins_dir=str(Path(__file__).parents[1])",
        "test_path": "" if is_package else "from pathlib import Path\n",
    }
    text = (resources.files("openmetrics.skeleton") / template).read_text()
    return re.sub(r"@(\w+)@", lambda found: words[found[1]], text)
