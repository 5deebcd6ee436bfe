"""Lifecycle and stickiness: who is new, stays, returns or leaves, and how often people come."""

from __future__ import annotations

from pathlib import Path

from openmetrics.plugin import Analysis, Server, hookimpl
from openmetrics_plugins.lifecycle.answers import (
    answer_lifecycle,
    answer_stickiness,
    find_living,
    find_sticky,
)
from openmetrics_plugins.lifecycle.params import parse_params


@hookimpl
def register_schemas() -> list[Path]:
    """Describe questions and answers."""
    return [Path(__file__).parent]


@hookimpl
def register_analyses(server: Server) -> list[Analysis]:
    """Add the analyses."""
    folder = Path(__file__).parent
    living = ("lifecycle", "Who is new, stays, returns or leaves", "lifecycle", "lifecycle-answer")
    sticky = ("stickiness", "How often people come", "stickiness", "stickiness-answer")
    return [
        Analysis(*living, parse_params, answer_lifecycle, find_living, str(folder / "panel.js")),
        Analysis(*sticky, parse_params, answer_stickiness, find_sticky, str(folder / "panel-stickiness.js")),
    ]
