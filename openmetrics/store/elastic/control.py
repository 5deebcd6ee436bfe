"""Keep small versioned documents: keys, saved metrics, segments, property names."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from openmetrics.ingest.event import to_json
from openmetrics.store.base import ControlDocument, VersionConflictError
from openmetrics.store.elastic.connection import Connection, search_target
from openmetrics.store.elastic.naming import document_id

HITS_A_SEARCH = 1_000


class Control:
    """The control documents of a project, one Elasticsearch document each."""

    def __init__(self, connection: Connection, index: str) -> None:
        self._connection = connection
        self._index = index

    def get(self, kind: str, id: str) -> ControlDocument | None:
        """Read the newest version, refreshed or not."""
        answer = self._connection.ask("GET", self._target("_doc", kind, id), accept=(404,))
        return None if answer.status == 404 else _document(json.loads(answer.body))

    def put(self, document: ControlDocument, create: bool) -> ControlDocument:
        """Write a document; raises VersionConflictError as `Store.control_put` says."""
        target = self._target("_create" if create else "_doc", document.kind, document.id)
        if document.version and not create:
            target += _condition(document.version)
        content = {"kind": document.kind, "id": document.id, "body": document.body}
        answer = self._connection.ask("PUT", target, to_json(content), accept=(409,))
        if answer.status == 409:
            if create:
                raise VersionConflictError(f"There is already a {document.kind} {document.id!r}.")
            raise VersionConflictError
        return ControlDocument(document.kind, document.id, document.body, _version(answer.json()))

    def list(self, kind: str) -> list[ControlDocument]:
        """Read all documents of a kind, ordered by id, newest versions."""
        self._connection.ask("POST", f"/{self._index}/_refresh")
        body: dict[str, Any] = {
            "query": {"term": {"kind": kind}},
            "sort": ["id"],
            "size": HITS_A_SEARCH,
            "track_total_hits": False,
            "seq_no_primary_term": True,
        }
        found = []
        while True:
            answer = self._connection.ask("POST", search_target(self._index), body)
            # NOTE: `json` keeps integers of any size, which `orjson` turns into floats.
            hits = json.loads(answer.body)["hits"]["hits"]
            found += [_document(hit) for hit in hits]
            if len(hits) < HITS_A_SEARCH:
                return found
            body["search_after"] = hits[-1]["sort"]

    def delete(self, kind: str, id: str, version: str) -> bool:
        """Delete a document of that version, or of any; say whether it was there."""
        target = self._target("_doc", kind, id)
        if version:
            if self.get(kind, id) is None:
                return False
            target += _condition(version)
        answer = self._connection.ask("DELETE", target, accept=(404, 409))
        if answer.status == 409:
            raise VersionConflictError
        return answer.status == 200

    def _target(self, action: str, kind: str, id: str) -> str:
        return f"/{self._index}/{action}/{quote(document_id(kind, id), safe='')}"


def _condition(version: str) -> str:
    number, _, term = version.partition(".")
    if not (number.isdecimal() and term.isdecimal()):
        raise VersionConflictError
    return f"?if_seq_no={number}&if_primary_term={term}"


def _version(found: dict[str, Any]) -> str:
    return f"{found['_seq_no']}.{found['_primary_term']}"


def _document(found: dict[str, Any]) -> ControlDocument:
    source = found["_source"]
    return ControlDocument(source["kind"], source["id"], source["body"], _version(found))
