"""What compiled code works on, and where it writes what it found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from openmetrics_plugins.funnel.law import Ints, Law, find_place, inner
from openmetrics_plugins.funnel.scan import Streams

OVERALL, MISSING = -2, -1
"""Codes of rows that belong to no value of the breakdown, and to a missing one."""
UNIT, CODE, DEEP, FILLED, TIMES = range(5)
"""Columns of a book: whose journey, under which code, how deep, the rows it counts in, and its times."""
OPENING, ENTERED, CONVERTED, SEEN_ENTERED, SEEN_CONVERTED = range(5)
"""Rows of entries: the start of each interval; how many entered and converted; who was counted last."""
ROWS, IS_TOO_MUCH = range(2)
"""Slots of `Task.state`: journeys found (also those without room), and work beyond the limit."""
MARK_UNIT, MARK_CODE, MARK_PLACE, BY_PLACE = range(4)
"""Rows of marks: the values of events at the step of the breakdown, by unit, value and event.

The last row has the places of the marks in the order of unit, event and value.
"""


class Task(NamedTuple):
    """Streams to judge and whose they are; stream u has the marks `mark_offsets[u]:mark_offsets[u + 1]`."""

    streams: Streams
    owners: Ints
    mark_offsets: Ints
    marks: Ints
    book: Ints
    entries: Ints
    state: Ints


@inner
def write_journey(task: Task, unit: int, code: int, depth: int, filled: int) -> Ints:
    """Add a journey to the book if it has room; return where its times go."""
    row = task.state[ROWS]
    task.state[ROWS] += 1
    if row >= len(task.book):
        return np.empty(task.book.shape[1] - TIMES, dtype=np.int64)
    book = task.book[row]
    book[UNIT], book[CODE], book[DEEP], book[FILLED] = task.owners[unit], code, depth, filled
    return book[TIMES:]


@inner
def note_entry(task: Task, unit: int, time: int, is_converted: bool, law: Law) -> None:
    """Count that a unit started an attempt, once an interval unless each attempt counts."""
    entries, owner = task.entries, task.owners[unit] + 1
    interval = find_place(entries[OPENING], time + 1) - 1
    if law.is_total or entries[SEEN_ENTERED, interval] != owner:
        entries[SEEN_ENTERED, interval] = owner
        entries[ENTERED, interval] += 1
    if is_converted and (law.is_total or entries[SEEN_CONVERTED, interval] != owner):
        entries[SEEN_CONVERTED, interval] = owner
        entries[CONVERTED, interval] += 1
