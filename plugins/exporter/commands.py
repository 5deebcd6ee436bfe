"""`openmetrics export`: beside no server, or from a running one, into a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import click

from openmetrics.plugin import STORE, OpenMetricsError, Remote, open_given_server, setting_options
from openmetrics_plugins.exporter.file import Part, write_file
from openmetrics_plugins.exporter.question import (
    FORMATS,
    Question,
    pack_position,
    parse_question,
    unpack_position,
)
from openmetrics_plugins.exporter.reading import Reader
from openmetrics_plugins.exporter.routes import NEXT, render

WANTED = ("kinds", "format", "from", "to", "filter")


def add_commands(cli: click.Group) -> None:
    """Add the command."""
    cli.add_command(export_facts)


@click.command("export")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False), help="File to write.")
@click.option(
    "--format", type=click.Choice(FORMATS), default="ndjson", show_default=True, help="Kind of file."
)
@click.option(
    "--kinds", help="Some of events, links, operations, merges, profiles; all but profiles if absent."
)
@click.option("--from", "from", help="Only events at this time or later.")
@click.option("--to", help="Only events before this time.")
@click.option("--filter", help="Only events that match this filter, as JSON.")
@click.option("--url", default="", help="A running server; without it the store is opened here.")
@click.option("--key", default="", envvar="OPENMETRICS_KEY", help="Admin key of that server.")
@setting_options(STORE)
@click.pass_context
def export_facts(context: click.Context, /, output: str, url: str, key: str, **given: Any) -> None:
    """Export what the store holds. The same command again goes on where a killed one was."""
    asked = {name: given.pop(name) for name in WANTED}
    found = {name: text for name, text in asked.items() if text is not None}
    question = parse_question(found)
    if url:
        size = write_file(output, question, lambda cursor: iter_remote(Remote(url, key), found, cursor))
    else:
        with open_given_server(context, given) as server:
            reader = Reader(server, question)
            size = write_file(output, question, lambda cursor: iter_local(reader, question, cursor))
    click.echo(f"{output}: {size:,} bytes")


def iter_local(reader: Reader, question: Question, cursor: str | None) -> Iterator[Part]:
    """Yield the parts of an export from the store itself."""
    position = unpack_position(question, cursor) or reader.begin()
    is_rest = cursor is not None
    for piece in reader.iter_pieces(position):
        content = b"".join(render(question, iter((piece,)), is_rest))
        yield Part(content, pack_position(question, piece[2]))
        is_rest = True
    if not is_rest:
        yield Part(b"".join(render(question, iter(()), False)), "")


def iter_remote(remote: Remote, found: dict[str, str], cursor: str | None) -> Iterator[Part]:
    """Yield the parts of an export from a running server."""
    while True:
        asked = {**found, "piece": "true", **({"cursor": cursor} if cursor else {})}
        answer = remote.open(f"/v1/export?{urlencode(asked)}")
        content, following = answer.read(), answer.headers.get(NEXT)
        if following is None:
            raise OpenMetricsError("internal", "The server gave no cursor; is it an older version?")
        if not following:
            if cursor is None:
                yield Part(content, "")
            return
        yield Part(content, following)
        cursor = following
