"""Probes and figures: `/health/live`, `/health/ready`, `/metrics`."""

from __future__ import annotations

import falcon

from openmetrics import __version__
from openmetrics.http.protocol import Operation, Route
from openmetrics.http.questions import send_json
from openmetrics.http.telemetry import Telemetry
from openmetrics.server import Server


def routes(server: Server, telemetry: Telemetry) -> tuple[Route, ...]:
    """Return the routes for operators' machines."""

    def get(summary: str, **answers: str) -> tuple[Operation, ...]:
        return (Operation("GET", summary, answers={name[1:]: text for name, text in answers.items()}),)

    live = get("Say that the process runs.", _200="It runs.")
    ready = get(
        "Say whether events and questions are served.", _200="Ready.", _503="The detail says what is not."
    )
    figures = get("Give our own figures in the Prometheus text format.", _200="The figures.")
    return (
        Route("/health", Live(), live, scope=None),
        Route("/health/live", Live(), live, scope=None),
        Route("/health/ready", Ready(server), ready, scope=None),
        Route("/metrics", Figures(telemetry), figures),
    )


class Live:
    """`GET /health/live`: the process answers."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer at once, asking nothing."""
        send_json(resp, {"status": "live", "version": __version__})


class Ready:
    """`GET /health/ready`: the store answers and the spool takes events."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 or 503, with a sentence for each part."""
        health = self._server.store.health()
        pressure = self._server.road.spool.pressure()
        is_ready = health.is_ok and pressure < 1
        notes = list(self._server.notes)
        if not health.is_ok:
            notes.append("events are still accepted and wait in the spool")
        elif self._server.road.pump.trouble:
            notes.append(
                "the last attempt to store events failed; they wait in the spool and are tried again"
            )
        send_json(resp, {
            "status": "ready" if is_ready else "not ready",
            "store": {"engine": self._server.store.name, "ok": health.is_ok, "detail": health.detail},
            "spool": {"ok": pressure < 1, "full": round(pressure, 3)},
            "notes": notes,
        })  # fmt: skip
        if not is_ready:
            resp.status = falcon.HTTP_503
            resp.set_header("Retry-After", "5")


class Figures:
    """`GET /metrics`."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Render all figures."""
        resp.data = self._telemetry.render()
        resp.content_type = "text/plain; version=0.0.4; charset=utf-8"
