"""Load spool lines in bulk: into the tables first, then out again what was known already."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import orjson

from openmetrics.ingest.event import OLD_PERIOD
from openmetrics.store.base import Refusal, WriteReport
from openmetrics.store.lines import LineError, parse_line

BATCH_PREFIX = "duckdb-load-"
"""How the files begin through which batches are loaded; one that is left is from a killed process."""
EVENT_PREFIX = b'{"kind":"event"'
SHORTEST_LIMIT = 16 * 1024 * 1024
REFUSABLE = (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException)
"""What DuckDB raises about content, as opposed to its own state."""

Numbered = tuple[int, bytes]


@cache
def read_sql(name: str) -> str:
    """Read the statement in the `.sql` file of this name."""
    return resources.files(__package__).joinpath(f"{name}.sql").read_text("utf-8")


def period_number(period: str) -> int:
    """Return the number under which the tables keep a period: 202611 for `2026.11`, 0 for `old`."""
    return 0 if period == OLD_PERIOD else int(period.replace(".", ""))


def period_text(number: int) -> str:
    """Return the period that `period_number` made a number of."""
    return f"{number // 100}.{number % 100:02}" if number else OLD_PERIOD


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does, or nothing of it."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        with contextlib.suppress(duckdb.TransactionException):  # a failed commit has ended it already
            connection.rollback()
        raise


@dataclass(frozen=True, slots=True)
class Loader:
    """Write batches through one connection. Not thread-safe: the caller holds the write lock."""

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def load(self, data: bytes) -> WriteReport:
        """Store all lines that can be stored, each batch in one transaction."""
        if data and not data.endswith(b"\n"):
            data += b"\n"
        if _is_plain(data):
            # PERF: taking a batch apart costs 0.45 s for 100,000 events, loading it as it is 0.8 s.
            with contextlib.suppress(*REFUSABLE):
                stored = self._store(data, b"")
                return WriteReport(stored, data.count(b"\n") - stored)
        lines = data.split(b"\n")[:-1]
        stored, refused = 0, []
        for batch in _iter_batches(list(enumerate(lines)), b'"also":' in data):
            count, bad = self._load_sound(batch)
            stored += count
            refused += bad
        refused.sort(key=lambda refusal: refusal.index)
        return WriteReport(stored, len(lines) - stored - len(refused), tuple(refused))

    def _load_sound(self, batch: Sequence[Numbered]) -> tuple[int, list[Refusal]]:
        """Store a batch; where DuckDB refuses it, find the lines to blame and store the others."""
        try:
            return self._store_batch(batch), []
        except (LineError, *REFUSABLE) as error:
            sound, refused = _check_lines(batch)
            if not refused and len(batch) == 1:
                reason = str(error).partition("\n")[0]
                return 0, [Refusal(batch[0][0], "schema-violation", f"The line does not load: {reason}")]
        stored = 0
        middle = 0 if refused else len(sound) // 2
        for part in (sound[:middle], sound[middle:]):
            count, bad = self._load_sound(part) if part else (0, [])
            stored += count
            refused += bad
        return stored, refused

    def _store_batch(self, batch: Sequence[Numbered]) -> int:
        events = [line for _, line in batch if line.startswith(EVENT_PREFIX)]
        facts = [line for _, line in batch if not line.startswith(EVENT_PREFIX)]
        for fact in facts:
            parse_line(fact)
        return self._store(*(b"".join(line + b"\n" for line in lines) for lines in (events, facts)))

    def _store(self, events: bytes, facts: bytes) -> int:
        with transaction(self.connection):
            first = self._number("SELECT nextval('fact_seq')")
            stored = self._store_events(events, first) if events else 0
            stored += self._store_facts(facts, first) if facts else 0
            self.connection.execute(read_sql("add_partitions"), {"first": first})
        return stored

    def _store_events(self, lines: bytes, first: int) -> int:
        inserted = self._insert("insert_events", lines)
        known = self._column("find_repeated_events", {"first": first})
        places = self._column("find_known_keys", {"first": first})
        if places:
            known += self._column("find_known_events", {"first": first, "places": places})
        if b'"also":' in lines:
            known += self._find_also(lines, first)
        return inserted - self._remove("event", known, first)

    def _find_also(self, lines: bytes, first: int) -> list[int]:
        events = [orjson.loads(line) for line in lines.splitlines() if b'"also":' in line]
        asked = [(event["id"], period_number(event["also"])) for event in events if "also" in event]
        ids, periods = [id for id, _ in asked], [period for _, period in asked]
        return self._column("find_known_also", {"first": first, "ids": ids, "periods": periods})

    def _store_facts(self, lines: bytes, first: int) -> int:
        inserted = self._insert("insert_facts", lines)
        return inserted - self._remove("fact", self._column("find_known_facts", {"first": first}), first)

    def _insert(self, statement: str, lines: bytes) -> int:
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=BATCH_PREFIX) as file:
            file.write(lines)
            file.flush()
            return self._number(read_sql(statement), {"file": file.name, "longest": _fit_lines(lines)})

    def _remove(self, table: str, seqs: list[int], first: int) -> int:
        if not seqs:
            return 0
        statement = f"DELETE FROM {table} WHERE seq >= $first AND seq IN (SELECT unnest($seqs))"
        return self._number(statement, {"first": first, "seqs": seqs})

    def _column(self, statement: str, parameters: dict[str, Any]) -> list[int]:
        return [row[0] for row in self.connection.execute(read_sql(statement), parameters).fetchall()]

    def _number(self, statement: str, parameters: dict[str, Any] | None = None) -> int:
        (row,) = self.connection.execute(statement, parameters or {}).fetchall()
        return int(row[0])


def _is_plain(data: bytes) -> bool:
    """Say whether a batch holds events only, none of which asks for another period."""
    breaks = data.count(b"\n") - 1
    return (
        data.startswith(EVENT_PREFIX)
        and data.count(b"\n" + EVENT_PREFIX) == breaks
        and b'"also":' not in data
    )


def _fit_lines(lines: bytes) -> int:
    """Return a size that no line exceeds, without looking at each."""
    size = SHORTEST_LIMIT
    place = 0
    while place < len(lines):
        end = lines.rfind(b"\n", place, place + size)
        if end < 0:
            size *= 2
        else:
            place = end + 1
    return size


def _check_lines(batch: Sequence[Numbered]) -> tuple[list[Numbered], list[Refusal]]:
    sound, refused = [], []
    for index, line in batch:
        try:
            parse_line(line)
        except LineError as error:
            refused.append(Refusal(index, error.code, str(error)))
        else:
            sound.append((index, line))
    return sound, refused


def _iter_batches(lines: list[Numbered], has_also: bool) -> Iterator[list[Numbered]]:
    """Yield the lines in one batch, or in batches without a repeated id where other periods count too.

    NOTE: there a line's fate depends on whether an earlier one was stored.
    """
    if not has_also:
        if lines:
            yield lines
        return
    batch: list[Numbered] = []
    seen: set[bytes] = set()
    for index, line in lines:
        head = line.partition(b',"time":')[0]
        if head in seen:
            yield batch
            batch, seen = [], set()
        seen.add(head)
        batch.append((index, line))
    yield batch
