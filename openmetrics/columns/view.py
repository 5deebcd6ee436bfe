"""What an analysis sees: the events of a range, by actor, filtered; nothing of files or stores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.actors import Actors, Segment
from openmetrics.columns.column import to_texts
from openmetrics.columns.dictionary import Dictionary, unify_texts
from openmetrics.columns.filters import Flags, PartFilters
from openmetrics.columns.frame import Frame, Part
from openmetrics.columns.gather import (
    Bounds,
    Gathered,
    Kept,
    Numbers,
    Reader,
    Scope,
    Values,
    build_reader,
    gather,
)
from openmetrics.columns.kernels import freeze
from openmetrics.columns.pairs import KeyTexts
from openmetrics.columns.regroup import cut_units, regroup
from openmetrics.columns.slices import Plan, Slice
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import key_of
from openmetrics.query.model import Did, Field, Filter
from openmetrics.store.base import QueryTimeoutError

if TYPE_CHECKING:
    import pyarrow

R = TypeVar("R")
ROWS_A_SLICE = 500_000
"""Small enough to meet a deadline between two, large enough that its overhead does not count."""
SESSION = Field("session_id")
ACTOR_FIELDS = ("user", "user_id")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a view needs of the cache: `run` does a task on a kernel's thread, `read` one on a reader's.

    `view(start_ms, end_ms)` opens another range at the same moment.
    """

    identity: IdentityTable
    user_names: Callable[[], KeyTexts]
    run: Callable[[Callable[[], Any]], Future[Any]]
    read: Callable[[Callable[[], Any]], Any]
    view: Callable[[int | None, int | None], ColumnView]
    segment: Callable[[str], Segment]
    deadline: float
    note_columns: Callable[[Iterable[str]], None]


class ColumnView:
    """The events of `[start_ms, end_ms)` as they were at one moment; None is unbounded. Thread-safe."""

    exact = True

    def __init__(
        self,
        frames: Sequence[Frame],
        bounds: tuple[int | None, int | None],
        keys: tuple[NDArray[np.int64], Sequence[tuple[NDArray[np.int64], ...]]],
        around: Surroundings,
    ) -> None:
        self.start_ms, self.end_ms = bounds
        self.keys, self._units = keys
        """The actors of the months that the range touches, ascending; and per part the actor of each run."""
        self._frames = frames
        self._around = around
        self._lock = threading.RLock()
        self._dictionaries: dict[Field, Dictionary] = {}
        self._filters = {id(part): PartFilters(part, self._mask) for frame in frames for part in frame.parts}
        self._actors = Actors(self._read_names, around.identity, self._count_done, around.segment)
        self._unit_names: KeyTexts | None = None

    def map(self, plan: Plan, kernel: Callable[[Slice], R]) -> list[R]:
        """Call a kernel on slices of whole units, on all cores; return its results in unit order.

        Events outside the range, those that fail `plan.where`, and units without any event left are not
        in the slices. Raises QueryTimeoutError at the deadline.
        """
        if plan.unit == "user":
            return self._run(plan, lambda gathered: kernel(gathered.slice))
        field = SESSION if plan.unit == "session" else plan.unit
        assert isinstance(field, Field)
        wider = replace(plan, codes=(*plan.codes, field))
        parts = self._run(wider, lambda gathered: gathered, needs_seq=True)
        if not parts:
            return []
        slices = regroup(parts, self._unit_keys(field), ROWS_A_SLICE)
        return self._collect(self._around.run(_bind(kernel, found)) for found in slices)

    def texts(self, field: Field) -> Sequence[str]:
        """Return the dictionary that `Slice.codes` of a field index."""
        dictionary: Dictionary = self._around.read(_bind(self._dictionary, field))
        return dictionary.texts

    def describe(self, keys: NDArray[np.int64]) -> list[tuple[str | None, str | None]]:
        """Return user id and session id of units, one of both None; of a property's unit (None, text)."""
        keys = np.asarray(keys, dtype=np.int64)
        if self._unit_names is not None:
            return [(None, text) for text in self._unit_names.find(keys).to_pylist()]
        users, sessions = self._around.read(_bind(self._find_names, keys))
        return list(zip(users.to_pylist(), sessions.to_pylist(), strict=True))

    def actor_mask(self, filter: Filter) -> Flags:
        """Say for each actor of `keys` whether it is in the group that a filter describes."""
        mask: Flags = self._around.read(_bind(self._mask, filter))
        return mask

    @property
    def has_property_units(self) -> bool:
        """Say whether units are values of a property, which `describe` gives as text."""
        return self._unit_names is not None

    def check_deadline(self) -> None:
        """Raise QueryTimeoutError where the deadline is over."""
        if time.monotonic() > self._around.deadline:
            raise QueryTimeoutError

    def _mask(self, node: Filter) -> Flags:
        with self._lock:
            return self._actors.mask(node)

    def _run(self, plan: Plan, work: Callable[[Gathered], R], needs_seq: bool = False) -> list[R]:
        scope = Scope(self._read_parts(plan), self.keys, Bounds(self.start_ms, self.end_ms), needs_seq)

        def task(units: tuple[int, int]) -> R | None:
            self.check_deadline()
            gathered = gather(scope, units, plan)
            return work(gathered) if len(gathered.slice.units) else None

        cuts = cut_units(self._sizes(), ROWS_A_SLICE)
        found = self._collect(self._around.run(_bind(task, units)) for units in cuts)
        return [result for result in found if result is not None]

    def _collect(self, futures: Iterator[Future[R]]) -> list[R]:
        waiting = list(futures)
        try:
            return [future.result() for future in waiting]
        finally:
            for future in waiting:
                future.cancel()

    def _sizes(self) -> NDArray[np.int64]:
        sizes = np.zeros(len(self.keys), dtype=np.int64)
        for frame, units in zip(self._frames, self._units, strict=True):
            for part, of_part in zip(frame.parts, units, strict=True):
                sizes[of_part] += np.diff(part.segment.offsets)
        return sizes

    def _read_parts(self, plan: Plan) -> list[tuple[Reader | None, Reader]]:
        frames: list[tuple[Reader | None, Reader]] = []
        for frame, units in zip(self._frames, self._units, strict=True):
            readers = [
                self._around.read(_bind(self._build_reader, (part, of_part, plan)))
                for part, of_part in zip(frame.parts, units, strict=True)
            ]
            frames.append((readers[0] if len(readers) > 1 else None, readers[-1]))
        self._around.note_columns({name for filters in self._filters.values() for name in filters.columns})
        return frames

    def _build_reader(self, given: tuple[Part, NDArray[np.int64], Plan]) -> Reader:
        part, units, plan = given
        with self._lock:
            reader = build_reader(part, units, plan, self._filters[id(part)])
            return replace(
                reader,
                values=tuple(self._values(part, field) for field in plan.codes),
                numbers=tuple(self._numbers(part, field) for field in plan.numbers),
            )

    def _values(self, part: Part, field: Field) -> Values:
        dictionary = self._dictionary(field)
        is_of_actor = field.kind in ACTOR_FIELDS
        column = self._actors.column(field) if is_of_actor else self._filters[id(part)].column(field)
        lists = (column.offsets, column.flat)
        return Values(column.codes, lists, dictionary.map_of(column), is_of_actor)

    def _numbers(self, part: Part, field: Field) -> Numbers:
        if field.kind == "user":
            by_actor = self._actors.numbers(field.name)
            return lambda kept: kept.spread(by_actor)
        filters = self._filters[id(part)]
        column = filters.column(field)
        table = np.concatenate((column.numbers, np.full(len(column.offsets), np.nan)))
        kinds = filters.read(f"kinds.{field.name}")
        is_list = kinds.table(np.array([text == "list" for text in kinds.texts.to_pylist()], dtype=np.bool_))

        def read(kept: Kept) -> NDArray[np.float64]:
            found: NDArray[np.float64] = table.take(column.codes[kept.rows], mode="wrap")
            found[is_list.take(kinds.codes[kept.rows], mode="wrap")] = np.nan
            return found

        return read

    def _dictionary(self, field: Field) -> Dictionary:
        with self._lock:
            if field not in self._dictionaries:
                if field.kind in ACTOR_FIELDS:
                    columns = [self._actors.column(field)]
                else:
                    parts = [part for frame in self._frames for part in frame.parts]
                    columns = [self._filters[id(part)].column(field) for part in parts]
                self._dictionaries[field] = unify_texts([column.texts for column in columns])
            return self._dictionaries[field]

    def _unit_keys(self, field: Field) -> NDArray[np.int64]:
        """Return the keys of a dictionary's texts, and remember them for `describe`."""
        prefix = "s" if field == SESSION else "p"
        texts = self.texts(field)
        keys = np.fromiter((key_of(prefix, text) for text in texts), dtype=np.int64, count=len(texts))
        if field != SESSION:
            self._unit_names = KeyTexts(keys, to_texts(texts))
        return keys

    def _read_names(self) -> tuple[pyarrow.Array, pyarrow.Array]:
        return self._find_names(self.keys)

    def _find_names(self, keys: NDArray[np.int64]) -> tuple[pyarrow.Array, pyarrow.Array]:
        import pyarrow.compute as pc

        parts = [part for frame in self._frames for part in frame.parts]
        users = self._around.user_names().find(keys)
        sessions = to_texts([None] * len(keys))
        for part in parts:
            users = pc.coalesce(users, part.pairs.user_names.find(keys))
            sessions = pc.coalesce(sessions, part.pairs.session_names.find(keys))
        return users, sessions

    def _count_done(self, did: Did) -> Flags:
        """Say which actors did something often enough."""
        from openmetrics.columns.counting import count_events, plan_of

        wide = self._around.view(did.start_ms, did.end_ms)
        keys, counts = count_events(wide, plan_of(did))
        found = keys[counts >= did.at_least]
        flags: Flags = np.isin(self.keys, found) if did.at_least > 0 else np.ones(len(self.keys), np.bool_)
        return flags


def _bind(work: Callable[[Any], R], argument: Any) -> Callable[[], R]:
    return lambda: work(argument)


def join_keys(frames: Sequence[Frame]) -> tuple[NDArray[np.int64], list[tuple[NDArray[np.int64], ...]]]:
    """Return the actors of some months, ascending, and for each part which of them its runs belong to."""
    parts = [part for frame in frames for part in frame.parts]
    distinct = [part.segment.keys for part in parts if len(part.segment.keys)]
    keys = distinct[0] if len(distinct) == 1 else np.unique(np.concatenate(distinct or [_NO_KEYS]))
    units = [
        tuple(freeze(np.searchsorted(keys, part.segment.keys).astype(np.int64)) for part in frame.parts)
        for frame in frames
    ]
    return freeze(keys), units


_NO_KEYS = np.empty(0, dtype=np.int64)
