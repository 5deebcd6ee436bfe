"""Count events by actor: what `did` and segments ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.slices import Plan, Slice
from openmetrics.query.model import All, Comparison, Did, Field, Filter

if TYPE_CHECKING:
    from openmetrics.columns.view import ColumnView

NAME = Field("name")


def plan_of(did: Did) -> Plan:
    """Return the plan that keeps the events which a condition on behaviour counts."""
    parts: list[Filter] = []
    if did.event is not None:
        parts.append(Comparison(NAME, "in", did.event))
    if did.filter is not None:
        parts.append(did.filter)
    return Plan((parts[0] if len(parts) == 1 else All(tuple(parts)),))


def count_events(view: ColumnView, plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the units that have any event of a plan, ascending, and how many each."""
    found = view.map(plan, _count)
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    keys, counts = zip(*found, strict=True)
    return np.concatenate(keys), np.concatenate(counts)


def _count(slice: Slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return slice.units, np.diff(slice.offsets)
