"""The yardstick: an application that parses the body with orjson and appends and fsyncs it, and no more."""

from __future__ import annotations

from typing import Any

import falcon
import orjson

from openmetrics.ingest.spool import Spool
from openmetrics.settings import load_settings

GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


class Take:
    """POST: parse, append, answer; GET: append the query, answer a picture."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take a body."""
        body = req.bounded_stream.read()
        orjson.loads(body)
        self._spool.append(body + b"\n")
        resp.status = falcon.HTTP_202
        resp.data = b'{"accepted":1}'

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take a query string."""
        self._spool.append(orjson.dumps(req.params) + b"\n")
        resp.content_type = "image/gif"
        resp.data = GIF


def build_app() -> Any:
    """Build the application on the spool of OPENMETRICS_DATA_DIR."""
    app = falcon.App()
    take = Take(Spool(load_settings({})))
    app.add_route("/v1/collect", take)
    app.add_route("/t.gif", take)
    return app
