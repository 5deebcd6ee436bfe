"""Trends: how much of something there is, over time and by group."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmetrics.plugin import Analysis, Asking, People, Server, hookimpl
from openmetrics_plugins.trends.model import Params
from openmetrics_plugins.trends.params import parse_params


@hookimpl
def register_schemas() -> list[Path]:
    """Describe question and answer."""
    return [Path(__file__).parent]


@hookimpl
def register_analyses(server: Server) -> list[Analysis]:
    """Add the analysis."""
    title, panel = "How much, over time and by group", str(Path(__file__).with_name("panel.js"))
    return [
        Analysis("trends", title, "trends", "trends-answer", parse_params, _answer, _find_people, panel=panel)
    ]


# PERF: the compiled loops take a second to load, so that they are loaded with the first question.
def _answer(params: Params, asking: Asking) -> Mapping[str, Any]:
    from openmetrics_plugins.trends.answer import answer_trends

    return answer_trends(params, asking)


def _find_people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    from openmetrics_plugins.trends.people import find_people

    return find_people(params, pick, asking)
