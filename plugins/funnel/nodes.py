"""One unit's events as a search sees them: nodes, which are an event at a step, listed by step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from openmetrics_plugins.funnel.law import NEVER, Ints, Law, find_place, inner

PLACE, TIME, LIKENESS, FRUITLESS, JUMP = range(5)
"""Rows of nodes: the event, its time and flags; the stamp of the search that failed, where to go on then."""
ORDERS, FIRST, LAST, FLOOR, FRAMES = range(5)
"""Rows of the desk: orders; for each list its stretch of nodes and the earliest end of a clean chain there.

From `FRAMES` on: a row for each event of the chain, and then one for the times that follow each of them.
"""
NODE, STEP, NEXT, NUMBER, LIMIT, FOUND_AT, TRIED, CONFLICT = range(8)
"""Columns of frames: a node of the chain, its step, and where the search for the next one is."""
(
    GOAL, MUST, IS_CLEAN, BEGIN, END, UNTIL, STOPPER, MOMENT, IS_EXACT, IS_SHORTENED, DEADLINE, STAMP, WORK,
) = range(13)  # fmt: skip
"""Columns of the orders: what chains are looked for, and the state of the search.

Chains fill GOAL required steps and the flags MUST, start in `[BEGIN, END)` and are done UNTIL a time. Where
IS_CLEAN, no `remove` exclusion may hit them; the exclusion STOPPER must not do so at a MOMENT. IS_EXACT asks
for the soonest chain, IS_SHORTENED says that a list has been. DEADLINE is the end of the window.
"""
COLUMNS = 13
NO_STOPPER = -1
WORK_A_NODE = 20


class Hunt(NamedTuple):
    """A unit's events by time, its nodes, and the desk at which the search works."""

    law: Law
    time: Ints
    nodes: Ints
    desk: Ints


@inner
def sort_events(time: Ints, bits: Ints, law: Law, room: int) -> tuple[Ints, Ints]:
    """Return the nodes and the desk of a hunt, with room for shorter lists behind the nodes of all."""
    count = law.steps + law.exclusions
    size = 0
    for mask in bits:
        for number in range(count):
            size += mask >> number & 1
    nodes = np.zeros((5, size + room), dtype=np.int64)
    desk = np.zeros((FRAMES + 2 * law.steps + 2, max(count, COLUMNS)), dtype=np.int64)
    size = 0
    for number in range(count):
        desk[FIRST, number] = size
        for place in range(len(bits)):
            if bits[place] >> number & 1:
                nodes[PLACE, size] = place
                nodes[TIME, size] = time[place]
                nodes[LIKENESS, size] = bits[place] & ((1 << law.steps) - 1)
                size += 1
        desk[LAST, number] = size
    # NOTE: work counts from below zero, so that long journeys may have more; they need a few tries a node.
    desk[ORDERS, WORK] = -WORK_A_NODE * size
    set_bounds(nodes, desk, law)
    return nodes, desk


@inner
def set_bounds(nodes: Ints, desk: Ints, law: Law) -> None:
    """Give orders to look at all starts, and to keep chains clean where an exclusion could hit one."""
    desk[ORDERS, BEGIN], desk[ORDERS, END], desk[ORDERS, UNTIL] = law.start, law.end, -NEVER
    desk[ORDERS, STOPPER] = NO_STOPPER
    first = find_place(nodes[TIME, : desk[LAST, 0]], law.start)
    if law.is_first_entry and first < desk[LAST, 0]:
        desk[ORDERS, END] = min(law.end, nodes[TIME, first] + 1)
    for flag in range(law.steps, law.steps + law.exclusions):
        if law.removers >> flag & 1 and desk[LAST, flag] > desk[FIRST, flag]:
            # NOTE: where each attempt counts, exclusions close it one by one; see `close_attempt`.
            desk[ORDERS, IS_CLEAN] = not law.is_total


@inner
def find_from(hunt: Hunt, number: int, time: int) -> int:
    """Return the first node of a list at or after a time."""
    low, high = hunt.desk[FIRST, number], hunt.desk[LAST, number]
    while low < high:
        middle = (low + high) // 2
        if hunt.nodes[TIME, middle] < time:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def shorten_list(hunt: Hunt, step: int, first: int, last: int) -> None:
    """Let only the events of this stretch of nodes fill a step."""
    hunt.desk[FIRST, step] = first
    hunt.desk[LAST, step] = last
    hunt.desk[ORDERS, IS_SHORTENED] = 1
    hunt.desk[ORDERS, STAMP] += 1
