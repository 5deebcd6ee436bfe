"""What the compiled loops of retention take and give, as arrays.

NOTE: what comes from slices is made read-only, so that each loop is compiled once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openmetrics_plugins.retention.model import COHORTS, RETAINED, Rules

START, RETURN, NAMED, IN_SEGMENT = range(4)
"""The bits of an event."""
RECURRING, FIRST_TIME, FIRST_EVER = range(len(COHORTS))
ON, ON_OR_AFTER, ON_OR_BEFORE, STREAK = range(len(RETAINED))
NO_PICK = (-1, -1, -1)


class Columns(NamedTuple):
    """The events of a slice; event i has the values `codes[starts[i]:starts[i + 1]]` of the breakdown."""

    offsets: NDArray[np.int64]
    time: NDArray[np.int64]
    bits: NDArray[np.uint64]
    starts: NDArray[np.int64]
    codes: NDArray[np.int32]
    numbers: NDArray[np.float64]


class Spec(NamedTuple):
    """Rules as numbers; `cell_of` gives the cell of an interval, `widths` how many cells a row has."""

    edges: NDArray[np.int64]
    cell_of: NDArray[np.int64]
    widths: NDArray[np.int64]
    start_ms: int
    rolling_ms: int
    cohort: int
    retained: int
    min_count: int
    zero_returned: bool


class Members(NamedTuple):
    """Memberships: the unit, its row, and all its start events there lie in `firsts:lasts`."""

    units: NDArray[np.int64]
    rows: NDArray[np.int64]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]


class Runs(NamedTuple):
    """Intervals with returns: unit u has the runs `offsets[u]:offsets[u + 1]`, in order of time.

    `before[r]` is the number of return events before run r; `sums` and `rests` together the sum of its
    numbers.
    """

    offsets: NDArray[np.int64]
    periods: NDArray[np.int64]
    before: NDArray[np.int64]
    sums: NDArray[np.float64]
    rests: NDArray[np.float64]


class Groups(NamedTuple):
    """The groups of memberships: membership m is in `flat[offsets[m]:offsets[m + 1]]`."""

    offsets: NDArray[np.int64]
    flat: NDArray[np.int64]


class Tallies(NamedTuple):
    """What is counted: members by group and row, those that are kept by group, row and cell.

    `marks` says of each unit whether it is in the picked cohort (1) and kept in the picked cell too (2);
    `pick` is group, row and cell.
    """

    sizes: NDArray[np.int64]
    kept: NDArray[np.int64]
    marks: NDArray[np.uint8]
    pick: tuple[int, int, int]


class Totals(NamedTuple):
    """What returns are worth, by group, row and cell: `sums` and `rests` together, and who returned."""

    sums: NDArray[np.float64]
    rests: NDArray[np.float64]
    returned: NDArray[np.int64]


def build_spec(rules: Rules) -> Spec:
    """Turn rules into numbers."""
    cells = np.asarray(rules.cells, dtype=np.int64)
    return Spec(
        freeze(rules.edges, np.int64),
        freeze(np.repeat(np.arange(len(cells) - 1), np.diff(cells)), np.int64),
        freeze(rules.widths, np.int64),
        rules.start_ms,
        rules.rolling_ms,
        COHORTS.index(rules.cohort),
        RETAINED.index(rules.retained),
        rules.min_count,
        rules.zero_returned,
    )


def new_tallies(shape: tuple[int, int, int], units: int, pick: tuple[int, int, int] = NO_PICK) -> Tallies:
    """Make empty tallies for groups, rows and cells."""
    sizes = np.zeros(shape[:2], dtype=np.int64)
    kept = np.zeros(shape, dtype=np.int64)
    return Tallies(sizes, kept, np.zeros(units, dtype=np.uint8), pick)


def new_totals(shape: tuple[int, int, int]) -> Totals:
    """Make empty totals for groups, rows and cells."""
    return Totals(np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64))


def freeze(array: Any, dtype: Any) -> Any:
    """Return an array of a type as a read-only one."""
    found = np.ascontiguousarray(array, dtype=dtype).view()
    found.flags.writeable = False
    return found
