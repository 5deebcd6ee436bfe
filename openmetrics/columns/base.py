"""The base of a month: its sorted events up to some sequence numbers, in memory or on disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.column import Column
from openmetrics.columns.files import Arrays
from openmetrics.columns.kernels import find_rows
from openmetrics.columns.owners import Changes, Owned
from openmetrics.columns.pairs import IdTexts, Pairs, no_ids
from openmetrics.columns.segment import Segment
from openmetrics.columns.tail import Locator, ShardCodes

COLUMN_PREFIX = "column:"
IDS = "ids"


@dataclass(slots=True, eq=False)
class Base:
    """The events of a month up to `marks`, their pairs, and whose each pair was when it was sorted.

    `columns` grows as columns are asked for. `generation` is the folder of its files, or empty.
    """

    segment: Segment
    pairs: Pairs
    owned: Owned
    marks: Mapping[str, int]
    shards: ShardCodes
    columns: dict[str, Column]
    erasures: frozenset[str] = frozenset()
    """The ids of the erasures that were known when it was sorted."""
    generation: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: dict[str, float] = field(default_factory=dict)
    """Columns and the `time.monotonic()` seconds at which they were last asked for."""
    _locator: Locator | None = None
    _by_session: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def locator(self) -> Locator:
        """Return the index by sequence number, made when first needed."""
        if self._locator is None:
            self._locator = Locator(self.segment.rows())
        return self._locator

    @property
    def nbytes(self) -> int:
        """Return the size of what every question needs."""
        arrays = _pack_segment(self.segment).values()
        pairs = [*_pack_pairs(self.pairs, self.owned).values(), *_pack_ids(self.pairs).values()]
        return int(sum(array.nbytes for array in (*arrays, *pairs)) + self.columns["name"].nbytes)

    def affected(self, changes: Changes) -> NDArray[np.int64]:
        """Return the pairs whose owner may have changed."""
        pairs = self.pairs
        if changes.everything:
            return np.arange(len(pairs))
        found = self._find_sessions(changes.sessions)
        if not len(changes.users):
            return found
        flags = np.isin(pairs.users, changes.users) | np.isin(self.owned.keys, changes.users)
        flags[list(self.owned.splits)] = True
        flags[found] = True
        return np.flatnonzero(flags)

    def _find_sessions(self, sessions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the pairs of sessions.

        PERF: by a sorted index 10,000 of a million take 2 ms, with `numpy.isin` 50.
        """
        if self._by_session is None:
            order = np.argsort(self.pairs.sessions, kind="stable")
            self._by_session = (order, self.pairs.sessions[order])
        order, ordered = self._by_session
        starts, ends = (np.searchsorted(ordered, sessions, side) for side in ("left", "right"))
        places = [order[start:end] for start, end in zip(starts, ends, strict=True) if end > start]
        return np.sort(np.concatenate(places)) if places else np.empty(0, dtype=np.int64)

    def find_moved(self, moved: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the rows of flagged pairs, looking only at the actors that had them."""
        codes = np.flatnonzero(moved)
        splits = [owner for code in codes.tolist() for _, owner in self.owned.splits.get(code, ())]
        keys = np.unique(np.concatenate((self.owned.keys[codes], np.array(splits, dtype=np.int64))))
        actors = np.searchsorted(self.segment.keys, keys)
        starts, ends = self.segment.offsets[actors], self.segment.offsets[actors + 1]
        rows: NDArray[np.int64] = find_rows(self.segment.pair, moved, starts, ends)
        return rows

    def pack(self) -> tuple[dict[str, Any], dict[str, Arrays]]:
        """Return the manifest's members and the groups of arrays."""
        manifest = {
            "marks": dict(self.marks),
            "shards": self.shards.ids,
            "origin_ms": self.segment.origin_ms,
            "origin_seq": self.segment.origin_seq,
            "erasures": sorted(self.erasures),
            "splits": [[pair, list(map(list, stays))] for pair, stays in self.owned.splits.items()],
        }
        groups = {"events": _pack_segment(self.segment), "pairs": _pack_pairs(self.pairs, self.owned)}
        if self.pairs.ids.is_read:
            groups[IDS] = _pack_ids(self.pairs)
        for name, column in self.columns.items():
            groups[COLUMN_PREFIX + name] = pack_column(column)
        return manifest, groups


def unpack_base(manifest: Mapping[str, Any], events: Arrays, pairs: Arrays, columns: Any) -> Base:
    """Build a base from what its files hold."""
    segment = Segment(
        events["keys"], events["are_users"], events["offsets"], manifest["origin_ms"], manifest["origin_seq"],
        events["time"], events["seq"], events["pair"], events["active"], events.get("shard"),
    )  # fmt: skip
    splits = {pair: tuple((end, owner) for end, owner in stays) for pair, stays in manifest["splits"]}
    owned = Owned(pairs["owners"], pairs["are_users"], splits)
    table = Pairs(pairs["sessions"], pairs["users"], IdTexts(no_ids))
    shards = ShardCodes(manifest["shards"])
    applied = frozenset(manifest["erasures"])
    return Base(segment, table, owned, manifest["marks"], shards, columns, applied, manifest["generation"])


def pack_column(column: Column) -> Arrays:
    """Return the arrays of a column."""
    return {"codes": column.codes, "texts": column.texts, "offsets": column.offsets, "flat": column.flat}


def unpack_column(arrays: Arrays) -> Column:
    """Build a column from its arrays."""
    return Column(arrays["codes"], arrays["texts"], (arrays["offsets"], arrays["flat"]))


def _pack_segment(segment: Segment) -> Arrays:
    names = ("keys", "are_users", "offsets", "time", "seq", "pair", "active", "shard")
    arrays = {name: getattr(segment, name) for name in names}
    return {name: array for name, array in arrays.items() if array is not None}


def _pack_pairs(pairs: Pairs, owned: Owned) -> Arrays:
    return {
        "sessions": pairs.sessions,
        "users": pairs.users,
        "owners": owned.keys,
        "are_users": owned.are_users,
    }


def _pack_ids(pairs: Pairs) -> Arrays:
    if not pairs.ids.is_read:
        return {}
    return {"session_texts": pairs.session_texts, "user_texts": pairs.user_texts}
