"""Answer saved metrics: `GET /v1/metrics/{id}/answer?last=7d`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import falcon

from openmetrics.plugin import (
    Fault,
    OpenMetricsError,
    Server,
    find_saved,
    invalid_query,
    read_query,
    run_analysis,
    send_json,
)
from openmetrics_plugins.metrics.documents import DEFAULT_RANGE, METRIC, find_analysis, move_pointers

ANSWER_QUERY: Mapping[str, Any] = {
    "last": {"type": "string", "description": "Back from now, in place of the saved range: 30d, 12h, 6mo."},
    "from": {"type": "string", "description": "The first instant, in place of the saved range."},
    "to": {"type": "string", "description": "The first instant after the range."},
    "timezone": {"type": "string", "description": "In place of the saved one, such as Europe/Berlin."},
}
RANGE = ("last", "from", "to")


class MetricAnswers:
    """`GET /v1/metrics/{id}/answer`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """Run the question of a metric, with another range or time zone where asked."""
        given = read_query(req, ANSWER_QUERY)
        metric = find_saved(self._server, METRIC, id)
        analysis = find_analysis(self._server, metric.body["analysis"])
        question = build_question(metric.body["params"], given)
        try:
            answer = run_analysis(analysis, question, self._server.asking(), self._server.schemas)
        except OpenMetricsError as error:
            raise _point_at(error, given) from error
        send_json(resp, {"metric": id, "label": metric.body["label"], "version": metric.version, **answer})


def build_question(params: Mapping[str, Any], given: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a saved question with what a request gives in place of its own."""
    question = {"range": DEFAULT_RANGE, **params}
    range = {name: given[name] for name in RANGE if name in given}
    if "to" in range and len(range) == 1:
        raise invalid_query("/from", "`to` goes with `from`; add it.")
    if range:
        question["range"] = range
    if "timezone" in given:
        question["timezone"] = given["timezone"]
    return question


def _point_at(error: OpenMetricsError, given: Mapping[str, str]) -> OpenMetricsError:
    """Let a refusal point at the request's parameter, or else at the saved question."""
    names = {f"/range/{name}" for name in RANGE if name in given} | {f"/{name}" for name in given}
    if not any(fault.pointer in names for fault in error.faults):
        return move_pointers(error, "/params")
    faults = [Fault(fault.pointer.removeprefix("/range"), fault.detail) for fault in error.faults]
    return replace(error, faults=faults)
