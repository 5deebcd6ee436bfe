"""Retention: how many of those who began come back, cohort by cohort."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from openmetrics.plugin import Analysis, Asking, People, Server, hookimpl, print_answer, question_options
from openmetrics_plugins.retention.comparison import iter_proportions
from openmetrics_plugins.retention.params import Params, parse_params
from openmetrics_plugins.retention.rendering import render_retention

__all__ = ["render_retention"]


@hookimpl
def register_schemas() -> list[Path]:
    """Describe question and answer."""
    return [Path(__file__).parent]


@hookimpl
def register_analyses(server: Server) -> list[Analysis]:
    """Add the analysis."""
    return [
        Analysis(
            "retention",
            "How many come back",
            "retention",
            "retention-answer",
            parse_params,
            _answer,
            _find_people,
            panel=str(Path(__file__).with_name("panel.js")),
            proportions=iter_proportions,
        )
    ]


@hookimpl
def register_commands(cli: Any) -> None:
    """Add `openmetrics ask retention`."""
    if "ask" in cli.commands:
        cli.commands["ask"].add_command(ask_retention)


@click.command("retention")
@click.argument("start", required=False)
@click.argument("return", required=False)
@click.option("--interval", help="minute, hour, day, week or month.")
@click.option("--periods", type=int, help="The largest period.")
@click.option("--breakdown", help="A table for each value of a field, such as props.plan.")
@question_options
@click.pass_context
def ask_retention(context: click.Context, /, **given: Any) -> None:
    """Ask how many come back: who did START (any event, if absent) and later RETURN."""
    members = {name: given[name] for name in ("interval", "periods", "breakdown")}
    events = {name: {"event": given[name]} for name in ("start", "return") if given[name] is not None}
    print_answer(context, "retention", {**events, **members}, render_retention)


# PERF: the compiled loops take a second to load, so that they are loaded with the first question.
def _answer(params: Params, asking: Asking) -> Mapping[str, Any]:
    from openmetrics_plugins.retention.answer import answer_retention

    return answer_retention(params, asking)


def _find_people(params: Params, pick: Mapping[str, Any], asking: Asking) -> People:
    from openmetrics_plugins.retention.people import find_people

    return find_people(params, pick, asking)
