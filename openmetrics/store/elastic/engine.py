"""The store on Elasticsearch: each method is one idea in a module of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from openmetrics.errors import OpenMetricsError
from openmetrics.query.model import AggregateQuery, EventsQuery, ValuesQuery
from openmetrics.settings import Settings
from openmetrics.store.base import (
    Capability,
    ControlDocument,
    Deletion,
    Health,
    Page,
    Partition,
    Row,
    Values,
    WriteReport,
)
from openmetrics.store.elastic import CAPABILITIES, ENGINE_NAME
from openmetrics.store.elastic.aggregate import aggregate
from openmetrics.store.elastic.connection import Connection
from openmetrics.store.elastic.control import Control
from openmetrics.store.elastic.erasure import Eraser
from openmetrics.store.elastic.events import read_events
from openmetrics.store.elastic.naming import Names
from openmetrics.store.elastic.partitions import read_partitions
from openmetrics.store.elastic.refresh import SharedRefresh
from openmetrics.store.elastic.scan import Scan
from openmetrics.store.elastic.schema import Schema
from openmetrics.store.elastic.values import read_values
from openmetrics.store.elastic.writer import Writer

if TYPE_CHECKING:
    import pyarrow


class ElasticStore:
    """Facts in Elasticsearch. Thread-safe because its parts are."""

    name = ENGINE_NAME
    capabilities: frozenset[Capability] = CAPABILITIES

    def __init__(self, settings: Settings) -> None:
        self._names = Names(settings.elasticsearch_index_prefix)
        self._connection = Connection(settings)
        self._schema = Schema(self._connection, self._names, settings)
        self._writer = Writer(self._connection, self._names, self._schema)
        self._control = Control(self._connection, self._names.control)
        self._eraser = Eraser(self._connection, self._names, self._schema)
        self._refresh = SharedRefresh(self._refresh_all)

    def ensure_schema(self) -> None:
        """Install the index templates and the fixed indices. Idempotent; safe from many processes."""
        self._schema.ensure()

    def check_schema(self) -> list[str]:
        """Explain where templates and indices differ from what this version needs."""
        return self._schema.check()

    def declare_names(self, names: Sequence[str]) -> None:
        """Prepare for new property names: the next write to a month maps all of them at once."""
        self._connection.check_open()
        self._schema.declare(names)

    def write(self, lines: bytes) -> WriteReport:
        """Store spool lines, as they are. A repeat is harmless."""
        self._connection.check_open()
        return self._writer.write(lines)

    def refresh(self) -> None:
        """Make everything written before visible; callers who come together share one refresh."""
        self._refresh()

    def aggregate(self, query: AggregateQuery) -> list[Row]:
        """Compute figures, ordered by time and then group."""
        return aggregate(self._connection, self._names.events, query)

    def events(self, query: EventsQuery) -> Page:
        """Read one page of events."""
        return read_events(self._connection, self._names.events, query)

    def values(self, query: ValuesQuery) -> Values:
        """List names, properties or values with counts."""
        return read_values(self._connection, self._names.events, query)

    def partitions(self) -> list[Partition]:
        """List all partitions with their checkpoints."""
        return read_partitions(self._connection, self._names)

    def scan(
        self, partition: Partition, since: Mapping[str, int], columns: Sequence[str]
    ) -> Iterator[pyarrow.RecordBatch]:
        """Read facts with a sequence number above `since`."""
        return Scan(self._connection, self._names, partition, columns).iter_batches(since)

    def control_get(self, kind: str, id: str) -> ControlDocument | None:
        """Read one control document, always the newest version."""
        return self._control.get(kind, id)

    def control_put(self, document: ControlDocument, create: bool = False) -> ControlDocument:
        """Write a document if its version is the newest."""
        return self._control.put(document, create)

    def control_list(self, kind: str) -> list[ControlDocument]:
        """Read all documents of a kind, ordered by id."""
        return self._control.list(kind)

    def control_delete(self, kind: str, id: str, version: str = "") -> bool:
        """Delete a document; say whether it was there."""
        return self._control.delete(kind, id, version)

    def delete(self, deletion: Deletion) -> int:
        """Delete facts for good; visible at once."""
        return self._eraser.delete(deletion)

    def erase(self, user_ids: Sequence[str], session_ids: Sequence[str], until_ms: int) -> int:
        """Delete what these users, or these sessions of nobody, sent until then; visible at once."""
        return self._eraser.erase(user_ids, session_ids, until_ms)

    def health(self) -> Health:
        """Say whether the cluster answers and has all shards of this project. Never raises."""
        target = f"/_cluster/health/{self._names.prefix}-*?filter_path=status,number_of_nodes"
        try:
            found = self._connection.ask("GET", target).json()
        except OpenMetricsError as error:
            return Health(False, error.detail)
        status, nodes = found.get("status"), found.get("number_of_nodes")
        return Health(status in ("green", "yellow"), f"Elasticsearch with {nodes} node(s) is {status}.")

    def close(self) -> None:
        """Close all connections and end all threads. Idempotent."""
        self._connection.close()
        self._writer.close()

    def _refresh_all(self) -> None:
        # NOTE: other workers write to the same indices, so all of the project are refreshed; one without
        # changes costs next to nothing.
        target = f"/{self._names.events},{self._names.facts}/_refresh?ignore_unavailable=true"
        self._connection.ask("POST", target)
