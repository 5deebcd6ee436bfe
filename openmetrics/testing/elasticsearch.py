"""Start a real Elasticsearch for tests: no container, no root, nothing left running afterwards.

The server core comes from Maven Central and is kept under `.cache/elasticsearch`.
"""

from __future__ import annotations

import atexit
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmetrics.testing.distribution import ensure_distribution, find_java

VERSION = "9.2.0"
OLDEST_VERSION = "8.19.8"
ADMIN = "elastic"
START_DEADLINE_S = 180.0

# SAFETY: the shell ends the server and removes its folder ($0) when our end of its input closes, so that
# a test run that is killed leaves nothing.
_LAUNCH = """
exec 3<&0; "$@" & pid=$!
(read -r _; kill "$pid"; while kill -0 "$pid"; do sleep 0.1; done; rm -rf "$0") <&3 >/dev/null 2>&1 &
wait "$pid"
"""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the file realm; `role` is the body of its role, as in `config/roles.yml`."""

    name: str
    password: str
    role: str


class ElasticsearchServer:
    """A running server. `stop` is idempotent and is called at exit."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], folder: Path, password: str) -> None:
        self.url = url
        self.password = password
        """Password of the user `elastic`; empty where security is off."""
        self._process = process
        self._folder = folder
        atexit.register(self.stop)

    def wait(self) -> None:
        """Wait until the server answers; raises RuntimeError with its own words if it does not."""
        request = urllib.request.Request(f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=10s")
        if self.password:
            token = b64encode(f"{ADMIN}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(request, timeout=20) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.3)
        words = (self._folder / "console.log").read_text(errors="replace")[-4000:]
        self.stop()
        raise RuntimeError(f"Elasticsearch did not start:\n{words}")

    def stop(self) -> None:
        """End the server and remove its data."""
        atexit.unregister(self.stop)
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)


def start_elasticsearch(
    version: str = VERSION, users: Sequence[User] = (), options: Mapping[str, str] | None = None
) -> ElasticsearchServer:
    """Start a server and wait until it answers; with `users`, security is on.

    `options` are further settings of the node. When root, it runs as the user `nobody`.
    """
    folder = Path(tempfile.mkdtemp(prefix="openmetrics-elasticsearch-"))
    home = _open_home(ensure_distribution(version), folder)
    environ = _build_environ(version, folder, _write_config(home, folder, users))
    identity = _unprivileged_identity(folder)
    password = _add_users(home, environ, identity, users) if users else ""
    port = _free_port()
    node = {
        "discovery.type": "single-node",
        "http.port": str(port),
        "transport.port": str(_free_port()),
        "path.data": str(folder / "data"),
        "path.logs": str(folder / "logs"),
        "xpack.security.enabled": "true" if users else "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        **(options or {}),
    }
    arguments = [f"-E{name}={value}" for name, value in node.items()]
    with open(folder / "console.log", "wb") as console:
        process = subprocess.Popen(
            ["sh", "-c", _LAUNCH, str(folder), str(home / "bin" / "elasticsearch"), *arguments],
            stdin=subprocess.PIPE, stdout=console, stderr=subprocess.STDOUT,
            env=environ, cwd=folder, start_new_session=True, **identity,
        )  # fmt: skip
    server = ElasticsearchServer(f"http://127.0.0.1:{port}", process, folder, password)
    server.wait()
    return server


def remove_project(url: str, prefix: str) -> None:
    """Delete all indices and index templates whose names begin with a prefix."""
    indices = _ask(url, "GET", f"/{prefix}-*?filter_path=*.settings.index.uuid&expand_wildcards=all")
    for index in indices:
        _ask(url, "DELETE", f"/{index}")
    _ask(url, "DELETE", f"/_index_template/{prefix}-*")


def _ask(url: str, method: str, target: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{url}{target}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return {}
        raise


def _build_environ(version: str, folder: Path, config: Path) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    environ["ES_JAVA_HOME"] = str(find_java(21 if version.startswith("9") else 17))
    environ["ES_PATH_CONF"] = str(config)
    environ.setdefault("ES_JAVA_OPTS", "-Xms1g -Xmx1g")
    scratch = folder / "tmp"
    scratch.mkdir()
    return environ | {"ES_TMPDIR": str(scratch), "HOME": str(scratch)}


def _open_home(home: Path, folder: Path) -> Path:
    """Return the server's folder, or a copy where the unprivileged user could not reach it."""
    closed = [path for path in home.parents if not path.stat().st_mode & 0o001]
    if os.geteuid() != 0 or not closed:
        return home
    return Path(shutil.copytree(home, folder / "home", copy_function=shutil.copy))


def _write_config(home: Path, folder: Path, users: Sequence[User]) -> Path:
    config = folder / "config"
    shutil.copytree(home / "config", config)
    options = (config / "jvm.options").read_text().splitlines()
    # NOTE: some Java runtimes lack this module, and nothing here needs it.
    kept = [line for line in options if "jdk.incubator.vector" not in line]
    (config / "jvm.options").write_text("\n".join(kept) + "\n")
    with open(config / "roles.yml", "a") as file:
        for user in users:
            body = "\n".join(f"  {line}" for line in user.role.strip().splitlines())
            file.write(f"\n{user.name}:\n{body}\n")
    return config


def _unprivileged_identity(folder: Path) -> dict[str, Any]:
    """Return who the server runs as, for Popen, and give it the folder: it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _add_users(home: Path, environ: dict[str, str], identity: dict[str, Any], users: Sequence[User]) -> str:
    password = secrets.token_urlsafe(12)
    keystore = str(home / "bin" / "elasticsearch-keystore")
    tool = str(home / "bin" / "elasticsearch-users")
    commands = [
        ([keystore, "create"], ""),
        ([keystore, "add", "-x", "-f", "bootstrap.password"], password),
        *(([tool, "useradd", user.name, "-p", user.password, "-r", user.name], "") for user in users),
    ]
    for command, given in commands:
        done = subprocess.run(
            command, input=given.encode(), capture_output=True, env=environ, cwd="/", check=False, **identity
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{command[0]} failed:\n{(done.stdout + done.stderr).decode(errors='replace')}"
            )
    return password


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
