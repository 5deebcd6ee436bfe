"""A month as it was at one moment: what views are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.column import Column, compact, join_columns
from openmetrics.columns.kernels import freeze
from openmetrics.columns.pairs import Pairs
from openmetrics.columns.segment import Segment

ReadColumn = Callable[[str], Column]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment with its pairs and any of its columns: what filters and kernels are given."""

    segment: Segment
    pairs: Pairs
    moved: NDArray[np.uint8]
    """1 for pairs whose rows here do not count: they stand in the overlay. Empty if there are none."""
    read: ReadColumn


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A month as it was at one moment. Immutable; columns are added when asked for."""

    period: str
    base: Part | None
    overlay: Part

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return base and overlay, or the overlay alone."""
        return (self.overlay,) if self.base is None else (self.base, self.overlay)


class OverlaySource:
    """Columns of an overlay: of the tail's rows, then of the rows carried over from the base."""

    def __init__(
        self,
        read_tail: ReadColumn,
        read_base: ReadColumn | None,
        carried: NDArray[np.int64],
        order: NDArray[np.int64],
    ) -> None:
        self._read_tail = read_tail
        self._read_base = read_base
        self._carried = carried
        self._order = order
        self._found: dict[str, Column] = {}

    def read(self, name: str) -> Column:
        """Return a column in the overlay's order."""
        found = self._found.get(name)
        if found is None:
            parts = [self._read_tail(name)]
            if len(self._carried) and self._read_base is not None:
                parts.append(compact(self._read_base(name).take(self._carried)))
            found = self._found[name] = join_columns(parts).take(self._order)
        return found


def no_flags() -> NDArray[np.uint8]:
    """Return the flags of a part in which every row counts."""
    flags: NDArray[np.uint8] = freeze(np.empty(0, dtype=np.uint8))
    return flags
