"""What is installed is what is in the repository: every module and every data file, wheel and editable."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "openmetrics": "openmetrics",
    "plugins": "openmetrics_plugins",
    "schemas": "openmetrics_schemas",
    "config": "openmetrics_config",
}
FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
LOOK = """
from importlib import resources
import openmetrics, openmetrics_plugins, openmetrics_schemas, openmetrics_config
assert (resources.files("openmetrics_schemas") / "event.schema.json").is_file()
assert (resources.files("openmetrics_config") / "openmetrics.example.toml").is_file()
assert (resources.files("openmetrics_config.elasticsearch") / "events.json").is_file()
assert (resources.files("openmetrics.web") / "templates" / "shell.html").is_file()
from openmetrics.testing.client import running
with running(store="duckdb") as application:
    assert application.client.simulate_get("/").status_code == 200
    assert application.client.simulate_get("/api/types").status_code == 200
    assert application.client.simulate_post("/v1/collect", json={"name": "a"}).status_code == 202
    assert application.client.simulate_get("/v1/catalog/events").json["events"][0]["count"] == 1
print(openmetrics.__file__)
"""

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is needed to build: building leaves things behind."""
    folder: Path = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "--wheel-dir", source / "dist", source, cwd=source)
    [found] = (source / "dist").glob("openmetrics-*.whl")
    return found


def make_venv(folder: Path) -> Path:
    """Return the Python of a fresh environment that borrows the dependencies, but not us, from this one."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def install(python: Path, *what: str | Path, cwd: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--no-build-isolation", *what, cwd=cwd)


def test_wheel_holds_every_file_of_the_repository(source: Path, wheel: Path) -> None:
    expected = {
        f"{package}/{path.relative_to(source / folder).as_posix()}"
        for folder, package in PACKAGES.items()
        for path in (source / folder).rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if name.endswith("LICENSE")]
    assert expected - found == set(), "missing in the wheel: see packages and package_data in setup.cfg"
    assert found - expected == set()
    assert licences


def test_wheel_runs_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    python = make_venv(tmp_path / "venv")
    install(python, wheel, cwd=tmp_path)
    place = run(python, "-c", LOOK, cwd=tmp_path).strip()
    assert str(tmp_path / "venv") in place
    text = run(python.parent / "openmetrics", "--help", cwd=tmp_path)
    assert "serve" in text
    assert "openmetrics" in run(python.parent / "openmetrics", "--version", cwd=tmp_path)


def test_editable_install_runs_from_the_source(source: Path, tmp_path: Path) -> None:
    python = make_venv(tmp_path / "venv")
    install(python, "--editable", source, cwd=tmp_path)
    place = run(python, "-c", LOOK, cwd=tmp_path).strip()
    assert place == str(source / "openmetrics" / "__init__.py")
