"""Keep control documents, each with a version that grows; callers hold a transaction where they write."""

from __future__ import annotations

import json
from dataclasses import replace

import duckdb

from openmetrics.store.base import ControlDocument, VersionConflictError

Connection = duckdb.DuckDBPyConnection


def read_document(connection: Connection, kind: str, id: str) -> ControlDocument | None:
    """Read one document."""
    found = connection.execute("SELECT body, version FROM control WHERE kind = ? AND id = ?", [kind, id])
    rows = found.fetchall()
    return ControlDocument(kind, id, json.loads(rows[0][0]), str(rows[0][1])) if rows else None


def list_documents(connection: Connection, kind: str) -> list[ControlDocument]:
    """Read all documents of a kind, ordered by id."""
    found = connection.execute("SELECT id, body, version FROM control WHERE kind = ? ORDER BY id", [kind])
    return [
        ControlDocument(kind, id, json.loads(body), str(version)) for id, body, version in found.fetchall()
    ]


def write_document(connection: Connection, document: ControlDocument, create: bool) -> ControlDocument:
    """Write a document and return it with its new version. Raises VersionConflictError."""
    kind, id = document.kind, document.id
    found = read_document(connection, kind, id)
    if create and found:
        raise VersionConflictError(f"There is already a {kind} {id!r}.")
    if not create and document.version and (found is None or found.version != document.version):
        raise VersionConflictError
    connection.execute("DELETE FROM control WHERE kind = ? AND id = ?", [kind, id])
    rows = connection.execute(
        "INSERT INTO control SELECT ?, ?, ?, nextval('control_version') RETURNING version",
        [kind, id, json.dumps(document.body, ensure_ascii=False)],
    ).fetchall()
    return replace(document, version=str(rows[0][0]))


def delete_document(connection: Connection, kind: str, id: str, version: str) -> bool:
    """Delete a document, of that version if given; say whether it was there."""
    found = read_document(connection, kind, id)
    if found and version and found.version != version:
        raise VersionConflictError
    connection.execute("DELETE FROM control WHERE kind = ? AND id = ?", [kind, id])
    return found is not None
