"""The user interface: one page, whose scripts ask the API, and their files."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import falcon
import jinja2

from openmetrics import __version__
from openmetrics.http.assets import Assets, load_assets
from openmetrics.http.protocol import Operation, Route
from openmetrics.ingest.event import to_json
from openmetrics.server import Server

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; form-action 'self'; "
        "frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
YEAR_S = 365 * 86_400


def routes(server: Server) -> tuple[Route, ...]:
    """Return the page and its files."""
    assets = load_assets(server.analyses.values())
    page = (Operation("GET", "Show the user interface.", answers={"200": "A page."}),)
    static = (Operation("GET", "Give a file of the user interface.", answers={"200": "The file."}),)
    return (
        Route("/", Shell(server, assets), page, scope=None),
        Route("/static/{version}/{path:path}", Static(assets), static, scope=None),
    )


@lru_cache(maxsize=1)
def load_templates() -> jinja2.Environment:
    """Return the template environment; everything that is filled in is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("openmetrics.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )


class Shell:
    """`GET /`: the page is chosen by the part of the address after `#`."""

    def __init__(self, server: Server, assets: Assets) -> None:
        self._server = server
        self._assets = assets

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send the frame that the scripts fill; without scripts, it shows how to send an event."""
        static = f"/static/{self._assets.version}"
        resp.content_type = "text/html; charset=utf-8"
        resp.text = load_templates().get_template("shell.html").render(
            base=req.prefix,
            static=static,
            modules=self._assets.modules(),
            config=to_json(self._describe(static)).decode(),
        )  # fmt: skip
        resp.set_header("Cache-Control", "no-cache")
        for name, value in SECURITY.items():
            resp.set_header(name, value)

    def _describe(self, static: str) -> dict[str, Any]:
        """Return what the scripts need to know before their first request."""
        panels = self._assets.panels
        return {
            "version": __version__,
            "engine": self._server.store.name,
            "timezone": str(self._server.settings.timezone),
            "needs_key": self._server.needs_keys,
            "analyses": [
                {
                    "name": row.name,
                    "title": row.title,
                    "has_people": row.people is not None,
                    "panel": f"{static}/{panels[row.name]}" if row.name in panels else None,
                }
                for row in self._server.analyses.values()
            ],
        }


class Static:
    """`GET /static/{version}/{path}`."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    def on_get(self, req: falcon.Request, resp: falcon.Response, version: str, path: str) -> None:
        """Give a file: of this version for ever, of another one until the next look."""
        asset = self._assets.files.get(path)
        if asset is None:
            raise falcon.HTTPNotFound
        is_current = version == self._assets.version
        resp.set_header("Cache-Control", f"public, max-age={YEAR_S}, immutable" if is_current else "no-cache")
        resp.set_header("Vary", "Accept-Encoding")
        for header, value in SECURITY.items():
            resp.set_header(header, value)
        resp.etag = asset.etag
        if req.if_none_match and any(tag in ("*", asset.etag) for tag in req.if_none_match):
            resp.status = falcon.HTTP_304
            return
        resp.content_type = asset.kind
        is_packed = asset.packed is not None and "gzip" in req.get_header("Accept-Encoding", default="")
        if is_packed:
            resp.set_header("Content-Encoding", "gzip")
        resp.data = asset.packed if is_packed else asset.content
