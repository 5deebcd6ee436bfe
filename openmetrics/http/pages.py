"""The pages that the server itself shows: the welcome page and its static files."""

from __future__ import annotations

import mimetypes
from functools import lru_cache
from importlib import resources

import falcon
import jinja2

from openmetrics import __version__
from openmetrics.http.protocol import Operation, Route
from openmetrics.server import Server

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def routes(server: Server) -> tuple[Route, ...]:
    """Return the pages."""
    page = (Operation("GET", "Show how to send and ask.", answers={"200": "A page."}),)
    static = (Operation("GET", "Give a file of the pages.", answers={"200": "The file."}),)
    return (
        Route("/", Welcome(server), page, scope=None),
        Route("/static/{name}", Static(), static, scope=None),
    )


@lru_cache(maxsize=1)
def load_templates() -> jinja2.Environment:
    """Return the template environment; everything that is filled in is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("openmetrics.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )


class Welcome:
    """`GET /`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show calls that work when they are copied."""
        template = load_templates().get_template("welcome.html")
        resp.content_type = "text/html; charset=utf-8"
        resp.text = template.render(
            base=req.prefix, engine=self._server.store.name, version=__version__,
            needs_key=self._server.needs_keys,
        )  # fmt: skip
        for name, value in SECURITY.items():
            resp.set_header(name, value)


class Static:
    """`GET /static/{name}`."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Give a file of the pages; there are no folders below it."""
        folder = resources.files("openmetrics.web") / "static"
        path = folder / name
        if name.startswith(".") or "/" in name or "\\" in name or not path.is_file():
            raise falcon.HTTPNotFound
        resp.data = path.read_bytes()
        resp.content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        resp.set_header("Cache-Control", "public, max-age=3600")
        for header, value in SECURITY.items():
            resp.set_header(header, value)
