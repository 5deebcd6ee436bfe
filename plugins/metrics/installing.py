"""Install packs: `/v1/packs` and `openmetrics metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import falcon

from openmetrics.plugin import (
    STORE,
    BodyReader,
    OpenMetricsError,
    Remote,
    Server,
    check_admin,
    invalid_query,
    open_given_server,
    parse_document,
    read_query,
    send_json,
    setting_options,
)
from openmetrics_plugins.metrics.packs import check_pack, install_pack, list_packs, read_pack

PACK_BYTES = 1 << 20


class Packs:
    """`GET` and `POST /v1/packs`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._bodies = BodyReader(server.settings)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the packs that come with the server."""
        read_query(req, ())
        send_json(resp, {"packs": [_describe(id, read_pack(path)) for id, path in list_packs().items()]})

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Save the metrics and dashboards of a pack."""
        check_admin(req, "Installing a pack")
        read_query(req, ())
        send_json(resp, install(self._server, parse_document(self._bodies.read(req, PACK_BYTES))))


def install(server: Server, document: Any) -> Mapping[str, Any]:
    """Install what `pack-install` describes, and say what was saved and what was kept."""
    schema = server.schemas["pack-install"]
    if not schema.is_valid(document):
        faults = schema.explain(document)
        raise OpenMetricsError("invalid-query", f"{faults[0].pointer}: {faults[0].detail}.", faults)
    pack = document["pack"]
    if isinstance(pack, str):
        packs = list_packs()
        if pack not in packs:
            raise invalid_query("/pack", f"There is no pack {pack[:60]!r}; there are {', '.join(packs)}.")
        pack = read_pack(packs[pack])
    values, replace = document.get("values", {}), document.get("replace", False)
    done = install_pack(server, check_pack(server, pack), values, replace)
    return {"saved": done.saved, "kept": done.kept}


def _describe(id: str, pack: Mapping[str, Any]) -> Mapping[str, Any]:
    metrics = [{"id": row["id"], "label": row["label"]} for row in pack["metrics"]]
    told = {name: pack.get(name, "") for name in ("label", "description")}
    return {"id": id, **told, "variables": pack.get("variables", {}), "metrics": metrics}


@click.group("metrics")
def metrics() -> None:
    """Install saved metrics by the pack."""


@metrics.command("packs")
def show_packs() -> None:
    """List the packs that come with the server, with their metrics and variables."""
    for id, path in list_packs().items():
        pack = read_pack(path)
        click.echo(f"{id:12} {pack['description']}")
        click.echo(f"{'':12} {', '.join(row['id'] for row in pack['metrics'])}")
        for name, row in pack.get("variables", {}).items():
            default = f" [{row['default']}]" if row.get("default") else ""
            click.echo(f"{'':12} --set {name}=...  {row['label']}{default}")


@metrics.command("install")
@click.argument("pack")
@click.option("--set", "pairs", multiple=True, help="name=value of a variable, such as goal=signup.")
@click.option("--replace", is_flag=True, help="Save anew what is there under the same ids.")
@click.option("--url", default="", help="A running server; without it the store is opened here.")
@click.option("--key", default="", envvar="OPENMETRICS_KEY", help="Admin key of that server.")
@setting_options(STORE)
@click.pass_context
def install_given(context: click.Context, /, pack: str, pairs: tuple[str, ...], **given: Any) -> None:
    """Install PACK: one that comes with the server, or a TOML or JSON file."""
    for pair in pairs:
        if not pair.partition("=")[2]:
            raise click.BadParameter(f"{pair!r} is no name=value", param_hint="--set")
    path = Path(pack)
    document = {
        "pack": read_pack(path) if path.suffix in (".toml", ".json") else pack,
        "values": {name: value for name, _, value in (pair.partition("=") for pair in pairs)},
        "replace": given.pop("replace"),
    }
    url, key = given.pop("url"), given.pop("key")
    if url:
        done: Mapping[str, Any] = Remote(url, key).post("/v1/packs", document)
    else:
        with open_given_server(context, given) as server:
            done = install(server, document)
    for word in ("saved", "kept"):
        for name in done[word]:
            click.echo(f"{word:6} {name}")
