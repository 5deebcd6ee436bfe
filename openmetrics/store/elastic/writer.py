"""Post spool lines as they are: an action before each, made by slicing its first members."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from openmetrics.ingest.event import period_of
from openmetrics.store.base import FACT_KINDS, Refusal, StoreUnavailableError, WriteReport
from openmetrics.store.elastic.connection import Connection, reason_of
from openmetrics.store.elastic.naming import MAX_ID_BYTES, Names, document_id
from openmetrics.store.elastic.schema import Schema
from openmetrics.store.lines import LineError, parse_line

CHUNK_BYTES = 16 * 1024 * 1024
LANES = 2
"""Requests in flight for one batch."""
LANE_BYTES = 1024 * 1024
"""Below this a second request costs more than it gains."""
ATTEMPTS = 5
FIRST_PAUSE_S = 0.2
BULK = "/_bulk?filter_path=errors,items.*.status,items.*.error"
HEAD = re.compile(
    rb'\{"kind":"([a-z]+)","id":"((?:[^"\\]|\\.)*)","time":(-?\d+),"received":-?\d+(?:,"also":"([0-9a-z.]+)")?[,}]'
)
KINDS = frozenset(kind.encode() for kind in FACT_KINDS)
DAY_MS = 86_400_000


class _Item(NamedTuple):
    """One line with its action: its place in the batch, where it goes, and where its id must not be."""

    place: int
    target: bytes
    id: bytes
    also: bytes
    payload: bytes


@dataclass(slots=True)
class _Tally:
    stored: int = 0
    duplicate: int = 0
    refused: list[Refusal] = field(default_factory=list)

    def refuse(self, place: int, code: str, detail: str) -> None:
        """Note one line that will never be stored."""
        self.refused.append(Refusal(place, code, detail))

    def add(self, other: _Tally) -> None:
        """Add the outcome of another request."""
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.refused += other.refused

    def report(self) -> WriteReport:
        """Return the outcome, refusals in the order of their lines."""
        refused = sorted(self.refused, key=lambda refusal: refusal.index)
        return WriteReport(self.stored, self.duplicate, tuple(refused))


class Writer:
    """Turn batches of lines into bulk requests. Thread-safe because batches share only threads."""

    def __init__(self, connection: Connection, names: Names, schema: Schema) -> None:
        self._connection = connection
        self._names = names
        self._schema = schema
        self._lanes = ThreadPoolExecutor(2 * LANES, "elastic-bulk")
        self._months: dict[int, bytes] = {}
        """PERF: index by day, since making its name costs more than all else of a line."""

    def write(self, lines: bytes) -> WriteReport:
        """Store lines in their order, so that the first of an identity wins."""
        tally = _Tally()
        for chunk in self._iter_chunks(lines, tally):
            for index in {item.target for item in chunk} - {self._names.facts.encode()}:
                self._schema.ensure_month(self._names.period(index.decode()))
            if any(item.also for item in chunk):
                chunk = self._without_known(chunk, tally)
            for outcome in self._send_lanes(chunk):
                tally.add(outcome)
        return tally.report()

    def close(self) -> None:
        """End the threads. Idempotent."""
        self._lanes.shutdown()

    def _iter_chunks(self, lines: bytes, tally: _Tally) -> Iterator[list[_Item]]:
        chunk: list[_Item] = []
        size = start = place = 0
        while start < len(lines):
            end = lines.find(b"\n", start) + 1 or len(lines)
            try:
                item = self._address(lines[start:end], place)
            except LineError as error:
                tally.refuse(place, error.code, str(error))
            else:
                chunk.append(item)
                size += len(item.payload)
            start, place = end, place + 1
            if size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _address(self, line: bytes, place: int) -> _Item:
        """Put an action before a line. Raises LineError where the line is no fact."""
        found = HEAD.match(line)
        if found is None or found[1] not in KINDS:
            kind, id, time_ms, also = _parse_head(line)
        else:
            kind, id, also = found[1], found[2], found[4] or b""
            time_ms = int(found[3])
        if kind == b"event":
            index = self._months.get(time_ms // DAY_MS) or self._name_month(time_ms)
            also = self._names.month(also.decode()).encode() if also else b""
        else:
            index, id = self._names.facts.encode(), _fact_id(kind, id)
        payload = b'{"create":{"_index":"%b","_id":"%b"}}\n%b' % (index, id, line)
        return _Item(place, index, id, also, payload if payload.endswith(b"\n") else payload + b"\n")

    def _name_month(self, time_ms: int) -> bytes:
        if len(self._months) > 10_000:
            self._months.clear()
        index = self._names.month(period_of(time_ms)).encode()
        return self._months.setdefault(time_ms // DAY_MS, index)

    def _without_known(self, chunk: list[_Item], tally: _Tally) -> list[_Item]:
        """Leave out lines whose id the neighbour month has, or an earlier line of the chunk brings to it."""
        known = self._find([(item.also, item.id) for item in chunk if item.also])
        kept = []
        for item in chunk:
            if item.also and (item.also, item.id) in known:
                tally.duplicate += 1
                continue
            known.add((item.target, item.id))
            kept.append(item)
        return kept

    def _find(self, keys: list[tuple[bytes, bytes]]) -> set[tuple[bytes, bytes]]:
        """Return which of these (index, id) exist, refreshed or not."""
        docs = b",".join(b'{"_index":"%b","_id":"%b","_source":false}' % key for key in keys)
        target = "/_mget?filter_path=docs._index,docs._id,docs.found"
        answer = self._connection.ask("POST", target, b'{"docs":[%b]}\n' % docs)
        return {
            (doc["_index"].encode(), orjson.dumps(doc["_id"])[1:-1])
            for doc in answer.json().get("docs", ())
            if doc.get("found")
        }

    def _send_lanes(self, chunk: list[_Item]) -> list[_Tally]:
        """Send a chunk by several requests at once, all lines of one id by the same, in their order."""
        count = min(LANES, 1 + sum(len(item.payload) for item in chunk) // LANE_BYTES)
        lanes: list[list[_Item]] = [[] for _ in range(count)]
        for item in chunk:
            lanes[hash(item.id) % count].append(item)
        tallies = [_Tally() for _ in lanes]
        sent = [self._lanes.submit(self._send, *pair) for pair in zip(lanes, tallies, strict=True) if pair[0]]
        wait(sent)
        for outcome in sent:
            outcome.result()
        return tallies

    def _send(self, chunk: list[_Item], tally: _Tally) -> None:
        """Store lines; what the cluster is too busy for is sent again, at most `ATTEMPTS` times."""
        for attempt in range(ATTEMPTS):
            body = b"".join([item.payload for item in chunk])
            answer = self._connection.ask("POST", BULK, body, accept=(400, 413))
            if answer.status in (400, 413):
                self._send_halves(chunk, answer.json().get("error"), tally)
                return
            if answer.body.startswith(b'{"errors":false'):
                tally.stored += len(chunk)
                return
            outcomes = [outcome["create"] for outcome in answer.json()["items"]]
            pairs = zip(chunk, outcomes, strict=True)
            chunk = [item for item, outcome in pairs if _settle(item, outcome, tally)]
            if not chunk:
                return
            self._reopen_months(chunk)
            time.sleep(FIRST_PAUSE_S * 2**attempt * (0.5 + random.random()))
        raise StoreUnavailableError("Elasticsearch is too busy to store events; repeat it later.")

    def _send_halves(self, chunk: list[_Item], error: Any, tally: _Tally) -> None:
        """Find the line for whose sake a whole request was refused."""
        if len(chunk) == 1:
            tally.refuse(chunk[0].place, "schema-violation", ": ".join(reason_of(error)))
            return
        self._send(chunk[: len(chunk) // 2], tally)
        self._send(chunk[len(chunk) // 2 :], tally)

    def _reopen_months(self, items: list[_Item]) -> None:
        """Look again whether the months exist: another process may have dropped one."""
        for index in {item.target for item in items} - {self._names.facts.encode()}:
            period = self._names.period(index.decode())
            self._schema.forget_month(period)
            self._schema.ensure_month(period)


def _settle(item: _Item, outcome: dict[str, Any], tally: _Tally) -> bool:
    """Count what became of a line, and say whether it must be sent again."""
    status = outcome["status"]
    if status in (200, 201):
        tally.stored += 1
    elif status == 409:
        tally.duplicate += 1
    elif status == 400:
        tally.refuse(item.place, "schema-violation", ": ".join(reason_of(outcome.get("error"))))
    else:
        return True
    return False


def _parse_head(line: bytes) -> tuple[bytes, bytes, int, bytes]:
    """Read the first members of a line that does not begin as ours do."""
    fact = parse_line(line)
    id = orjson.dumps(fact["id"])[1:-1]
    return fact["kind"].encode(), id, fact["time"], str(fact.get("also", "")).encode()


def _fact_id(kind: bytes, id: bytes) -> bytes:
    if len(id) + len(kind) < MAX_ID_BYTES:
        return kind + b":" + id
    return orjson.dumps(document_id(kind.decode(), orjson.loads(b'"%b"' % id)))[1:-1]
