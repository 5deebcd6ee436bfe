"""Open views of columns in tests, and read them back as plain Python."""

from __future__ import annotations

import time
from typing import Any

from openmetrics.columns.cache import ColumnCache, Question
from openmetrics.columns.slices import Plan, Slice
from openmetrics.columns.view import ColumnView
from openmetrics.errors import invalid_query

EVERYTHING = Plan((None,))


def no_segment(id: str) -> Any:
    """Refuse every segment."""
    raise invalid_query("/filter/segment", f"There is no segment {id!r}; save it first.")


def open_view(
    cache: ColumnCache, start_ms: int | None = None, end_ms: int | None = None, wait_s: float = 60
) -> ColumnView:
    """Open a view of a range, with a deadline that no test meets by chance."""
    return cache.view(start_ms, end_ms, Question(time.monotonic() + wait_s, no_segment))


def read_rows(view: ColumnView, plan: Plan = EVERYTHING) -> dict[tuple[str | None, str | None], list[int]]:
    """Return the times of each unit's events, by (user id, session id)."""
    found = {}
    for slice in view.map(plan, _identity):
        for unit, names in enumerate(view.describe(slice.units)):
            found[names] = slice.time[slice.offsets[unit] : slice.offsets[unit + 1]].tolist()
    return found


def _identity(slice: Slice) -> Slice:
    return slice
