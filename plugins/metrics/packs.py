"""Packs: metrics and dashboards that are saved together, with variables for what differs by product."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmetrics.plugin import ControlDocument, Fault, OpenMetricsError, SavedKind, Server, invalid_query
from openmetrics_plugins.metrics.documents import dashboard_kind, metric_kind

FOLDER = Path(__file__).parent / "packs"
VARIABLE = re.compile(r"\$([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Installed:
    """What became of a pack's documents, as `metric revenue`: saved, or kept as they were."""

    saved: list[str]
    kept: list[str]


def list_packs() -> dict[str, Path]:
    """Return the files of the packs that come with the server, by id."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def read_pack(path: Path) -> Any:
    """Read a pack from a TOML or JSON file. Raises OpenMetricsError `invalid-query` that names the file."""
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        detail = f"{path.name} cannot be read: {error}. A pack is a TOML or JSON file."
        raise invalid_query("/pack", detail) from error


def check_pack(server: Server, pack: Any) -> Mapping[str, Any]:
    """Return a pack that its schema passes. Raises `invalid-query` with all that is wrong."""
    schema = server.schemas["metric-pack"]
    faults = [] if schema.is_valid(pack) else schema.explain(pack)
    if not faults:
        faults = [*_find_nameless(pack), *_find_unknown(pack, "", set(pack.get("variables", ())))]
    if faults:
        detail = f"The pack: {faults[0].pointer}: {faults[0].detail}."
        raise OpenMetricsError(
            "invalid-query", detail, [Fault(f"/pack{one.pointer}", one.detail) for one in faults]
        )
    found: Mapping[str, Any] = pack
    return found


def install_pack(
    server: Server, pack: Mapping[str, Any], values: Mapping[str, str], replace: bool
) -> Installed:
    """Save the documents of a pack; what is there is kept unless it is to be replaced.

    Raises OpenMetricsError `invalid-query`, with pointers into the pack, and then saves nothing of a kind
    that comes after what is wrong.
    """
    filled = fill_pack(pack, values)
    done = Installed([], [])
    for kind in (metric_kind(server), dashboard_kind(server)):
        documents = [_check(kind, row, n) for n, row in enumerate(filled[kind.plural])]
        for document in documents:
            is_kept = not replace and server.store.control_get(kind.name, document.id) is not None
            if not is_kept:
                server.store.control_put(document)
            (done.kept if is_kept else done.saved).append(f"{kind.name} {document.id}")
    return done


def fill_pack(pack: Mapping[str, Any], values: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a pack with its variables filled in. Raises OpenMetricsError `invalid-query`."""
    variables: Mapping[str, Any] = pack.get("variables", {})
    for name in values:
        if name not in variables:
            known = f"it takes {', '.join(variables)}" if variables else "it takes none"
            raise invalid_query(f"/values/{name}", f"The pack has no variable {name[:60]!r}; {known}.")
    for name, row in variables.items():
        if not values.get(name) and "default" not in row:
            raise invalid_query(f"/values/{name}", f"Say what {name} is: {row['label']}")
    given = {name: values.get(name) or row.get("default", "") for name, row in variables.items()}
    filled: Mapping[str, Any] = _fill({name: pack.get(name, []) for name in ("metrics", "dashboards")}, given)
    return filled


def _fill(node: Any, values: Mapping[str, str]) -> Any:
    """Fill variables in; a member that is nothing but an empty one is left out."""
    if isinstance(node, str):
        return VARIABLE.sub(lambda found: values[found[1]], node)
    if isinstance(node, list):
        return [_fill(part, values) for part in node]
    if isinstance(node, dict):
        empty = {f"${name}" for name, value in values.items() if not value}
        return {
            name: _fill(part, values)
            for name, part in node.items()
            if not (isinstance(part, str) and part in empty)
        }
    return node


def _check(kind: SavedKind, row: Mapping[str, Any], number: int) -> ControlDocument:
    pointer = f"/pack/{kind.plural}/{number}"
    try:
        return ControlDocument(kind.name, row["id"], kind.check(row["id"], row))
    except OpenMetricsError as error:
        faults = [Fault(pointer + fault.pointer, fault.detail) for fault in error.faults]
        detail = f"The {kind.name} {row['id']}: {error.detail}"
        raise OpenMetricsError(error.code, detail, faults) from error


def _find_nameless(pack: Mapping[str, Any]) -> Iterator[Fault]:
    for member in ("metrics", "dashboards"):
        ids: set[str] = set()
        for number, row in enumerate(pack.get(member, ())):
            id = row.get("id", "")
            if not re.fullmatch(r"[a-z0-9_-]{1,64}", id) or id in ids:
                detail = "needs an id of its own: 1 to 64 of a-z, 0-9, _ and -"
                yield Fault(f"/{member}/{number}/id", detail)
            ids.add(id)


def _find_unknown(node: Any, pointer: str, known: set[str]) -> Iterator[Fault]:
    """Yield the variables that a pack uses and does not have."""
    if isinstance(node, str):
        for name in VARIABLE.findall(node):
            if name not in known:
                yield Fault(pointer, f"there is no variable {name!r}; add it to `variables`")
    elif isinstance(node, list | dict):
        rows = node.items() if isinstance(node, dict) else enumerate(node)
        for name, part in rows:
            if pointer or name != "variables":
                yield from _find_unknown(part, f"{pointer}/{name}", known)
