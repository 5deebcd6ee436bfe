"""What commands share, those of plugins too: options for settings, and what they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from openmetrics.settings import SETTINGS, Settings

if TYPE_CHECKING:
    from openmetrics.server import Server
    from openmetrics.store.base import Store

STORE = ("data_dir", "store", "elasticsearch_url")
"""The settings that say which store is meant."""


def setting_options(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """Give a command an option for each of these settings."""
    rows = {setting.name: setting for setting in SETTINGS}

    def decorate(command: Any) -> Any:
        for name in reversed(names):
            row = rows[name]
            shown = row.help + (f" Default: {row.default}." if row.default != "" else "")
            command = click.option(
                f"--{name.replace('_', '-')}", name, type=row.type, default=None, help=shown
            )(command)
        return command

    return decorate


def load_given(context: click.Context, given: Mapping[str, Any]) -> tuple[Settings, Any]:
    """Read the settings that a command was given, and return them with the plugins' manager."""
    from openmetrics.app import read_settings

    return read_settings({"config": context.obj, **given})


@contextmanager
def open_given_store(context: click.Context, given: Mapping[str, Any]) -> Iterator[tuple[Settings, Store]]:
    """Open the store by itself: for commands that run beside no server, or with a store for several."""
    from openmetrics.app import open_store

    settings, manager = load_given(context, given)
    store = open_store(settings, manager)
    try:
        yield settings, store
    finally:
        store.close()


@contextmanager
def open_given_server(context: click.Context, given: Mapping[str, Any]) -> Iterator[Server]:
    """Open everything but HTTP, beside no server: what is accepted is stored as a server would."""
    from openmetrics.app import open_server

    settings, manager = load_given(context, given)
    with open_server(settings, manager) as server:
        yield server
