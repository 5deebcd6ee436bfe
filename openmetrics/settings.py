"""Every setting, in one table; and how it is read: file < environment < arguments.

The environment's name of a setting is `OPENMETRICS_` and its name in upper case. Plugins add rows
through `register_settings`, named `<plugin>_<name>`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmetrics.errors import OpenMetricsError

MIB = 1024 * 1024
SettingType = type[str] | type[int] | type[float] | type[bool] | type[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: name, type, default and a sentence for the operator. `list` values split at commas."""

    name: str
    type: type
    default: Any
    help: str
    is_secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("host", str, "127.0.0.1", "Address to listen on; other than loopback needs keys."),
    Setting("port", int, 8080, "Port to listen on."),
    Setting("data_dir", str, "./data", "Folder for the spool, the embedded store and caches."),
    Setting("store", str, "duckdb", "Engine: duckdb, elasticsearch or memory (lost at exit)."),
    Setting("insecure", bool, False, "Allow an address other than loopback without keys."),
    Setting("server", str, "gunicorn", "HTTP server: gunicorn, or granian where it is installed."),
    Setting("workers", int, 1, "Server processes; more than 1 needs a store for several processes."),
    Setting("threads", int, 8, "Request threads of one server process."),
    Setting("timezone", str, "UTC", "Time zone of questions that name none."),
    Setting("plugins_dir", str, "", "Folder with plugins of your own, one file or package each."),
    Setting("plugins_disabled", list, (), "Plugins not to load, by name."),
    Setting("cors_origins", list, (), "Origins whose pages may ask questions from a browser."),
    Setting("frame_ancestors", list, (), "Origins whose pages may show the user interface in a frame."),
    Setting("trusted_proxies", list, (), "Addresses of proxies whose X-Forwarded-For is believed."),
    Setting("body_bytes", int, 20 * MIB, "Largest request body."),
    Setting("unpacked_bytes", int, 100 * MIB, "Largest body after gzip is unpacked."),
    Setting("event_bytes", int, MIB, "Largest single event."),
    Setting("inflight_bytes", int, 256 * MIB, "Bodies in memory at once; more wait, then get 503."),
    Setting("rate_limit_per_s", int, -1, "Requests/s an address; 0 none, -1 none on loopback, else 2,000."),
    Setting("access_log", bool, True, "Write one JSON line a request to standard output."),
    Setting("max_property_names", int, 1_000, "Distinct property names that are indexed."),
    Setting("refused_user_ids", list, (), "Texts to refuse as user ids, beside null, guest and the like."),
    Setting("query_timeout_s", float, 30.0, "Deadline of a question."),
    Setting("spool_file_bytes", int, 16 * MIB, "Size at which a spool file is sealed."),
    Setting("spool_file_age_s", float, 1.0, "Age at which a spool file is sealed."),
    Setting("spool_bytes", int, 4096 * MIB, "Largest spool; beyond it events are refused with 503."),
    Setting("journal_days", float, 2.0, "Days for which stored spool files are kept for replay."),
    Setting(
        "columns_budget", int, -1, "Largest column cache in bytes; -1: half of the free disk, at most 20 GB."
    ),
    Setting("duckdb_memory", str, "1GB", "Memory limit of the embedded store."),
    Setting("elasticsearch_url", str, "http://127.0.0.1:9200", "Addresses, separated by commas."),
    Setting("elasticsearch_index_prefix", str, "openmetrics", "Prefix of all indices: the project."),
    Setting("elasticsearch_username", str, "", "User for basic authentication."),
    Setting("elasticsearch_password", str, "", "Password for basic authentication.", is_secret=True),
    Setting("elasticsearch_api_key", str, "", "API key, instead of user and password.", is_secret=True),
    Setting("elasticsearch_ca_certs", str, "", "File with the CA of the cluster's certificates."),
    Setting("elasticsearch_fingerprint", str, "", "SHA-256 fingerprint of the certificate instead."),
    Setting("elasticsearch_shards", int, 1, "Primary shards of a month."),
    Setting("elasticsearch_timeout_s", float, 60.0, "Timeout of one request to the cluster."),
)


class Settings(Mapping[str, Any]):
    """All settings, frozen: `settings.port` or `settings["port"]`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        """Return a setting by attribute."""
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Any:
        """Return a setting by name."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count the settings."""
        return len(self._values)

    @property
    def data_path(self) -> Path:
        """Return the data folder as a path."""
        return Path(self._values["data_dir"])


class SettingsError(OpenMetricsError):
    """Say which setting is wrong and what it takes."""

    def __init__(self, detail: str) -> None:
        super().__init__("internal", detail)


def load_settings(
    arguments: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    table: Sequence[Setting] = SETTINGS,
    is_partial: bool = False,
) -> Settings:
    """Read settings from the file named by `config`, the environment and arguments, later ones winning.

    With `is_partial` names outside the table are passed over: plugins' rows are not known yet.
    Raises SettingsError for an unknown name or a value of the wrong type.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    config = given.pop("config", None) or environ.get("OPENMETRICS_CONFIG")
    known = {setting.name: setting for setting in table}
    values = {setting.name: setting.default for setting in table}
    for source, found in (
        (f"file {config}", _read_file(config) if config else {}),
        ("environment", _read_environment(environ, known)),
        ("arguments", given),
    ):
        for name, value in found.items():
            if name not in known:
                if is_partial:
                    continue
                raise SettingsError(f"unknown setting {name!r} in {source}; see `openmetrics settings`")
            values[name] = _convert(known[name], value, source)
    return Settings(values)


def _read_file(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings file {path} is not TOML: {error}") from error


def _read_environment(environ: Mapping[str, str], known: Mapping[str, Setting]) -> dict[str, str]:
    prefix = "OPENMETRICS_"
    found = {name[len(prefix) :].lower(): value for name, value in environ.items() if name.startswith(prefix)}
    return {name: value for name, value in found.items() if name in known}


def _convert(setting: Setting, value: Any, source: str) -> Any:
    try:
        if setting.type is bool:
            if isinstance(value, bool):
                return value
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}[
                str(value).lower()
            ]
        if setting.type is list:
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if isinstance(value, bool) or (setting.type is str and not isinstance(value, str)):
            raise ValueError
        return setting.type(value)
    except (ValueError, KeyError, TypeError):
        raise SettingsError(
            f"setting {setting.name} in {source} takes {setting.type.__name__}, not {value!r}"
        ) from None
