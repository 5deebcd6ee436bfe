"""Premade metrics and dashboards: `openmetrics packs install web`."""

from __future__ import annotations

from typing import Any

from openmetrics.plugin import hookimpl
from openmetrics_plugins.packs.commands import add_commands


@hookimpl
def register_commands(cli: Any) -> None:
    """Add `openmetrics packs`."""
    add_commands(cli)
