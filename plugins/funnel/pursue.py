"""Judge units by search: each once, or attempt by attempt where each counts (`count: total`)."""

from __future__ import annotations

from openmetrics_plugins.funnel.book import IS_TOO_MUCH, OPENING, OVERALL, Task, note_entry, write_journey
from openmetrics_plugins.funnel.groups import group_found
from openmetrics_plugins.funnel.law import FOREVER, NEVER, NOTHING, Ints, Law, compiled, find_place, inner
from openmetrics_plugins.funnel.nodes import (
    BEGIN,
    END,
    FIRST,
    IS_CLEAN,
    LAST,
    MOMENT,
    NO_STOPPER,
    ORDERS,
    STOPPER,
    TIME,
    UNTIL,
    WORK,
    Hunt,
    find_from,
    sort_events,
)
from openmetrics_plugins.funnel.scan import DEPTH, START
from openmetrics_plugins.funnel.search import MAX_WORK
from openmetrics_plugins.funnel.seek import find_depth, find_rows, seek, seek_between, seek_times


@compiled
def pursue_units(task: Task, law: Law, depths: Ints) -> None:
    """Judge all units of negative depth: -1 where it is in doubt, else one less than it is."""
    streams = task.streams
    for unit in range(len(streams.offsets) - 1):
        depth = depths[DEPTH, unit]
        if depth >= 0:
            continue
        time = streams.time[streams.offsets[unit] : streams.offsets[unit + 1]]
        bits = streams.bits[streams.offsets[unit] : streams.offsets[unit + 1]]
        marks = task.mark_offsets[unit + 1] - task.mark_offsets[unit]
        hunt = Hunt(law, time, *sort_events(time, bits, law, marks))
        if law.is_total:
            pursue_attempts(task, hunt, unit)
        else:
            pursue_unit(task, hunt, unit, -1 - depth, depths[START, unit])
        task.state[IS_TOO_MUCH] |= hunt.desk[ORDERS, WORK] > MAX_WORK


@inner
def pursue_unit(task: Task, hunt: Hunt, unit: int, depth: int, start: int) -> None:
    """Judge a unit whose depth and newest start are known, unless the depth is 0."""
    law, is_clean = hunt.law, hunt.desk[ORDERS, IS_CLEAN]
    if depth == 0:
        # NOTE: the depth of a unit is measured as if nothing could remove it.
        hunt.desk[ORDERS, IS_CLEAN] = 0
        depth = find_depth(hunt, depth)
        hunt.desk[ORDERS, IS_CLEAN] = is_clean
        start = seek(hunt, depth, NOTHING)
    elif is_clean:
        start = seek(hunt, depth, NOTHING)
    if start != NEVER:
        write_found(task, hunt, unit, depth, start)
        if task.entries.shape[1]:
            enter_unit(task, hunt, unit, depth == law.required)
        if law.attributed >= 0:
            group_found(task, hunt, unit, depth)


@inner
def write_found(task: Task, hunt: Hunt, unit: int, depth: int, start: int) -> None:
    """Write the journey of the chains of a known depth and latest start."""
    row = write_journey(task, unit, OVERALL, depth, find_rows(hunt, depth, NOTHING))
    seek(hunt, depth, NOTHING)
    seek_times(hunt, start, row)


@inner
def enter_unit(task: Task, hunt: Hunt, unit: int, is_deep: bool) -> None:
    """Note in which intervals a unit started attempts, and from which of them it converted."""
    begin, end = hunt.desk[ORDERS, BEGIN], hunt.desk[ORDERS, END]
    seek(hunt, hunt.law.required, NOTHING)
    node = find_from(hunt, 0, end) - 1
    while node >= hunt.desk[FIRST, 0] and hunt.nodes[TIME, node] >= begin:
        time = hunt.nodes[TIME, node]
        opening = task.entries[OPENING, find_place(task.entries[OPENING], time + 1) - 1]
        is_converted = is_deep and seek_between(hunt, max(begin, opening), time + 1) != NEVER
        note_entry(task, unit, time, is_converted, hunt.law)
        node = find_from(hunt, 0, opening) - 1


# Attempts that each count


@inner
def pursue_attempts(task: Task, hunt: Hunt, unit: int) -> None:
    """Open an attempt at the next start after the one before has closed, and judge it."""
    law, desk = hunt.law, hunt.desk
    node = find_from(hunt, 0, law.start)
    while node < desk[LAST, 0] and hunt.nodes[TIME, node] < law.end:
        start = hunt.nodes[TIME, node]
        desk[ORDERS, BEGIN], desk[ORDERS, END] = start, start + 1
        depth, is_removed = close_attempt(hunt, start)
        if not is_removed:
            write_found(task, hunt, unit, depth, start)
            if task.entries.shape[1]:
                note_entry(task, unit, start, depth == law.required, law)
            if law.attributed >= 0:
                group_found(task, hunt, unit, depth)
        node = find_from(hunt, 0, desk[ORDERS, UNTIL] + 1)


@inner
def close_attempt(hunt: Hunt, start: int) -> tuple[int, bool]:
    """Return the depth of an attempt, and whether an exclusion removes it; `UNTIL` is when it closes."""
    law, orders = hunt.law, hunt.desk[ORDERS]
    end, depth = start + law.window, 1
    orders[UNTIL] = next_moment(hunt, start)
    while orders[UNTIL] <= end:
        depth = find_depth(hunt, depth)
        hits = find_hits(hunt, depth) if depth < law.required else 0
        if hits:
            return depth, hits & law.removers != 0
        orders[UNTIL] = next_moment(hunt, orders[UNTIL]) if depth < law.required else FOREVER
    orders[UNTIL] = end
    depth = find_depth(hunt, depth)
    if depth == law.required:
        find_conversion(hunt, start, end)
    return depth, False


@inner
def next_moment(hunt: Hunt, time: int) -> int:
    """Return the first time after one at which an exclusion lies."""
    moment = FOREVER
    for flag in range(hunt.law.steps, hunt.law.steps + hunt.law.exclusions):
        found = find_from(hunt, flag, time + 1)
        if found < hunt.desk[LAST, flag]:
            moment = min(moment, hunt.nodes[TIME, found])
    return moment


@inner
def find_hits(hunt: Hunt, depth: int) -> int:
    """Return the flags of the exclusions at this moment that hit all chains of the attempt's depth."""
    law, desk = hunt.law, hunt.desk
    moment = desk[ORDERS, UNTIL]
    desk[ORDERS, MOMENT] = moment
    hits = 0
    for number in range(law.exclusions):
        flag = law.steps + number
        found = find_from(hunt, flag, moment)
        if found < desk[LAST, flag] and hunt.nodes[TIME, found] == moment:
            desk[ORDERS, STOPPER] = number
            hits |= (seek(hunt, depth, NOTHING) == NEVER) << flag
    desk[ORDERS, STOPPER] = NO_STOPPER
    return hits


@inner
def find_conversion(hunt: Hunt, start: int, end: int) -> None:
    """Set `UNTIL` to the first time by which an attempt that converts has done so."""
    low, high = find_place(hunt.time, start), find_place(hunt.time, end + 1) - 1
    while low < high:
        middle = (low + high) // 2
        hunt.desk[ORDERS, UNTIL] = hunt.time[middle]
        if seek(hunt, hunt.law.required, NOTHING) == NEVER:
            low = middle + 1
        else:
            high = middle
    hunt.desk[ORDERS, UNTIL] = hunt.time[low]
