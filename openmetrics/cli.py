"""The command line. Exit codes: 0 fine, 1 refused or failed (one line on stderr), 2 usage."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from openmetrics import __version__
from openmetrics.asking import ask, show_columns
from openmetrics.command import load_given, open_given_store, setting_options
from openmetrics.errors import OpenMetricsError
from openmetrics.settings import SETTINGS, Setting
from openmetrics.skeleton import own_plugin

SERVE = ("host", "port", "data_dir", "store", "elasticsearch_url", "server", "workers", "threads")


def main() -> None:
    """Run the command line; every failure is one clear line."""
    from openmetrics.plugins import PluginError

    try:
        sys.exit(commands(standalone_mode=False))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (OpenMetricsError, PluginError, ConnectionError) as error:
        click.echo(f"openmetrics: {error}", err=True)
        sys.exit(1)


class PluginGroup(click.Group):
    """A group that asks the plugins for further commands, once something else than its own is wanted."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command by name."""
        if name not in self.commands:
            self._add_plugins(context)
        return super().get_command(context, name)

    def list_commands(self, context: click.Context) -> list[str]:
        """List all commands."""
        self._add_plugins(context)
        return super().list_commands(context)

    def _add_plugins(self, context: click.Context) -> None:
        if "openmetrics.manager" in context.meta:
            return
        from openmetrics.app import read_settings

        _, manager = read_settings({"config": context.params.get("config")})
        context.meta["openmetrics.manager"] = manager
        manager.hook.register_commands(cli=self)


@click.group(cls=PluginGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="openmetrics")
@click.option("--config", type=click.Path(), help="TOML file with settings.")
@click.pass_context
def commands(context: click.Context, config: str | None) -> None:
    """Self-hosted product analytics on DuckDB or Elasticsearch."""
    context.obj = config


commands.add_command(ask)
commands.add_command(show_columns)


@commands.command()
@setting_options(SERVE)
@click.option(
    "--insecure", is_flag=True, default=None, help="Allow an address other than loopback without keys."
)
@click.pass_context
def serve(context: click.Context, /, **given: Any) -> None:
    """Run the server."""
    from openmetrics.serving import check_start, run_granian, run_gunicorn

    settings, manager = load_given(context, given)
    check_start(settings, manager)
    if context.obj:
        os.environ["OPENMETRICS_CONFIG"] = str(context.obj)
    for name, value in given.items():
        if value is not None:
            os.environ[f"OPENMETRICS_{name.upper()}"] = str(value)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(
        f"OpenMetrics {__version__} on http://{shown}:{settings.port}/ ({settings.store}, {settings.server})"
    )
    run_granian(settings) if settings.server == "granian" else run_gunicorn()


@commands.command()
@setting_options(("data_dir", "store", "elasticsearch_url"))
@click.pass_context
def setup(context: click.Context, /, **given: Any) -> None:
    """Create the store's tables or index templates, and compile the loops. Harmless to repeat."""
    from openmetrics.compiling import compile_loops, is_compiled

    manager = load_given(context, given)[1]
    with open_given_store(context, given) as (_, store):
        click.echo(f"{store.name}: the schema is there")
    if not is_compiled(manager):
        compile_loops(manager)
    click.echo("the loops of questions are compiled")


@commands.command()
@setting_options(("data_dir", "store", "elasticsearch_url"))
@click.pass_context
def doctor(context: click.Context, /, **given: Any) -> None:
    """Check settings, data folder, store and schema; say what to mend."""
    from openmetrics.serving import examine

    settings, manager = load_given(context, given)
    findings = examine(settings, manager)
    for is_ok, text in findings:
        click.echo(f"{'ok  ' if is_ok else 'FAIL'} {text}")
    if not all(is_ok for is_ok, _ in findings):
        raise click.exceptions.Exit(1)


@commands.command("settings")
@click.option("--toml", is_flag=True, help="Print an example configuration file.")
def show_settings(toml: bool) -> None:
    """List all settings, those of plugins included."""
    from openmetrics import plugins

    rows: tuple[Setting, ...] = plugins.collect(
        plugins.build_manager(), "register_settings", lambda row: row.name
    )
    click.echo(render_toml((*SETTINGS, *rows)) if toml else render_table((*SETTINGS, *rows)), nl=False)


def render_table(rows: tuple[Setting, ...]) -> str:
    """Return one line a setting."""
    return "".join(f"{row.name:28} {row.type.__name__:6} {row.default!r:26} {row.help}\n" for row in rows)


def render_toml(rows: tuple[Setting, ...]) -> str:
    """Return the example configuration: every setting with its default, commented out."""
    lines = ["# Every setting with its default. The environment (OPENMETRICS_PORT, ...) and arguments win.\n"]
    for row in rows:
        default: Any = row.default
        if row.type is bool:
            shown = str(default).lower()
        elif row.type is list:
            shown = "[" + ", ".join(f'"{part}"' for part in default) + "]"
        else:
            shown = f'"{default}"' if row.type is str else str(default)
        lines.append(f"\n# {row.help}\n# {row.name} = {shown}\n")
    return "".join(lines)


@commands.command("plugins")
@click.pass_context
def show_plugins(context: click.Context) -> None:
    """List what is loaded, from where, with which hooks."""
    from openmetrics.plugins import list_plugins

    _, manager = load_given(context, {})
    for row in list_plugins(manager):
        click.echo(f"{row.name:20} {', '.join(row.hooks)}\n{'':20} {row.origin}")


commands.add_command(own_plugin)


@commands.group()
def keys() -> None:
    """Make, list and revoke keys."""


@keys.command("create")
@click.argument("scope", type=click.Choice(("write", "read", "admin")))
@click.option("--label", default="", help="What the key is for.")
@setting_options(("data_dir", "store", "elasticsearch_url"))
@click.pass_context
def create(context: click.Context, /, scope: Any, label: str, **given: Any) -> None:
    """Make a key and print it, once. With the embedded store, stop the server first."""
    from openmetrics.clock import SystemClock
    from openmetrics.http.keys import create_key

    with open_given_store(context, given) as (_, store):
        click.echo(create_key(store, SystemClock(), scope, label))


@keys.command("list")
@setting_options(("data_dir", "store", "elasticsearch_url"))
@click.pass_context
def list_all(context: click.Context, /, **given: Any) -> None:
    """List ids, scopes and labels."""
    from openmetrics.http.keys import list_keys
    from openmetrics.query.times import format_time

    with open_given_store(context, given) as (_, store):
        for document in list_keys(store):
            body = document.body
            click.echo(f"{document.id}  {body['scope']:6} {format_time(body['created'])}  {body['label']}")


@keys.command("revoke")
@click.argument("key_id")
@setting_options(("data_dir", "store", "elasticsearch_url"))
@click.pass_context
def revoke(context: click.Context, /, key_id: str, **given: Any) -> None:
    """Revoke a key by its id."""
    from openmetrics.http.keys import revoke_key

    with open_given_store(context, given) as (_, store):
        if not revoke_key(store, key_id):
            raise click.ClickException(f"there is no key {key_id}; see `openmetrics keys list`")
        click.echo("revoked")


@commands.group()
def spool() -> None:
    """Look at events on their way to the store."""


@spool.command("status")
@setting_options(("data_dir",))
@click.pass_context
def status(context: click.Context, /, **given: Any) -> None:
    """Show what waits, how old it is, and what lies beside it."""
    from openmetrics.ingest.backlog import read_status

    settings, _ = load_given(context, given)
    found = read_status(settings)
    for folder in found.folders:
        owner = "running" if folder.is_owned else "orphaned"
        trouble = "  STORE NOT REACHED" if folder.is_troubled else ""
        click.echo(
            f"{folder.name}  {owner}  {folder.events} facts, {folder.bytes} bytes in {folder.files} files, "
            f"oldest {folder.oldest_s:.1f} s{trouble}"
        )
    click.echo(f"backlog {found.backlog_bytes} bytes, {found.dead_files} files of dead letters")
    click.echo(f"journal {found.journal_files} files, {found.journal_bytes} bytes")


@spool.command("dead")
@setting_options(("data_dir",))
@click.pass_context
def dead(context: click.Context, /, **given: Any) -> None:
    """Print dead letters as NDJSON: what was refused for good, and why."""
    import orjson

    from openmetrics.ingest.dead_letters import read_letters

    settings, _ = load_given(context, given)
    for letter in read_letters(settings.data_path):
        row = {"code": letter.code, "detail": letter.detail, "time": letter.time_ms}
        click.echo(orjson.dumps(row | {"line": letter.line.decode(errors="replace").rstrip()}).decode())


@spool.command("replay-dead")
@setting_options(("data_dir",))
@click.pass_context
def replay_dead(context: click.Context, /, **given: Any) -> None:
    """Put dead letters back into the spool, after what kept them out was mended."""
    from openmetrics.ingest.dead_letters import replay_letters

    settings, _ = load_given(context, given)
    click.echo(f"{replay_letters(settings)} lines are on their way again")


@commands.command()
@click.option(
    "--since", default="", help="Only what was stored since this time; all that is kept by default."
)
@setting_options(("data_dir", "store", "elasticsearch_url"))
@click.pass_context
def replay(context: click.Context, /, since: str, **given: Any) -> None:
    """Store the journal again: rebuilds a lost store. What is there already stays as it is."""
    from openmetrics.ingest.journal import replay as replay_journal
    from openmetrics.query.times import parse_time

    try:
        since_ms = parse_time(since) if since else 0
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    with open_given_store(context, given) as (settings, store):
        done = replay_journal(settings, store, since_ms)
    click.echo(
        f"{done.files} files: {done.stored} stored, {done.duplicate} were there, {done.refused} refused"
    )
