"""The embedded store: one DuckDB file, held by one process, one writer at a time and many readers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow

from openmetrics.query.model import AggregateQuery, EventsQuery, ValuesQuery
from openmetrics.store.base import (
    FACT_KINDS,
    Capability,
    ControlDocument,
    Deletion,
    Health,
    Page,
    Partition,
    QueryTimeoutError,
    QueryTooLargeError,
    Row,
    Shard,
    StoreUnavailableError,
    Values,
    WriteReport,
)
from openmetrics.store.duckdb import control
from openmetrics.store.duckdb.compile import Bindings, compile_filter
from openmetrics.store.duckdb.load import Loader, period_number, period_text, read_sql, transaction
from openmetrics.store.duckdb.questions import Connection, aggregate, read_events, read_values
from openmetrics.store.duckdb.scan import SHARD, iter_batches, read_last_seq

UNAVAILABLE = (
    duckdb.ConnectionException, duckdb.IOException, duckdb.TransactionException, duckdb.FatalException
)  # fmt: skip
"""What DuckDB raises about its state, as opposed to content: a closed or broken file, a full disk."""


class DuckDBStore:
    """Answer from one DuckDB file.

    Thread-safe because every call has a cursor of its own and writers hold one lock from their first
    sequence number to the commit, so that numbers become visible in order.
    """

    name = "duckdb"
    capabilities = frozenset({Capability.DURABLE})

    def __init__(self, connection: Connection, folder: Path, lock: IO[Any]) -> None:
        self._connection = connection
        self._folder = folder
        self._lock_file = lock
        self._write_lock = threading.Lock()
        self._is_open = True
        self._last_seq = -1

    def ensure_schema(self) -> None:
        """Create the tables where they are missing."""
        with self._writing() as connection:
            connection.execute(read_sql("schema"))
            self._last_seq = max(self._last_seq, read_last_seq(connection))

    def declare_names(self, names: Sequence[str]) -> None:
        """Do nothing: any name can be asked for."""
        self._check_open()

    def write(self, lines: bytes) -> WriteReport:
        """Store spool lines in bulk; the first of an identity wins."""
        with self._writing() as connection:
            report = Loader(connection, self._folder).load(lines)
            self._last_seq = read_last_seq(connection)
        return report

    def refresh(self) -> None:
        """Do nothing: facts are visible once written."""
        self._check_open()

    def aggregate(self, query: AggregateQuery) -> list[Row]:
        """Compute figures."""
        with self._reading(query.deadline) as connection:
            return aggregate(connection, query)

    def events(self, query: EventsQuery) -> Page:
        """Read one page of events."""
        with self._reading(query.deadline) as connection:
            return read_events(connection, query)

    def values(self, query: ValuesQuery) -> Values:
        """List names, properties or values with counts."""
        with self._reading(query.deadline) as connection:
            return read_values(connection, query)

    def partitions(self) -> list[Partition]:
        """List all partitions, each with one shard."""
        shards = (Shard(SHARD, self._last_seq),)
        with self._reading() as connection:
            rows = connection.execute("SELECT kind, period, identity FROM partition").fetchall()
        rows.sort(key=lambda row: (FACT_KINDS.index(row[0]), row[1]))
        return [
            Partition(kind, period_text(period) if kind == "event" else "", identity, shards)
            for kind, period, identity in rows
        ]

    def scan(
        self, partition: Partition, since: Mapping[str, int], columns: Sequence[str]
    ) -> Iterator[pyarrow.RecordBatch]:
        """Read facts with a sequence number above `since`, in steps of the sequence."""
        with self._reading() as connection:
            yield from iter_batches(connection, partition, since, columns)

    def control_get(self, kind: str, id: str) -> ControlDocument | None:
        """Read one control document."""
        with self._reading() as connection:
            return control.read_document(connection, kind, id)

    def control_put(self, document: ControlDocument, create: bool = False) -> ControlDocument:
        """Write a document if its version is the newest."""
        with self._writing() as connection, transaction(connection):
            return control.write_document(connection, document, create)

    def control_list(self, kind: str) -> list[ControlDocument]:
        """Read all documents of a kind, ordered by id."""
        with self._reading() as connection:
            return control.list_documents(connection, kind)

    def control_delete(self, kind: str, id: str, version: str = "") -> bool:
        """Delete a document; say whether it was there."""
        with self._writing() as connection, transaction(connection):
            return control.delete_document(connection, kind, id, version)

    def delete(self, deletion: Deletion) -> int:
        """Delete facts that match the filter, and whole event periods."""
        with self._writing() as connection:
            with transaction(connection):
                count = _delete_matching(connection, deletion) if deletion.filter is not None else 0
                count += _delete_periods(connection, deletion.periods) if deletion.periods else 0
            with contextlib.suppress(duckdb.TransactionException):
                # NOTE: takes what was deleted out of the log; a running question may put it off.
                connection.execute("CHECKPOINT")
        return count

    def erase(self, user_ids: Sequence[str], session_ids: Sequence[str], until_ms: int) -> int:
        """Delete what these users, or these sessions without a user, sent until then."""
        given = {"users": list(user_ids), "sessions": list(session_ids), "until": until_ms}
        with self._writing() as connection:
            with transaction(connection):
                count = sum(
                    int(connection.execute(read_sql(name), given).fetchall()[0][0])
                    for name in ("erase_events", "erase_facts")
                )
            with contextlib.suppress(duckdb.TransactionException):
                connection.execute("CHECKPOINT")  # as in `delete`
        return count

    def health(self) -> Health:
        """Say whether the file answers."""
        try:
            with self._reading() as connection:
                connection.execute("SELECT 1").fetchall()
        except Exception:
            return Health(False, "The embedded store is closed or its file cannot be read.")
        return Health(True, "The embedded store answers.")

    def figures(self) -> Mapping[str, float]:
        """Return the bytes that DuckDB holds in memory, for `/metrics`."""
        with contextlib.suppress(StoreUnavailableError), self._reading() as connection:
            rows = connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
            return {"duckdb_memory_bytes": float(rows[0][0] or 0)}
        return {}

    def close(self) -> None:
        """Finish the running write, then release the file."""
        with self._write_lock:
            if self._is_open:
                self._is_open = False
                self._connection.close()
                self._lock_file.close()

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreUnavailableError("The store is closed.")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._write_lock, self._reading() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self, deadline: float | None = None) -> Iterator[Connection]:
        """Give a cursor of one's own, translate what DuckDB raises, and keep the deadline."""
        self._check_open()
        with _guarded():
            cursor = self._connection.cursor()
        with contextlib.closing(cursor), _guarded(), _interrupting(cursor, deadline):
            yield cursor


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    """Turn the failures of DuckDB that are nobody's mistake into ours."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise QueryTimeoutError from error
    except duckdb.OutOfMemoryException as error:
        raise QueryTooLargeError(
            "The question needs more memory than the store may use; ask for less, or raise duckdb_memory."
        ) from error
    except (*UNAVAILABLE, OSError) as error:
        raise StoreUnavailableError from error


@contextlib.contextmanager
def _interrupting(cursor: Connection, deadline: float | None) -> Iterator[None]:
    if deadline is None:
        yield
        return
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise QueryTimeoutError
    timer = threading.Timer(remaining_s, _interrupt, (cursor,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _interrupt(cursor: Connection) -> None:
    with contextlib.suppress(duckdb.Error):  # the question may have ended a moment ago
        cursor.interrupt()


def _delete_matching(connection: Connection, deletion: Deletion) -> int:
    count = 0
    for table in ("event", "fact"):
        bindings = Bindings()
        condition = compile_filter(deletion.filter, bindings)
        if table == "fact":
            condition += f" AND list_contains({bindings.add(deletion.kinds)}::VARCHAR[], kind)"
        elif "event" not in deletion.kinds:
            continue
        rows = connection.execute(f"DELETE FROM {table} WHERE {condition}", bindings.values).fetchall()
        count += rows[0][0]
    return count


def _delete_periods(connection: Connection, periods: Sequence[str]) -> int:
    numbers = {"periods": [period_number(period) for period in periods]}
    condition = "period IN (SELECT unnest($periods))"
    connection.execute(f"DELETE FROM partition WHERE kind = 'event' AND {condition}", numbers)
    return int(connection.execute(f"DELETE FROM event WHERE {condition}", numbers).fetchall()[0][0])
