"""Look for chains among all starts of a unit, from the latest to the earliest."""

from __future__ import annotations

from openmetrics_plugins.funnel.law import FOREVER, NEVER, NOTHING, Ints, inner, required_rows
from openmetrics_plugins.funnel.nodes import (
    BEGIN,
    DEADLINE,
    END,
    FIRST,
    FLOOR,
    FRAMES,
    GOAL,
    IS_CLEAN,
    IS_EXACT,
    LAST,
    MUST,
    ORDERS,
    STAMP,
    TIME,
    UNTIL,
    Hunt,
    find_from,
)
from openmetrics_plugins.funnel.search import search


@inner
def seek(hunt: Hunt, goal: int, must: int) -> int:
    """Return the latest start of a chain of so many required steps that fills some flags, or `NEVER`."""
    desk = hunt.desk
    desk[ORDERS, GOAL], desk[ORDERS, MUST], desk[ORDERS, IS_EXACT] = goal, must, 0
    desk[ORDERS, STAMP] += 1
    return seek_between(hunt, desk[ORDERS, BEGIN], desk[ORDERS, END])


@inner
def seek_between(hunt: Hunt, begin: int, end: int) -> int:
    """Return the latest start in `[begin, end)` of the chain that is looked for, or `NEVER`."""
    for node in range(find_from(hunt, 0, end) - 1, find_from(hunt, 0, begin) - 1, -1):
        if try_start(hunt, node):
            return hunt.nodes[TIME, node]
    return NEVER


@inner
def seek_times(hunt: Hunt, start: int, row: Ints) -> None:
    """Write the times of the soonest of the chains last looked for that start at a time."""
    desk, steps = hunt.desk, hunt.law.steps
    desk[ORDERS, IS_EXACT] = 1
    desk[ORDERS, STAMP] += 1
    row[:] = FOREVER
    node = find_from(hunt, 0, start)
    times = FRAMES + steps + 1
    while node < desk[LAST, 0] and hunt.nodes[TIME, node] == start:
        if try_start(hunt, node):
            desk[times, 0] = start
            step = 0
            while step < steps - 1 and desk[times, step] == row[step]:
                step += 1
            if desk[times, step] < row[step]:
                row[:] = desk[times, :steps]
        node += 1


@inner
def try_start(hunt: Hunt, node: int) -> bool:
    """Say whether the chain exists from a node of step 1."""
    desk = hunt.desk
    start = hunt.nodes[TIME, node]
    desk[ORDERS, DEADLINE] = min(start + hunt.law.window, desk[ORDERS, UNTIL])
    if is_hopeless(hunt, start):
        return False
    if desk[ORDERS, IS_CLEAN]:
        set_floors(hunt)
    return search(hunt, node)


@inner
def is_hopeless(hunt: Hunt, start: int) -> bool:
    """Say whether the required steps alone, each at the first chance, take too long from a start."""
    law, desk = hunt.law, hunt.desk
    time, before = start, 0
    for step in range(1, law.steps):
        if law.rank[step] > desk[ORDERS, GOAL]:
            break
        if not law.optional >> step & 1:
            node = find_from(hunt, step, time - law.grace * (step - before))
            if node == desk[LAST, step] or hunt.nodes[TIME, node] > desk[ORDERS, DEADLINE]:
                return True
            time, before = hunt.nodes[TIME, node], step
    return False


@inner
def set_floors(hunt: Hunt) -> None:
    """Note how early clean chains may end; forget fruitless nodes where that has changed."""
    law, desk = hunt.law, hunt.desk
    for step in range(law.steps):
        floor = NEVER
        for number in range(law.exclusions):
            flag = law.steps + number
            if law.from_step[number] <= step < law.to_step[number] and law.removers >> flag & 1:
                after = find_from(hunt, flag, desk[ORDERS, DEADLINE] + 1)
                is_seen = after > desk[FIRST, flag]
                floor = max(floor, hunt.nodes[TIME, after - 1] if is_seen else NEVER)
        if floor != desk[FLOOR, step]:
            desk[FLOOR, step] = floor
            desk[ORDERS, STAMP] += 1


@inner
def find_depth(hunt: Hunt, depth: int) -> int:
    """Return how many required steps some chain fills, when it is known to fill some."""
    while depth < hunt.law.required and seek(hunt, depth + 1, NOTHING) != NEVER:
        depth += 1
    return depth


@inner
def find_rows(hunt: Hunt, depth: int, must: int) -> int:
    """Return the rows that the deepest chains count in: optional steps that one of them fills too."""
    law = hunt.law
    rows = required_rows(depth, law) | must
    for step in range(law.steps if law.optional else 0):
        if law.optional >> step & 1 and not rows >> step & 1:
            rows |= (seek(hunt, depth, must | 1 << step) != NEVER) << step
    return rows
