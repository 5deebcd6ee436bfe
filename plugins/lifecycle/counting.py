"""Find in which intervals each actor was active, and for the first time ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.plugin import Slice
from openmetrics_plugins.lifecycle.params import Params

STATUSES = ("new", "returning", "resurrected", "dormant")
BEFORE, OUTSIDE = 0, -1


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """Units and columns in which they were active: 0 is the interval before the first row, k + 1 row k.

    Pairs go by unit, then column. `is_new`: the unit's first event ever lies there; `stayed`: it was active
    in the column before, too.
    """

    keys: NDArray[np.int64]
    units: NDArray[np.int64]
    columns: NDArray[np.int64]
    is_new: NDArray[np.bool_]
    stayed: NDArray[np.bool_]

    def find(self, row: int, status: str) -> NDArray[np.int64]:
        """Return the keys of the units that have a status in a row."""
        if status == "dormant":
            gone = self.units[self.columns == row]
            return self.keys[np.setdiff1d(gone, self.units[self.columns == row + 1])]
        wanted = {"new": self.is_new, "returning": self.stayed, "resurrected": ~(self.is_new | self.stayed)}
        return self.keys[self.units[(self.columns == row + 1) & wanted[status]]]


def find_presence(found: Slice, params: Params) -> Presence:
    """Return who was active when, of the events of a slice with all its history."""
    cuts = np.array([params.before_ms, params.edges[0], params.start_ms, *params.edges[1:-1]])
    places = np.searchsorted(cuts, found.time, side="right") - 1
    # NOTE: what lies in the first row's interval before the range begins is in no column.
    columns = np.where(places < 1, places, np.where(places == 1, OUTSIDE, places - 1))
    units = np.repeat(np.arange(len(found.units)), np.diff(found.offsets))
    firsts = columns[found.offsets[:-1]]
    is_inside = columns != OUTSIDE
    units, columns = units[is_inside], columns[is_inside]
    is_first = np.ones(len(units), dtype=np.bool_)
    is_first[1:] = (np.diff(units) != 0) | (np.diff(columns) != 0)
    units, columns = units[is_first], columns[is_first]
    stayed = np.zeros(len(units), dtype=np.bool_)
    stayed[1:] = (np.diff(units) == 0) & (np.diff(columns) == 1)
    return Presence(found.units, units, columns, firsts[units] == columns, stayed)


def count_rows(presence: Presence, rows: int) -> NDArray[np.int64]:
    """Return by status and row how many units there are."""

    def count(chosen: Any) -> NDArray[np.int64]:
        return np.bincount(presence.columns[chosen], minlength=rows + 1)

    active, new, stayed = count(slice(None)), count(presence.is_new), count(presence.stayed)
    return np.stack((new[1:], stayed[1:], (active - new - stayed)[1:], active[:-1] - stayed[1:]))


def count_intervals(presence: Presence) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the keys of the units that are active in any row, and in how many rows each."""
    counts = np.bincount(presence.units[presence.columns != BEFORE], minlength=len(presence.keys))
    return presence.keys[counts > 0], counts[counts > 0]
