"""The words in which retention is judged: rules, events and memberships."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

COHORTS = ("recurring", "first_time", "first_ever")
MODES = ("calendar", "rolling")
RETAINED = ("on", "on_or_after", "on_or_before", "streak")


@dataclass(frozen=True)
class Rules:
    """The resolved parameters, as far as one unit's events are judged by them.

    `edges` are the starts of the rows' calendar intervals and the end of the last; `cells` the first interval
    of each cell, and the one after the last cell. Rolling intervals last `rolling_ms`; 0 means calendar
    intervals. `zero_returned`: cell 0 counts returns, else members.
    """

    start_ms: int
    end_ms: int
    edges: tuple[int, ...]
    cells: tuple[int, ...]
    cohort: str = "recurring"
    rolling_ms: int = 0
    retained: str = "on"
    min_count: int = 1
    zero_returned: bool = False

    @property
    def rows(self) -> int:
        """Return the number of cohorts."""
        return len(self.edges) - 1

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the heading of each cell: `1`, or `1-3` where it joins several intervals."""
        spans = [(first, end - 1) for first, end in pairwise(self.cells)]
        return tuple(str(first) if first == last else f"{first}-{last}" for first, last in spans)

    def span(self, row: int, cell: int) -> tuple[int, int | None]:
        """Return the first instant that a cell of a row can hold, and the one after the last.

        The end is None where it lies beyond the last row's end.
        """
        first, end = self.cells[cell], self.cells[cell + 1]
        if self.rolling_ms:
            return self.edges[row] + first * self.rolling_ms, self.edges[row + 1] + end * self.rolling_ms
        begins = self.edges[row + first] if row + first < len(self.edges) else self.edges[-1]
        return begins, self.edges[row + end] if row + end < len(self.edges) else None

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Return how many cells each row has: those whose interval begins before the range's end."""
        cells = len(self.cells) - 1
        return tuple(
            sum(1 for cell in range(cells) if self.span(row, cell)[0] < self.end_ms)
            for row in range(self.rows)
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a unit; `is_named` says that only its name matches the start event.

    `values` are its values of the breakdown, none if missing; `number` is what is summed up.
    """

    time: int
    is_start: bool = False
    is_return: bool = False
    is_named: bool = False
    values: tuple[str, ...] = ()
    number: float | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A unit in one cohort: the groups that it is in there, and for each cell of the row what it did.

    `kept`: whether it counts as retained; `numbers`: those of its return events in the cell's own
    interval; `returned`: whether there was any return event in that interval.
    """

    row: int
    values: frozenset[str | None]
    kept: tuple[bool, ...]
    numbers: tuple[tuple[float, ...], ...]
    returned: tuple[bool, ...]
