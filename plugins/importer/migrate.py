"""`openmetrics migrate`: bring everything from one store to another, piece by piece, from a mark on."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import orjson

from openmetrics.plugin import (
    STORE,
    OpenMetricsError,
    Origin,
    Remote,
    Server,
    open_given_server,
    setting_options,
)
from openmetrics_plugins.exporter.commands import iter_local, iter_remote
from openmetrics_plugins.exporter.question import parse_question
from openmetrics_plugins.exporter.reading import Reader
from openmetrics_plugins.importer.own import EXPORT
from openmetrics_plugins.importer.plan import Plan
from openmetrics_plugins.importer.run import Progress, Run
from openmetrics_plugins.importer.screen import Screen

Take = Callable[[bytes], int]


@click.command("migrate")
@click.option("--to", "to_store", default="", help="Engine to bring everything to: duckdb or elasticsearch.")
@click.option("--to-data-dir", default="", help="Data folder of the target; none that the source has.")
@click.option("--to-elasticsearch-url", default="", help="Addresses of the target, separated by commas.")
@click.option("--to-url", default="", help="A running server to bring everything to, instead.")
@click.option("--to-key", default="", help="Admin key of that server.")
@click.option("--url", default="", help="A running server as the source; without it its store is opened.")
@click.option("--key", default="", envvar="OPENMETRICS_KEY", help="Admin key of the source.")
@setting_options(STORE)
@click.pass_context
def migrate(context: click.Context, /, url: str, key: str, **given: Any) -> None:
    """Bring everything from one store to another. The same command again goes on, and adds what is new."""
    target = {name: given.pop(name) for name in list(given) if name.startswith("to_")}
    question = parse_question({})
    with ExitStack() as stack:
        if url:
            remote = Remote(url, key)
            read: Any = lambda cursor: iter_remote(remote, {}, cursor)  # noqa: E731
        else:
            reader = Reader(stack.enter_context(open_given_server(context, given)), question)
            read = lambda cursor: iter_local(reader, question, cursor)  # noqa: E731
        take, mark = _open_target(stack, context, given, target)
        records = bring(read, take, mark)
    click.echo(f"{records:,} facts and documents are there")


def bring(read: Callable[[str | None], Iterator[Any]], take: Take, mark: Path) -> int:
    """Bring all parts over, and return how many facts and documents the target took."""
    cursor, records = _read_mark(mark)
    for part in read(cursor):
        records += take(part.content) if part.content else 0
        fresh = mark.with_suffix(".new")
        fresh.write_bytes(orjson.dumps([part.following, records]))
        fresh.rename(mark)
    mark.unlink(missing_ok=True)
    return records


def _read_mark(mark: Path) -> tuple[str | None, int]:
    try:
        cursor, records = orjson.loads(mark.read_bytes())
    except (OSError, ValueError):
        return None, 0
    return cursor, records


def _open_target(
    stack: ExitStack, context: click.Context, given: dict[str, Any], target: dict[str, str]
) -> tuple[Take, Path]:
    """Return what takes a part, and where the mark is kept."""
    said = hashlib.blake2b(f"{given}{target}{context.obj}".encode(), digest_size=8).hexdigest()
    if target["to_url"]:
        remote = Remote(target["to_url"], target["to_key"])
        return lambda content: _send(remote, content), Path(
            tempfile.gettempdir()
        ) / f"openmetrics-{said}.mark"
    if not target["to_store"] or not target["to_data_dir"]:
        raise click.UsageError("say --to ENGINE with --to-data-dir FOLDER, or --to-url ADDRESS")
    source_dir = given.get("data_dir") or "./data"
    if Path(target["to_data_dir"]).resolve() == Path(source_dir).resolve():
        raise click.UsageError("--to-data-dir is the folder of the source; name another one")
    wanted = {"store": target["to_store"], "data_dir": target["to_data_dir"]}
    if target["to_elasticsearch_url"]:
        wanted["elasticsearch_url"] = target["to_elasticsearch_url"]
    server = stack.enter_context(open_given_server(context, wanted))
    folder = Path(target["to_data_dir"]) / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    return lambda content: _keep(server, folder, content), folder / f"migrate-{said}.mark"


def _keep(server: Server, folder: Path, content: bytes) -> int:
    """Import one part into a store that is open here."""
    path = folder / "part.ndjson"
    path.write_bytes(content)
    plan = Plan(path, 2 * int(server.settings.event_bytes) + 8_192, EXPORT.name, {}, "skip")
    progress = Progress()
    Run(plan, EXPORT, server, progress, Origin(server.clock.now_ms(), is_import=True)).work()
    path.unlink()
    if progress.state != "done" or progress.refused:
        first = progress.refusals[0]["detail"] if progress.refusals else progress.detail
        raise OpenMetricsError("schema-violation", f"The target refuses {progress.refused} records: {first}")
    return progress.accepted


def _send(remote: Remote, content: bytes) -> int:
    """Import one part into a running server."""
    with tempfile.NamedTemporaryFile(prefix="openmetrics-", suffix=".ndjson") as file:
        file.write(content)
        file.flush()
        job = remote.send_file("/v1/import", Path(file.name), {"format": EXPORT.name, "on_error": "skip"})
    screen = Screen("part")
    for shown in remote.follow(f"/v1/import/{job['job']}"):
        job = shown
    if job["state"] != "done" or job["refused"]:
        screen.end(job)
        raise OpenMetricsError("schema-violation", "The target refuses some records.")
    return int(job["accepted"])
