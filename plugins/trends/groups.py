"""Choose the groups that an answer shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from openmetrics_plugins.trends.model import Group
from openmetrics_plugins.trends.tally import Number


@dataclass(frozen=True)
class Grouping:
    """The groups that have a row, and whether one more is for the rest."""

    shown: tuple[Group, ...] = ((),)
    has_other: bool = False

    @property
    def count(self) -> int:
        """Return the number of rows."""
        return len(self.shown) + self.has_other

    @property
    def other(self) -> int:
        """Return the row of the rest, -1 where there is none."""
        return len(self.shown) if self.has_other else -1

    @cached_property
    def places(self) -> Mapping[Group, int]:
        """Return the row of each group."""
        return {group: row for row, group in enumerate(self.shown)}


EVERYTHING = Grouping()
"""One row, of a question without breakdown."""


def rank_groups(groups: Sequence[Group], totals: Sequence[Number], limit: int) -> Grouping:
    """Return the groups with the largest totals; nulls come last, ties in order of value."""

    def rank(place: int) -> tuple[bool, float, list[tuple[bool, str]]]:
        total = totals[place]
        return total is None, -(total or 0), [(value is None, value or "") for value in groups[place]]

    order = sorted(range(len(groups)), key=rank)
    return Grouping(tuple(groups[place] for place in order[:limit]), len(order) > limit)
