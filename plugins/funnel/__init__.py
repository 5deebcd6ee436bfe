"""Funnels: how many get from one step to the next, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from openmetrics.plugin import Analysis, Asking, People, Server, hookimpl, print_answer, question_options
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
            panel=str(Path(__file__).with_name("panel.js")),
            proportions=iter_proportions,
        )
    ]


@hookimpl
def register_commands(cli: Any) -> None:
    """Add `openmetrics ask funnel`."""
    if "ask" in cli.commands:
        cli.commands["ask"].add_command(ask_funnel)


@click.command("funnel")
@click.argument("events", nargs=-1)
@click.option("--window", help="The longest time from the first step to the last, such as 7d.")
@click.option("--order", help="ordered, strict or any.")
@click.option("--breakdown", help="A table for each value of a field, such as props.plan.")
@question_options
@click.pass_context
def ask_funnel(context: click.Context, /, events: tuple[str, ...], **given: Any) -> None:
    """Ask how many do one of EVENTS after the other."""
    members = {name: given[name] for name in ("window", "order", "breakdown")}
    steps = [{"event": event} for event in events] or None
    print_answer(context, "funnel", {"steps": steps, **members}, render_funnel)


# PERF: the compiled loops take a second to load, so that they are loaded with the first question.
def _answer(params: Params, asking: Asking) -> Mapping[str, Any]:
    from openmetrics_plugins.funnel.answer import answer_funnel

    return answer_funnel(params, asking)


def _find_people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    from openmetrics_plugins.funnel.people import find_people

    return find_people(params, pick, asking)
