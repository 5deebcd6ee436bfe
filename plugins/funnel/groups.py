"""Judge one unit under each value with which a chain fills the step of the breakdown."""

from __future__ import annotations

import numpy as np

from openmetrics_plugins.funnel.book import BY_PLACE, MARK_CODE, MARK_PLACE, Task, write_journey
from openmetrics_plugins.funnel.law import NEVER, NOTHING, Ints, inner
from openmetrics_plugins.funnel.nodes import (
    BEGIN,
    END,
    FIRST,
    FRUITLESS,
    IS_SHORTENED,
    LAST,
    ORDERS,
    PLACE,
    TIME,
    UNTIL,
    Hunt,
    find_from,
    shorten_list,
)
from openmetrics_plugins.funnel.seek import find_rows, seek, seek_times, try_start


@inner
def group_found(task: Task, hunt: Hunt, unit: int, depth: int) -> None:
    """Write a journey under each value with which a chain fills the step of the breakdown."""
    desk, step = hunt.desk, hunt.law.attributed
    kept = desk[FIRST, step], desk[LAST, step]
    head, last = task.mark_offsets[unit], task.mark_offsets[unit + 1]
    reached = np.zeros((last - head, 2), dtype=np.int64)
    if step == 0:
        reach_from_start(task, hunt, unit, reached, depth)
    while head < last:
        first, code = head, task.marks[MARK_CODE, head]
        while head < last and task.marks[MARK_CODE, head] == code:
            head += 1
        shorten_to(task, hunt, unit, first, head)
        goal, start = reach_through(hunt, depth)
        if step == 0:
            goal, start = reached[first - task.mark_offsets[unit]]
        if goal > 0:
            row = write_journey(task, unit, code, goal, find_rows(hunt, goal, 1 << step))
            seek(hunt, goal, 1 << step)
            seek_times(hunt, start, row)
    desk[FIRST, step], desk[LAST, step] = kept
    desk[ORDERS, IS_SHORTENED] = 0


@inner
def shorten_to(task: Task, hunt: Hunt, unit: int, first: int, last: int) -> None:
    """Let only the events of some marks fill the step of the breakdown."""
    base = hunt.nodes.shape[1] - (last - first)
    for mark in range(first, last):
        place = task.marks[MARK_PLACE, mark] - task.streams.offsets[unit]
        node = base + mark - first
        hunt.nodes[PLACE, node], hunt.nodes[TIME, node] = place, hunt.time[place]
        hunt.nodes[FRUITLESS, node] = 0
    shorten_list(hunt, hunt.law.attributed, base, hunt.nodes.shape[1])


@inner
def reach_through(hunt: Hunt, depth: int) -> tuple[int, int]:
    """Return how deep the chains come that pass through the shortened list, and their latest start."""
    step = hunt.law.attributed
    node = find_from(hunt, step, hunt.desk[ORDERS, BEGIN] - hunt.law.grace * step)
    if step > 0 and node < hunt.desk[LAST, step] and hunt.nodes[TIME, node] <= hunt.desk[ORDERS, UNTIL]:
        for goal in range(depth, 0, -1):
            start = seek(hunt, goal, 1 << step)
            if start != NEVER:
                return goal, start
    return 0, NEVER


@inner
def reach_from_start(task: Task, hunt: Hunt, unit: int, reached: Ints, depth: int) -> None:
    """Find how deep the chains come that begin with each value of step 1, and the latest start of those.

    It is written at the first mark of each value.
    PERF: one descent over all starts serves all values, so that many values cost no more than few.
    """
    head, last = task.mark_offsets[unit], task.mark_offsets[unit + 1]
    heads = np.arange(last - head)
    for mark in range(1, last - head):
        if task.marks[MARK_CODE, head + mark] == task.marks[MARK_CODE, head + mark - 1]:
            heads[mark] = heads[mark - 1]
    begin, end = hunt.desk[ORDERS, BEGIN], hunt.desk[ORDERS, END]
    for goal in range(depth, 0, -1):
        seek(hunt, goal, NOTHING)
        mark = last - 1
        for node in range(find_from(hunt, 0, end) - 1, find_from(hunt, 0, begin) - 1, -1):
            place = hunt.nodes[PLACE, node] + task.streams.offsets[unit]
            mark = note_reached(task, hunt, (node, place, mark, head), (heads, reached), goal)


@inner
def note_reached(
    task: Task, hunt: Hunt, at: tuple[int, int, int, int], values: tuple[Ints, Ints], goal: int
) -> int:
    """Note what a node reaches for those of its values that have nothing yet; return the mark before them."""
    node, place, mark, head = at
    heads, reached = values
    while task.marks[MARK_PLACE, task.marks[BY_PLACE, mark]] > place:
        mark -= 1
    past, is_new = mark, False
    while mark >= head and task.marks[MARK_PLACE, task.marks[BY_PLACE, mark]] == place:
        is_new |= reached[heads[task.marks[BY_PLACE, mark] - head], 0] == 0
        mark -= 1
    if is_new and try_start(hunt, node):
        for number in range(mark + 1, past + 1):
            value = heads[task.marks[BY_PLACE, number] - head]
            if reached[value, 0] == 0:
                reached[value, 0], reached[value, 1] = goal, hunt.nodes[TIME, node]
    return mark
