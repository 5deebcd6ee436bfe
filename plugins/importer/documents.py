"""Take back what an export holds beside facts: saved documents, and property names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmetrics.plugin import ControlDocument, Draft, Refused, Restored, Server, VersionConflictError
from openmetrics_plugins.exporter.question import SAVED

KINDS = frozenset(("document", "names"))


def is_document(draft: Draft) -> bool:
    """Say whether a draft is none of a fact."""
    return isinstance(draft, Restored) and draft.body.get("kind") in KINDS


def check_document(server: Server, draft: Draft) -> Refused | None:
    """Return what is wrong with a document, if anything."""
    assert isinstance(draft, Restored)
    body = draft.body
    if body["kind"] == "names":
        names = body.get("names")
        is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
        return None if is_list else Refused("schema-violation", "takes a list of property names", "/names")
    collection = body.get("collection")
    if collection not in SAVED:
        return Refused("schema-violation", f"takes one of {', '.join(SAVED)}", "/collection")
    if not isinstance(body.get("id"), str) or not body["id"]:
        return Refused("schema-violation", "takes the id of the document", "/id")
    faults = [] if _is_valid(server, body) else server.schemas[collection].explain(body.get("body"))
    return Refused("schema-violation", faults[0].detail, f"/body{faults[0].pointer}") if faults else None


def keep_document(server: Server, draft: Draft) -> None:
    """Save a document that was checked, where none of its id is there."""
    assert isinstance(draft, Restored)
    body = draft.body
    if body["kind"] == "names":
        server.road.names.reserve(body["names"])
        return
    try:
        server.store.control_put(ControlDocument(body["collection"], body["id"], body["body"]), create=True)
    except VersionConflictError:
        return  # the one that is there was perhaps changed since


def _is_valid(server: Server, body: Mapping[str, Any]) -> bool:
    return bool(server.schemas[body["collection"]].is_valid(body.get("body")))
