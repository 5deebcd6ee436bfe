"""Start an HTTP server on the application, and check before that it may start."""

from __future__ import annotations

import sys
from importlib import resources
from typing import Any

from openmetrics.app import open_store
from openmetrics.errors import OpenMetricsError
from openmetrics.http.hosts import is_loopback
from openmetrics.http.keys import list_keys
from openmetrics.plugins import PluginError
from openmetrics.settings import Settings, SettingsError
from openmetrics.store.base import Capability

FACTORY = "openmetrics.wsgi:build_app()"


def check_start(settings: Settings, manager: Any) -> None:
    """Refuse a start that would fail or be unsafe. Raises SettingsError with how to mend it."""
    if settings.server not in ("gunicorn", "granian"):
        raise SettingsError(f"server is gunicorn or granian, not {settings.server!r}")
    _check_folder(settings)
    store = open_store(settings, manager)
    try:
        if settings.workers > 1 and Capability.MULTI_PROCESS not in store.capabilities:
            raise SettingsError(f"the engine {store.name} takes one worker; use threads, or elasticsearch")
        if not is_loopback(settings.host) and not settings.insecure and not list_keys(store):
            raise SettingsError(
                f"{settings.host} can be reached from outside, and there are no keys: make one with "
                "`openmetrics keys create admin`, or say --insecure"
            )
    finally:
        store.close()


def _check_folder(settings: Settings) -> None:
    try:
        settings.data_path.mkdir(parents=True, exist_ok=True)
        probe = settings.data_path / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"the data folder {settings.data_dir} cannot be written: {error.strerror}"
        ) from error


def examine(settings: Settings, manager: Any) -> list[tuple[bool, str]]:
    """Return findings, each fine or not, with a sentence."""
    findings = [(True, "settings are readable"), (True, "plugins are loaded")]
    try:
        _check_folder(settings)
        findings.append((True, f"the data folder {settings.data_dir} can be written"))
    except OpenMetricsError as error:
        findings.append((False, error.detail))
    try:
        store = open_store(settings, manager)
    except (OpenMetricsError, PluginError) as error:
        return [*findings, (False, str(error))]
    try:
        health = store.health()
        findings.append((health.is_ok, f"{store.name}: {health.detail}"))
        check = getattr(store, "check_schema", None)
        drift = check() if check else []
        findings += [(False, text) for text in drift] or [(True, "the schema is as it should be")]
        is_open = is_loopback(settings.host) or bool(list_keys(store)) or bool(settings.insecure)
        findings.append((is_open, "keys: " + ("fine" if is_open else "none, and the address is public")))
    finally:
        store.close()
    return findings


def run_gunicorn() -> None:
    """Run gunicorn in this process until it ends; it reads the settings from the environment."""
    from gunicorn.app.wsgiapp import WSGIApplication

    config = resources.files("openmetrics_config") / "gunicorn.conf.py"
    sys.argv = ["gunicorn", "--config", str(config), FACTORY]
    WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn").run()


def run_granian(settings: Settings) -> None:
    """Run granian in this process until it ends."""
    try:
        from granian.constants import Interfaces
        from granian.server import Server
    except ImportError as error:
        raise SettingsError("granian is not installed: `pip install openmetrics[fast]`") from error
    Server(
        "openmetrics.wsgi:build_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        backpressure=4 * settings.threads,
        log_access=False,
        websockets=False,
    ).serve()
