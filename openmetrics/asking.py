"""`openmetrics ask` and `openmetrics columns`: ask a running server, or open the store by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click
import orjson

from openmetrics.command import STORE, load_given, open_given_server, setting_options
from openmetrics.errors import OpenMetricsError
from openmetrics.remote import Remote
from openmetrics.store.base import StoreUnavailableError

if TYPE_CHECKING:
    from openmetrics.server import Server

LAST = "30d"
PATIENCE_S = 3_600
PAUSE_S = 2.0
EVERYWHERE = ("", "0.0.0.0", "::")
Answer = Mapping[str, Any]


class AskGroup(click.Group):
    """A group whose commands are analyses: those that plugins add, and any other by its parameters."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command of an analysis; whether there is such a one shows once it is asked."""
        self._add_plugins(context)
        return super().get_command(context, name) or _build_bare(name)

    def list_commands(self, context: click.Context) -> list[str]:
        """List the analyses that have a command of their own."""
        self._add_plugins(context)
        return super().list_commands(context)

    def _add_plugins(self, context: click.Context) -> None:
        root = context.find_root()
        if isinstance(root.command, click.Group) and root.command is not self:
            root.command.list_commands(root)


@click.group(cls=AskGroup)
def ask() -> None:
    """Ask an analysis: one of those below, or `ask NAME --params JSON` for any.

    The store is opened here; where a server has it open, that server is asked.
    """


def question_options(command: Any) -> Any:
    """Give a command the options that all questions have, and those that say who is asked."""
    options = (
        click.option("--last", help=f"The range, back from now. Default: {LAST}."),
        click.option("--from", "begin", help="Where the range begins, in place of --last."),
        click.option("--to", "end", help="Where the range ends; now if absent."),
        click.option("--params", default="{}", help="Further members of the question, as JSON."),
        click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
        place_options,
    )
    for option in reversed(options):
        command = option(command)
    return command


def place_options(command: Any) -> Any:
    """Give a command the options that say which server or store is asked."""
    options = (
        click.option("--url", default="", help="A running server, such as http://127.0.0.1:8080."),
        click.option("--key", default="", envvar="OPENMETRICS_KEY", help="Read key of that server."),
        setting_options(STORE),
    )
    for option in reversed(options):
        command = option(command)
    return command


def print_answer(
    context: click.Context,
    name: str,
    members: Mapping[str, Any],
    render: Callable[[Answer], str] | None = None,
) -> None:
    """Ask an analysis, and print its answer: as a table where there is a way to, else as JSON.

    `members` are what the command's own options say of the question; None is not said.
    """
    from openmetrics.analysis import run_analysis

    given = context.params
    question = {**_read_common(given), **{key: value for key, value in members.items() if value is not None}}

    def run(server: Server) -> Answer:
        analysis = server.analyses.get(name)
        if analysis is None:
            raise click.UsageError(f"there is no analysis {name!r}; there are {', '.join(server.analyses)}")
        return run_analysis(analysis, question, server.asking(), server.schemas)

    answer = _ask_somebody(context, lambda remote: remote.post(f"/v1/analyses/{name}", question), run)
    if given["as_json"] or render is None or "sides" in answer:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(render(answer), nl=False)


@click.command("columns")
@place_options
@click.pass_context
def show_columns(context: click.Context, /, **given: Any) -> None:
    """Print how far the columns of each month are prepared, as GET /v1/columns does.

    Beside no server they are prepared first.
    """

    def prepare(server: Server) -> Answer:
        server.columns.warm()
        return server.columns.report()

    answer = _ask_somebody(context, lambda remote: remote.get("/v1/columns"), prepare)
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())


def _build_bare(name: str) -> click.Command:
    """Return the command of an analysis that is asked by its parameters only."""

    @click.command(name, help=f"Ask the analysis {name} by its parameters.")
    @question_options
    @click.pass_context
    def ask_by_params(context: click.Context, /, **given: Any) -> None:
        print_answer(context, name, {})

    return ask_by_params


def _read_common(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `--params` and the range options say."""
    try:
        question = orjson.loads(given["params"])
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"this is no JSON: {error}", param_hint="--params") from error
    if not isinstance(question, dict):
        raise click.BadParameter("write an object of members of the question", param_hint="--params")
    bounds = {"last": given["last"], "from": given["begin"], "to": given["end"]}
    range = {name: bound for name, bound in bounds.items() if bound is not None}
    return {"range": {"last": LAST}, **question, **({"range": range} if range else {})}


def _ask_somebody(
    context: click.Context, remotely: Callable[[Remote], Answer], locally: Callable[[Server], Answer]
) -> Answer:
    """Ask the server that is named; else open the store here, or ask the server that has it open."""
    given = {name: context.params[name] for name in STORE}
    url, key = context.params["url"], context.params["key"]
    if url:
        return _ask_patiently(Remote(url, key), remotely)
    try:
        # NOTE: nobody else waits here, and the loops may have to be compiled first.
        with open_given_server(context, {**given, "query_timeout_s": PATIENCE_S}) as server:
            return locally(server)
    except StoreUnavailableError as error:
        settings, _ = load_given(context, given)
        host = "127.0.0.1" if settings.host in EVERYWHERE else settings.host
        url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
        try:
            answer = _ask_patiently(Remote(url, key), remotely)
        except ConnectionError:
            raise error from None
        click.echo(f"the store is open elsewhere; {url} has answered", err=True)
        return answer


def _ask_patiently(remote: Remote, ask_server: Callable[[Remote], Answer]) -> Answer:
    """Ask a server again while it prepares the answer."""
    deadline = time.monotonic() + PATIENCE_S
    shown = ""
    while True:
        try:
            return ask_server(remote)
        except OpenMetricsError as error:
            if error.code != "preparing" or time.monotonic() > deadline:
                raise
            if error.detail != shown:
                click.echo(error.detail, err=True)
            shown = error.detail
            time.sleep(PAUSE_S)
