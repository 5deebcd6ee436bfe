"""What a saved metric and a saved dashboard may say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from openmetrics.plugin import (
    Analysis,
    Fault,
    OpenMetricsError,
    SavedKind,
    Server,
    check_question,
    invalid_query,
    list_references,
)

METRIC, DASHBOARD = "metric", "dashboard"
DEFAULT_RANGE: Mapping[str, Any] = {"last": "30d"}
"""The range of a metric whose question names none."""


def metric_kind(server: Server) -> SavedKind:
    """Return how metrics are saved: with a question that their analysis takes."""

    def check(id: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        check_metric(server, document)
        return {name: value for name, value in document.items() if name not in ("id", "version")}

    return SavedKind(METRIC, "metrics", check, list_references)


def check_metric(server: Server, document: Mapping[str, Any]) -> None:
    """Refuse a metric whose question cannot be asked. Raises OpenMetricsError `invalid-query`."""
    analysis = find_analysis(server, document["analysis"])
    question = {"range": DEFAULT_RANGE, **document["params"]}
    try:
        check_question(analysis, question, server.asking(), server.schemas)
    except OpenMetricsError as error:
        raise move_pointers(error, "/params") from error


def find_analysis(server: Server, name: str) -> Analysis:
    """Return an analysis by name. Raises OpenMetricsError `invalid-query`, naming those that there are."""
    analysis = server.analyses.get(name)
    if analysis is None:
        known = ", ".join(server.analyses) or "none: all their plugins are disabled"
        raise invalid_query("/analysis", f"There is no analysis {name[:60]!r}; there are {known}.")
    return analysis


def dashboard_kind(server: Server) -> SavedKind:
    """Return how dashboards are saved: with tiles whose metrics exist."""

    def check(id: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        known: set[str] = set()
        for number, tile in enumerate(document["tiles"]):
            metric = tile["metric"]
            if metric not in known and server.store.control_get(METRIC, metric) is None:
                pointer = f"/tiles/{number}/metric"
                raise invalid_query(pointer, f"There is no metric {metric[:60]!r}; save it first.")
            known.add(metric)
        return {"label": document["label"], "tiles": document["tiles"]}

    return SavedKind(DASHBOARD, "dashboards", check, _iter_metrics)


def _iter_metrics(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for tile in document["tiles"]:
        yield METRIC, tile["metric"]


def move_pointers(error: OpenMetricsError, prefix: str) -> OpenMetricsError:
    """Return a refusal of a question as one of the document that holds it at `prefix`."""
    faults = [Fault(prefix + fault.pointer, fault.detail) for fault in error.faults]
    return replace(error, faults=faults)
