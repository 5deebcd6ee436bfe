"""`openmetrics packs`: list packs of metrics, and install one that fits itself to the catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from openmetrics.plugin import (
    STORE,
    ControlDocument,
    Remote,
    Server,
    ValuesQuery,
    VersionConflictError,
    open_given_server,
    setting_options,
)
from openmetrics_plugins.packs.fitting import PACKS, Counts, Fitted, fit_pack

Save = Callable[[str, str, dict[str, Any]], bool]
"""Save a document of a kind under an id; say whether none was there."""


def add_commands(cli: click.Group) -> None:
    """Add the group."""
    cli.add_command(packs)


@click.group("packs")
def packs() -> None:
    """Premade metrics and dashboards: web, shop, saas."""


@packs.command("list")
def list_packs() -> None:
    """List the packs, with the metrics of each."""
    for name, pack in PACKS.items():
        click.echo(f"{name:6} {pack['label']}")
        for metric in pack["metrics"].values():
            click.echo(f"         {metric['label']}")


@packs.command("install")
@click.argument("pack", type=click.Choice(tuple(PACKS)))
@click.option("--url", default="", help="A running server; without it the store is opened here.")
@click.option("--key", default="", envvar="OPENMETRICS_KEY", help="Admin key of that server.")
@setting_options(STORE)
@click.pass_context
def install(context: click.Context, /, pack: str, url: str, key: str, **given: Any) -> None:
    """Save the metrics of PACK that fit the events that there are, and a dashboard of them.

    What is saved under the same ids already stays as it is.
    """
    if url:
        remote = Remote(url, key)
        events = remote.get("/v1/catalog/events")["events"]
        properties = remote.get("/v1/catalog/properties")["properties"]
        names = ({row["name"]: row["count"] for row in rows} for rows in (events, properties))
        _save_all(pack, fit_pack(pack, *names), lambda *document: _put(remote, *document))
        return
    with open_given_server(context, given) as server:
        _save_all(pack, fit_pack(pack, *_read_names(server)), lambda *document: _keep(server, *document))


def _read_names(server: Server) -> tuple[Counts, Counts]:
    events, properties = (
        {row.value: row.count for row in server.reading().values(ValuesQuery(what)).rows}
        for what in ("names", "properties")
    )
    return events, properties


def _save_all(pack: str, fitted: Fitted, save: Save) -> None:
    for part, name in fitted.chosen.items():
        click.echo(f"  {part[1:]:10} = {name}")
    for id, need in fitted.missing.items():
        click.echo(f"  {id} is left out: there is not {need}")
    if not fitted.metrics:
        raise click.ClickException("nothing of this pack fits the events that there are; send some first")
    new = sum(save("metric", id, metric) for id, metric in fitted.metrics.items())
    is_new = save("dashboard", pack, fitted.dashboard)
    said = "is saved" if is_new else "was there and stays"
    click.echo(f"{new} metrics are new, of {len(fitted.metrics)} that fit; the dashboard {pack} {said}")


def _keep(server: Server, kind: str, id: str, document: dict[str, Any]) -> bool:
    try:
        server.store.control_put(ControlDocument(kind, id, document), create=True)
    except VersionConflictError:
        return False
    return True


def _put(remote: Remote, kind: str, id: str, document: dict[str, Any]) -> bool:
    held = {row["id"] for row in remote.get(f"/v1/{kind}s")[f"{kind}s"]}
    if id in held:
        return False
    remote.put(f"/v1/{kind}s/{id}", document)
    return True
