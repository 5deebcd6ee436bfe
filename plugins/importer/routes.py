"""`POST /v1/import` and `GET /v1/import/{job}`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import falcon

from openmetrics.plugin import (
    OpenMetricsError,
    Operation,
    Route,
    Server,
    invalid_query,
    read_query,
    send_json,
)
from openmetrics_plugins.importer.jobs import UPLOAD, Jobs
from openmetrics_plugins.importer.mapping import parse_map
from openmetrics_plugins.importer.plan import ON_ERROR, Plan, settle_plan

CHUNK = 1 << 20
QUERY: dict[str, Any] = {
    "path": {"type": "string", "description": "A file in the server's importer_folder, instead of a body."},
    "format": {"type": "string", "description": "The format; guessed from the first records if absent."},
    "map": {"type": "string", "description": "`target=column` pairs of a table, apart by commas."},
    "on_error": {
        "enum": list(ON_ERROR),
        "default": ON_ERROR[0],
        "description": "`stop`: nothing is imported where any record is refused; `skip`: the rest is.",
    },
    "dry_run": {"enum": ["true", "false"], "default": "false", "description": "Check, and import nothing."},
}
START = Operation(
    "POST",
    "Import a file: the body, or one in the server's folder. Needs an admin key.",
    QUERY,
    content_types=("application/octet-stream",),
    answers={"202": "A job, with the format and the map that it uses.", "422": "The file cannot be read."},
)
SHOW = Operation(
    "GET",
    "Say how far an import is.",
    answers={"200": "State, progress and refusals.", "404": "There is no such import."},
)


def routes(server: Server, jobs: Jobs) -> tuple[Route, ...]:
    """Return the routes of imports."""
    return (
        Route("/v1/import", Imports(server, jobs), (START,), scope="admin"),
        Route("/v1/import/{job}", OneImport(jobs), (SHOW,), scope="admin"),
    )


class Imports:
    """`POST /v1/import`."""

    def __init__(self, server: Server, jobs: Jobs) -> None:
        self._server = server
        self._jobs = jobs

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take a file, decide how it is read, and begin."""
        found = read_query(req, QUERY)
        on_error = _choose(found, "on_error", ON_ERROR)
        is_dry = _choose(found, "dry_run", ("false", "true")) == "true"
        columns = parse_map([found["map"]]) if "map" in found else {}
        folder = self._jobs.make_folder()
        try:
            path = self._find_file(found["path"]) if "path" in found else self._receive(req, folder)
            plan = Plan(
                path, 2 * int(self._server.settings.event_bytes), found.get("format", ""), columns,
                on_error, is_dry,
            )  # fmt: skip
            job = self._jobs.add(folder, settle_plan(plan, self._server.importers))
        except BaseException:
            self._jobs.discard(folder)
            raise
        resp.status = falcon.HTTP_202
        resp.location = f"/v1/import/{job.id}"
        send_json(resp, job.describe())

    def _find_file(self, name: str) -> Path:
        folder = str(self._server.settings.importer_folder)
        if not folder:
            raise invalid_query("/path", "This server takes no paths; set importer_folder, or send the file.")
        root = Path(folder).resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise invalid_query("/path", "There is no such file in the server's importer_folder.")
        return path

    def _receive(self, req: falcon.Request, folder: Path) -> Path:
        """Write the body to the disk, piece by piece."""
        limit = int(self._server.settings.importer_upload_bytes)
        length = req.content_length
        free = shutil.disk_usage(folder).free - int(self._server.settings.spool_bytes)
        if length is not None and length > min(limit, free):
            what = "importer_upload_bytes" if length > limit else "the free disk of the server"
            detail = f"The file is larger than {what} allows; send it in parts, or name its path."
            raise OpenMetricsError("payload-too-large", detail)
        stream = req.bounded_stream if length is not None else req.stream
        path = folder / UPLOAD
        size = 0
        with path.open("wb") as file:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > min(limit, free):
                    raise OpenMetricsError("payload-too-large", "The file is too large; send it in parts.")
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if not size:
            raise OpenMetricsError("schema-violation", "The body is empty: send a file, or name its path.")
        if length is not None and size < length:
            raise OpenMetricsError("malformed-json", "The body ended early; send it again whole.")
        return path


class OneImport:
    """`GET /v1/import/{job}`."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def on_get(self, req: falcon.Request, resp: falcon.Response, job: str) -> None:
        """Give the state of an import."""
        read_query(req, ())
        found = self._jobs.find(job)
        if found is None:
            raise OpenMetricsError("not-found", f"There is no import {job[:60]!r}; take the id from the 202.")
        send_json(resp, found.describe())


def _choose(found: dict[str, str], name: str, choices: tuple[Any, ...]) -> Any:
    value = found.get(name, choices[0])
    if value not in choices:
        raise invalid_query(f"/{name}", f"{name} is one of {', '.join(choices)}.")
    return value
