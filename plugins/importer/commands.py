"""`openmetrics import`: beside no server, or through a running one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from openmetrics.plugin import (
    STORE,
    OpenMetricsError,
    Remote,
    Server,
    open_given_server,
    setting_options,
)
from openmetrics_plugins.importer.jobs import ENDED, Job
from openmetrics_plugins.importer.mapping import parse_map
from openmetrics_plugins.importer.migrate import migrate
from openmetrics_plugins.importer.plan import ON_ERROR, Plan, settle_plan
from openmetrics_plugins.importer.run import Progress
from openmetrics_plugins.importer.screen import Screen

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def add_commands(cli: click.Group) -> None:
    """Add the commands."""
    cli.add_command(import_files)
    cli.add_command(migrate)


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--format", default="", help="Format of the files; guessed from the first records if absent.")
@click.option("--map", "pairs", multiple=True, help="target=column of a table, such as time=created_at.")
@click.option("--dry-run", is_flag=True, help="Check the files, and import nothing.")
@click.option(
    "--on-error",
    type=click.Choice(ON_ERROR),
    default=ON_ERROR[0],
    show_default=True,
    help="stop: import nothing of a file with a bad record; skip: import the rest.",
)
@click.option("--url", default="", help="A running server; without it the store is opened here.")
@click.option("--key", default="", envvar="OPENMETRICS_KEY", help="Admin key of that server.")
@setting_options(STORE)
@click.pass_context
def import_files(context: click.Context, /, files: tuple[Path, ...], **given: Any) -> None:
    """Import FILES: CSV, NDJSON, JSON, Parquet, plain or gzip. Importing them again adds nothing."""
    asked = {name: given.pop(name) for name in ("format", "pairs", "dry_run", "on_error", "url", "key")}
    columns = parse_map(asked["pairs"])
    if asked["url"]:
        remote = Remote(asked["url"], asked["key"])
        failures = [path for path in files if not _send(remote, path, asked)]
    else:
        with open_given_server(context, given) as server:
            rest = (asked["format"], columns, asked["on_error"], asked["dry_run"])
            line_bytes = 2 * int(server.settings.event_bytes)
            failures = [path for path in files if not _run(server, Plan(path.resolve(), line_bytes, *rest))]
    if failures:
        raise click.exceptions.Exit(1)


def _run(server: Server, plan: Plan) -> bool:
    """Import one file beside no server; say whether it went well. A killed run goes on where it was."""
    screen = Screen(plan.path.name)
    try:
        plan = settle_plan(plan, server.importers)
    except OpenMetricsError as error:
        screen.fail(error.detail)
        return False
    job = _open_job(server, plan)
    screen.show_plan(job.describe())
    save = job.save

    def save_and_show() -> None:
        save()
        screen.show(job.describe())

    job.save = save_and_show  # type: ignore[method-assign]
    try:
        job.run(server, lambda: False)
    finally:
        job.release()
    return screen.end(job.describe())


def _open_job(server: Server, plan: Plan) -> Job:
    """Return the job of this file and plan: one that was left unfinished, or a new one."""
    stat = plan.path.stat()
    said = f"{plan}\0{stat.st_size}\0{stat.st_mtime_ns}"
    folder = (
        server.settings.data_path / "imports" / hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
    )
    folder.mkdir(parents=True, exist_ok=True)
    job = Job.read(folder)
    if job is None or job.progress.state in ENDED:
        job = Job(folder, plan, Progress(), server.clock.now_ms())
    if not job.lock():
        raise OpenMetricsError("conflict", "This file is being imported by another process.")
    job.save()
    return job


def _send(remote: Remote, path: Path, asked: Mapping[str, Any]) -> bool:
    """Import one file through a running server; say whether it went well."""
    screen = Screen(path.name)
    query = {
        "format": asked["format"], "map": ",".join(asked["pairs"]), "on_error": asked["on_error"],
        "dry_run": str(asked["dry_run"]).lower(),
    }  # fmt: skip
    try:
        shown = remote.send_file("/v1/import", path, {name: text for name, text in query.items() if text})
    except OpenMetricsError as error:
        screen.fail(error.detail)
        return False
    screen.show_plan(shown)
    address = f"/v1/import/{shown['job']}"
    for shown in remote.follow(address):
        screen.show(shown)
    return screen.end(shown)
