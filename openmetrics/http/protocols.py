"""Serve a `Protocol`: read the body, let it decode, accept, let it word the answer."""

from __future__ import annotations

import falcon

from openmetrics.http.bodies import BodyReader
from openmetrics.http.problems import incoming_of, send
from openmetrics.http.protocol import Answer, Decoded, Incoming, Protocol
from openmetrics.ingest.receipt import Origin, Receipt
from openmetrics.ingest.refusals import keep_refused
from openmetrics.server import Server


class ProtocolResource:
    """One endpoint; has `on_get` and so on for the methods that its protocol takes."""

    def __init__(self, protocol: Protocol, server: Server, bodies: BodyReader) -> None:
        self._protocol = protocol
        self._pipeline = server.pipeline
        self._data_path = server.settings.data_path
        self._bodies = bodies
        self._now_ms = server.clock.now_ms
        for operation in protocol.operations:
            setattr(self, f"on_{operation.method.lower()}", self._serve)
            if operation.method == "GET":
                self.on_head = self._look

    def _serve(self, req: falcon.Request, resp: falcon.Response) -> None:
        if req.method == "GET":
            self._accept(incoming_of(req, b"", self._now_ms()), resp)
            return
        self._bodies.use(
            req,
            self._protocol.body_bytes,
            lambda body: self._accept(incoming_of(req, body, self._now_ms()), resp),
        )

    def _look(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer HEAD as GET would be answered, recording nothing: link checkers are no visitors."""
        incoming = incoming_of(req, b"", self._now_ms())
        decoded = self._protocol.decode(incoming)
        send(decoded.answer or self._protocol.answer(incoming, decoded, Receipt()), resp)

    def _accept(self, incoming: Incoming, resp: falcon.Response) -> None:
        decoded = self._protocol.decode(incoming)
        send(decoded.answer or self._answer(incoming, decoded), resp)

    def _answer(self, incoming: Incoming, decoded: Decoded) -> Answer:
        origin = Origin(incoming.received_ms, decoded.source, decoded.sent_at_ms, decoded.depth)
        receipt = self._pipeline.accept(decoded.drafts, origin)
        if decoded.keeps_refused and receipt.accepted:
            keep_refused(self._data_path, decoded.drafts, receipt, incoming.received_ms)
        return self._protocol.answer(incoming, decoded, receipt)
