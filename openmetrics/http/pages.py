"""The user interface: one page, whose scripts ask the API, and their files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import falcon
import jinja2

from openmetrics import __version__
from openmetrics.http.assets import Assets, load_assets
from openmetrics.http.protocol import Operation, Route
from openmetrics.ingest.event import to_json
from openmetrics.server import Server
from openmetrics.settings import SettingsError

POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; form-action 'self'; base-uri 'none'"
ORIGIN = re.compile(r"https?://[A-Za-z0-9.*\[\]:-]+")
YEAR_S = 365 * 86_400


def routes(server: Server) -> tuple[Route, ...]:
    """Return the page and its files."""
    assets = load_assets(server.analyses.values())
    headers = build_headers(server.settings.frame_ancestors)
    page = (Operation("GET", "Show the user interface.", answers={"200": "A page."}),)
    static = (Operation("GET", "Give a file of the user interface.", answers={"200": "The file."}),)
    return (
        Route("/", Shell(server, assets, headers), page, scope=None),
        Route("/static/{version}/{path:path}", Static(assets, headers), static, scope=None),
    )


def build_headers(origins: Sequence[str]) -> dict[str, str]:
    """Return the headers that keep a page safe; `origins` may show it in a frame.

    Raises SettingsError for what is no origin.
    """
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise SettingsError(f"frame_ancestors takes origins such as https://wiki.example, not {origin!r}")
    framers = " ".join(origins) or "'none'"
    return {
        "Content-Security-Policy": f"{POLICY}; frame-ancestors {framers}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }


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

    def __init__(self, server: Server, assets: Assets, headers: Mapping[str, str]) -> None:
        self._server = server
        self._assets = assets
        self._headers = headers

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
        resp.set_headers(dict(self._headers))

    def _describe(self, static: str) -> dict[str, Any]:
        """Return what the scripts need to know before their first request."""
        panels = self._assets.panels
        return {
            "version": __version__,
            "engine": self._server.store.name,
            "timezone": str(self._server.settings.timezone),
            "needs_key": self._server.needs_keys,
            "has_dashboards": "dashboard" in self._server.saved,
            "frame_ancestors": list(self._server.settings.frame_ancestors),
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

    def __init__(self, assets: Assets, headers: Mapping[str, str]) -> None:
        self._assets = assets
        self._headers = headers

    def on_get(self, req: falcon.Request, resp: falcon.Response, version: str, path: str) -> None:
        """Give a file: of this version for ever, of another one until the next look."""
        asset = self._assets.files.get(path)
        if asset is None:
            raise falcon.HTTPNotFound
        is_current = version == self._assets.version
        resp.set_header("Cache-Control", f"public, max-age={YEAR_S}, immutable" if is_current else "no-cache")
        resp.set_header("Vary", "Accept-Encoding")
        resp.set_headers(dict(self._headers))
        resp.etag = asset.etag
        if req.if_none_match and any(tag in ("*", asset.etag) for tag in req.if_none_match):
            resp.status = falcon.HTTP_304
            return
        resp.content_type = asset.kind
        is_packed = asset.packed is not None and "gzip" in req.get_header("Accept-Encoding", default="")
        if is_packed:
            resp.set_header("Content-Encoding", "gzip")
        resp.data = asset.packed if is_packed else asset.content
