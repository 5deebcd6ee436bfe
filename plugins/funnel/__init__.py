"""Funnels: how many get from one step to the next, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmetrics.plugin import Analysis, Asking, People, Server, hookimpl
from openmetrics_plugins.funnel.comparison import iter_proportions
from openmetrics_plugins.funnel.params import Params, parse_params
from openmetrics_plugins.funnel.rendering import render_funnel

__all__ = ["render_funnel"]


@hookimpl
def register_schemas() -> list[Path]:
    """Describe question and answer."""
    return [Path(__file__).parent]


@hookimpl
def register_analyses(server: Server) -> list[Analysis]:
    """Add the analysis."""
    return [
        Analysis(
            "funnel",
            "How far they get",
            "funnel",
            "funnel-answer",
            parse_params,
            _answer,
            _find_people,
            proportions=iter_proportions,
        )
    ]


# PERF: the compiled loops take a second to load, so that they are loaded with the first question.
def _answer(params: Params, asking: Asking) -> Mapping[str, Any]:
    from openmetrics_plugins.funnel.answer import answer_funnel

    return answer_funnel(params, asking)


def _find_people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    from openmetrics_plugins.funnel.people import find_people

    return find_people(params, pick, asking)
