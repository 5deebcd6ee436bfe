"""The demo fills a really started server and finds the figures that it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openmetrics.testing.process import find_free_port, server

ROOT = Path(__file__).parents[2]


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.demo", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_demo_finds_its_figures_on_a_server_of_its_own() -> None:
    done = run_demo("--once", "--port", str(find_free_port()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the server answers 31,106 events of 600 users, as it should" in done.stdout


@pytest.mark.slow
def test_demo_sent_twice_adds_nothing() -> None:
    with server(store="memory") as process:
        for _ in range(2):
            done = run_demo("--url", process.url)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "31,106 events of 600 users" in done.stdout
