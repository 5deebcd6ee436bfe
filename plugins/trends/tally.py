"""Figures by cell, in a form that adds up: parts come from slices, and from the store."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics_plugins.trends.model import PERCENTILES, WHOLE

Number = int | float | None


class Tally:
    """What is known of each cell: a count, a sum and its rounding error, extremes, numbers one by one.

    For heads the count is that of heads; for `per_user` count and sum are those of the actors' figures.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.count: NDArray[np.int64] = np.zeros(size, dtype=np.int64)
        self.sums = np.zeros(size)
        self.rests = np.zeros(size)
        self.least = np.full(size, np.inf)
        self.most = np.full(size, -np.inf)
        self.samples: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []

    def add(self, parts: Any, at: Any = slice(None)) -> None:
        """Add count, sum, its rounding error, least and most of all cells, or of those at some places."""
        count, sums, rests, least, most = parts
        # NOTE: what rounding loses is kept (Knuth's two-sum), so that the order of parts does not show.
        with np.errstate(invalid="ignore", over="ignore"):
            before = self.sums[at]
            total = before + sums
            part = total - before
            lost = (before - (total - part)) + (sums - part)
            self.rests[at] += rests + lost
        self.sums[at] = total
        self.count[at] += count
        self.least[at] = np.minimum(self.least[at], least)
        self.most[at] = np.maximum(self.most[at], most)

    def absorb(self, other: Tally, at: Any = slice(None)) -> None:
        """Add all of another tally, whose cells are those at some places here."""
        self.add((other.count, other.sums, other.rests, other.least, other.most), at)
        places = np.arange(self.size)[at]
        self.samples += [(places[cells], numbers) for cells, numbers in other.samples]

    def measure(self, measure: str) -> list[Number]:
        """Return the figure of each cell; infinite where it is beyond any number."""
        if measure in WHOLE:
            return self.count.tolist()
        if measure in PERCENTILES:
            return self._percentiles(PERCENTILES[measure])
        with np.errstate(all="ignore"):
            total = self.sums + self.rests
            total[~np.isfinite(self.sums) | np.isnan(total)] = np.inf
            found = {
                "sum": total,
                "avg": total / self.count,
                "per_user": total / self.count,
                "min": self.least,
                "max": self.most,
            }[measure]
        is_some = (self.count > 0).tolist()
        empty = 0 if measure == "sum" else None
        return [number if some else empty for number, some in zip(found.tolist(), is_some, strict=True)]

    def _percentiles(self, share: float) -> list[Number]:
        cells = np.concatenate([cells for cells, _ in self.samples] or [np.empty(0, dtype=np.int64)])
        numbers = np.concatenate([numbers for _, numbers in self.samples] or [np.empty(0)])
        order = np.lexsort((numbers, cells))
        cells, numbers = cells[order], numbers[order]
        starts, ends = (np.searchsorted(cells, np.arange(self.size), side) for side in ("left", "right"))
        found: list[Number] = [None] * self.size
        for cell in np.flatnonzero(ends > starts).tolist():
            found[cell] = interpolate(numbers[starts[cell] : ends[cell]], share)
        return found


def interpolate(numbers: Any, share: float) -> float:
    """Return the number at a share of a sorted list, linearly between its neighbours."""
    place = (len(numbers) - 1) * share
    low = int(place)
    high = min(low + 1, len(numbers) - 1)
    left, right, part = float(numbers[low]), float(numbers[high]), place - low
    return left if left == right else left * (1 - part) + right * part
