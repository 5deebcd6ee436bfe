"""The server refuses to start where that would be unsafe or bound to fail, with one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENMETRICS_")}
    environ["OPENMETRICS_DATA_DIR"] = str(folder / "data")
    command = [sys.executable, "-m", "openmetrics", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_start_on_a_public_address_without_keys_is_refused(tmp_path: Path, host: str) -> None:
    done = run("serve", "--host", host, "--store", "memory", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert host in done.stderr
    assert "openmetrics keys create admin" in done.stderr
    assert "--insecure" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serve", "--store", "oracle"), ("oracle", "duckdb", "elasticsearch", "memory")),
        (("serve", "--server", "apache"), ("apache", "gunicorn", "granian")),
        (("--config", "none.toml", "serve"), ("none.toml", "No such file")),
    ],
)
def test_start_with_a_wrong_setting_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("openmetrics: ")
    assert done.stderr.count("\n") == 1
    assert [word for word in words if word not in done.stderr] == []


def test_start_with_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text('colour = "red"\n')
    done = run("--config", str(tmp_path / "wrong.toml"), "serve", folder=tmp_path)
    assert done.returncode == 1
    assert "'colour'" in done.stderr


def test_start_with_several_workers_on_an_embedded_store_is_refused(tmp_path: Path) -> None:
    done = run("serve", "--workers", "2", folder=tmp_path)
    assert done.returncode == 1
    assert "one worker" in done.stderr


def test_start_on_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    done = run("serve", folder=tmp_path)
    assert done.returncode == 1
    assert "data folder" in done.stderr


def test_usage_errors_have_exit_code_two(tmp_path: Path) -> None:
    assert run("serve", "--port", "many", folder=tmp_path).returncode == 2
    assert run("nonsense", folder=tmp_path).returncode == 2


def test_keys_made_on_the_command_line_let_a_public_server_start(tmp_path: Path) -> None:
    made = run("keys", "create", "admin", "--label", "first", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("om_admin_")
    listed = run("keys", "list", folder=tmp_path)
    assert "admin" in listed.stdout
    assert made.stdout.strip() not in listed.stdout
    doctor = run("doctor", folder=tmp_path)
    assert doctor.returncode == 0, doctor.stdout
    key_id = listed.stdout.split()[0]
    assert run("keys", "revoke", key_id, folder=tmp_path).returncode == 0
    assert run("keys", "revoke", key_id, folder=tmp_path).returncode == 1
