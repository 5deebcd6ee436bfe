"""What `openmetrics plugin new` writes works at once, as a file and as an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openmetrics import cli
from openmetrics.errors import OpenMetricsError
from openmetrics.skeleton import write_skeleton
from openmetrics.testing.client import running

ROOT = Path(__file__).parents[2]


def run_tests(folder: Path, *paths: Path) -> str:
    """Run the tests of a folder in a process of their own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_file_is_the_example_of_the_docs_and_its_test_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "plugins"
    cli.commands(("plugin", "new", "active-days", "--folder", str(folder)), standalone_mode=False)
    written = [folder / "active_days.py", folder / "tests" / "test_active_days.py"]
    assert capsys.readouterr().out == "".join(f"wrote {path}\n" for path in written)
    assert written[0].read_text() == (ROOT / "docs" / "examples" / "active_days.py").read_text()
    assert "1 passed" in run_tests(folder)


def test_package_is_installed_and_its_test_passes(tmp_path: Path) -> None:
    write_skeleton(tmp_path, "active-days", is_package=True, has_panel=True)
    target = tmp_path / "installed"
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--disable-pip-version-check", "--root-user-action", "ignore", "--target", str(target),
        str(tmp_path / "active_days"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 passed" in run_tests(tmp_path / "active_days", target)


def test_panel_is_served_beside_the_plugin(tmp_path: Path) -> None:
    write_skeleton(tmp_path, "active-days", has_panel=True)
    with running(plugins_dir=str(tmp_path)) as app:
        panel = app.server.analyses["active-days"].panel
    assert panel is not None
    text = Path(panel).read_text()
    assert 'title: "Active days"' in text
    assert "@" not in text


@pytest.mark.parametrize("name", ["", "Active", "a_b", "-a", "a-", "1a", "a" * 41, "a/b", "..", "ä"])
def test_name_that_no_module_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OpenMetricsError, match="active-days"):
        write_skeleton(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    kept = tmp_path / "tests" / "test_mine.py"
    kept.write_text("mine")
    with pytest.raises(OpenMetricsError, match="is there already"):
        write_skeleton(tmp_path, "mine")
    assert kept.read_text() == "mine"
    assert not (tmp_path / "mine.py").exists()
