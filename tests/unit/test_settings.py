"""Settings: file < environment < arguments, and a clear refusal of what is wrong."""

from pathlib import Path

import pytest

from openmetrics.settings import SETTINGS, SettingsError, load_settings


def test_load_settings_later_source_wins(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('port = 1\nhost = "file"\nthreads = 3\n')
    environ = {"OPENMETRICS_PORT": "2", "OPENMETRICS_HOST": "environment"}
    settings = load_settings({"config": str(path), "port": 3}, environ)
    assert (settings.port, settings.host, settings.threads) == (3, "environment", 3)


def test_load_settings_nothing_given_gives_defaults() -> None:
    settings = load_settings({}, {})
    assert dict(settings) == {row.name: row.default for row in SETTINGS}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("insecure", "yes", True),
        ("insecure", "0", False),
        ("plugins_disabled", "a, b,", ("a", "b")),
        ("query_timeout_s", "2.5", 2.5),
        ("spool_bytes", "10", 10),
    ],
)
def test_load_settings_environment_text_becomes_the_type(name: str, text: str, value: object) -> None:
    assert load_settings({}, {f"OPENMETRICS_{name.upper()}": text})[name] == value


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ({"port": "eighty"}, {}, "port"),
        ({}, {"OPENMETRICS_INSECURE": "maybe"}, "insecure"),
        ({"nonsense": 1}, {}, "nonsense"),
        ({"config": "/nowhere/at-all.toml"}, {}, "at-all.toml"),
    ],
)
def test_load_settings_wrong_value_is_refused_by_name(
    arguments: dict[str, object], environ: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(arguments, environ)


def test_load_settings_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("port = ")
    with pytest.raises(SettingsError, match="TOML"):
        load_settings({"config": str(path)}, {})
    path.write_text("porto = 1")
    with pytest.raises(SettingsError, match="porto"):
        load_settings({"config": str(path)}, {})
    path.write_text("port = true")
    with pytest.raises(SettingsError, match="port"):
        load_settings({"config": str(path)}, {})
