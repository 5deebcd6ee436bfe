"""Saved metrics and dashboards: questions that people keep, and the tiles that show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openmetrics.plugin import Operation, Route, Server, hookimpl, saved_routes
from openmetrics_plugins.metrics.answers import ANSWER_QUERY, MetricAnswers
from openmetrics_plugins.metrics.documents import dashboard_kind, metric_kind
from openmetrics_plugins.metrics.installing import Packs, metrics


@hookimpl
def register_schemas() -> list[Path]:
    """Describe what is saved."""
    return [Path(__file__).parent]


@hookimpl
def register_routes(server: Server) -> list[Route]:
    """Add the routes of metrics and dashboards."""
    answers = {"200": "The answer of its analysis.", "404": "There is no such metric."}
    ask = Operation("GET", "Answer a metric.", ANSWER_QUERY, answers=answers)
    return [
        *saved_routes(server, metric_kind(server)),
        Route("/v1/metrics/{id}/answer", MetricAnswers(server), (ask,)),
        *saved_routes(server, dashboard_kind(server)),
        Route("/v1/packs", Packs(server), (_LIST, _INSTALL)),
    ]


@hookimpl
def register_commands(cli: Any) -> None:
    """Add `openmetrics metrics`."""
    cli.add_command(metrics)


_LIST = Operation("GET", "List the packs of metrics that come with the server.")
_INSTALL = Operation(
    "POST",
    "Save the metrics and dashboards of a pack. Needs an admin key.",
    body="pack-install.schema.json",
    answers={"200": "What was saved, and what was there and is kept."},
)
