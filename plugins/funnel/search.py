"""Find a chain from a start: a search in depth, exact under every rule.

A node that led nowhere is not tried again while nothing has changed that could help it, so that the cost
follows the number of nodes. Only where an event stood in the way of itself, further down, is it open again.
"""

from __future__ import annotations

from openmetrics_plugins.funnel.law import FOREVER, NEVER, STRICT, Ints, find_place, inner
from openmetrics_plugins.funnel.nodes import (
    CONFLICT,
    DEADLINE,
    FLOOR,
    FOUND_AT,
    FRAMES,
    FRUITLESS,
    GOAL,
    IS_CLEAN,
    IS_EXACT,
    IS_SHORTENED,
    JUMP,
    LAST,
    LIKENESS,
    LIMIT,
    MOMENT,
    MUST,
    NEXT,
    NODE,
    NUMBER,
    ORDERS,
    PLACE,
    STAMP,
    STEP,
    STOPPER,
    TIME,
    TRIED,
    WORK,
    Hunt,
    find_from,
)

MAX_WORK = 2_000_000
"""Nodes tried for one unit, besides those that its events excuse; see `sort_events`.

Beyond it the question is refused, as one unit must not hold up the rest. PERF: two seconds.
"""
PUSH, FOUND, FAILED = range(3)
NO_CONFLICT = 1 << 40


@inner
def search(hunt: Hunt, node: int) -> bool:
    """Say whether the chain exists from a node of step 1; the first row of times has then the rest of it."""
    frame = FRAMES
    open_frame(hunt, frame, node, frame - FRAMES)
    while hunt.desk[ORDERS, WORK] <= MAX_WORK:
        result = advance(hunt, frame)
        if result == PUSH:
            frame += 1
        elif frame == FRAMES:
            return result == FOUND
        else:
            frame -= 1
            take_result(hunt, frame, result == FOUND)
    return False


@inner
def open_frame(hunt: Hunt, frame: int, node: int, step: int) -> None:
    """Add a node to the chain, and begin to look for what follows it."""
    desk = hunt.desk
    desk[frame, NODE], desk[frame, STEP] = node, step
    desk[frame, CONFLICT] = NO_CONFLICT
    desk[ORDERS, WORK] += 1
    open_list(hunt, frame, step + 1)


@inner
def open_list(hunt: Hunt, frame: int, following: int) -> None:
    """Begin to try the events that may fill a following step; none where the chain has its goal before it."""
    law, desk = hunt.law, hunt.desk
    step = desk[frame, STEP]
    desk[frame, NEXT] = following
    desk[frame, FOUND_AT], desk[frame, TRIED] = NEVER, -1
    is_over = following == law.steps
    if not is_over and not law.optional >> following & 1:
        is_over = law.rank[step] >= desk[ORDERS, GOAL]
    if is_over:
        desk[frame, NEXT] = law.steps
        return
    time = hunt.nodes[TIME, desk[frame, NODE]]
    desk[frame, LIMIT] = find_limit(hunt, time, step, following)
    # NOTE: the step that must be the last cannot come before the floor of clean chains.
    is_end = law.rank[following] == desk[ORDERS, GOAL]
    if is_end and following + 1 < law.steps:
        is_end = not law.optional >> (following + 1) & 1
    earliest = time - law.grace
    if is_end and desk[ORDERS, IS_CLEAN]:
        earliest = max(earliest, desk[FLOOR, following])
    desk[frame, NUMBER] = find_from(hunt, following, earliest)


@inner
def find_limit(hunt: Hunt, time: int, step: int, following: int) -> int:
    """Return the latest time at which the following step may be filled after one at a time."""
    law, desk = hunt.law, hunt.desk
    limit = min(desk[ORDERS, DEADLINE], time + law.within[following])
    if law.order == STRICT:
        place = find_place(hunt.time, time + 1)
        limit = min(limit, hunt.time[place] if place < len(hunt.time) else limit)
    for number in range(law.exclusions):
        flag = law.steps + number
        is_between = law.from_step[number] <= step and following <= law.to_step[number]
        if is_between and (law.drops >> flag & 1 or desk[ORDERS, IS_CLEAN] or law.is_total):
            after = find_from(hunt, flag, time + 1)
            limit = min(limit, hunt.nodes[TIME, after] if after < desk[LAST, flag] else limit)
    return limit


@inner
def advance(hunt: Hunt, frame: int) -> int:
    """Try the next event after that of a frame: PUSH it, or say that the frame has FOUND or FAILED."""
    law, desk = hunt.law, hunt.desk
    while desk[frame, NEXT] < law.steps:
        following = desk[frame, NEXT]
        found_at = desk[frame, FOUND_AT]
        number = skip_fruitless(hunt, desk[frame, NUMBER], following)
        desk[frame, NUMBER] = number
        is_open = number < desk[LAST, following] and hunt.nodes[TIME, number] <= desk[frame, LIMIT]
        # NOTE: a chain that is found is the soonest, but for other events of the same instant.
        if is_open and found_at != NEVER:
            is_open = desk[ORDERS, IS_EXACT] and hunt.nodes[TIME, number] == found_at
        if is_open:
            if choose(hunt, frame, number):
                return PUSH
            desk[frame, NUMBER] += 1
        elif found_at != NEVER:
            return FOUND
        else:
            is_needed = not law.optional >> following & 1 or desk[ORDERS, MUST] >> following & 1
            open_list(hunt, frame, law.steps if is_needed else following + 1)
    if not can_end(hunt, hunt.nodes[TIME, desk[frame, NODE]], desk[frame, STEP]):
        return FAILED
    for step in range(law.steps):
        desk[frame + law.steps + 1, step] = FOREVER
    return FOUND


@inner
def can_end(hunt: Hunt, time: int, step: int) -> bool:
    """Say whether the chain may end with this step at this time."""
    law, desk = hunt.law, hunt.desk
    if law.rank[step] != desk[ORDERS, GOAL] or desk[ORDERS, MUST] >> (step + 1):
        return False
    stopper = desk[ORDERS, STOPPER]
    if stopper >= 0 and law.from_step[stopper] <= step < law.to_step[stopper]:
        return time >= desk[ORDERS, MOMENT]
    return not desk[ORDERS, IS_CLEAN] or time >= desk[FLOOR, step]


@inner
def choose(hunt: Hunt, frame: int, number: int) -> bool:
    """Open a frame for a node, unless its event is in the chain already or is like the one tried before."""
    desk, nodes = hunt.desk, hunt.nodes
    for holder in range(FRAMES, frame + 1):
        if nodes[PLACE, desk[holder, NODE]] == nodes[PLACE, number]:
            # NOTE: only an event before this one makes the failure depend on how the search came here.
            if holder < frame:
                desk[frame, CONFLICT] = min(desk[frame, CONFLICT], holder)
            return False
    tried = desk[frame, TRIED]
    is_alike = tried >= 0 and not desk[ORDERS, IS_SHORTENED] and nodes[TIME, tried] == nodes[TIME, number]
    if is_alike and nodes[LIKENESS, tried] == nodes[LIKENESS, number]:
        return False
    desk[frame, TRIED] = number
    open_frame(hunt, frame + 1, number, desk[frame, NEXT])
    return True


@inner
def take_result(hunt: Hunt, frame: int, is_found: bool) -> None:
    """Note in a frame what came of the event that it tried."""
    desk, nodes = hunt.desk, hunt.nodes
    number = desk[frame, NUMBER]
    if is_found:
        row = frame + hunt.law.steps + 1
        desk[row + 1, desk[frame, NEXT]] = nodes[TIME, number]
        if desk[frame, FOUND_AT] == NEVER or is_sooner(desk, row + 1, row, hunt.law.steps):
            for step in range(hunt.law.steps):
                desk[row, step] = desk[row + 1, step]
        desk[frame, FOUND_AT] = nodes[TIME, number]
    elif desk[frame + 1, CONFLICT] > frame:
        nodes[FRUITLESS, number] = desk[ORDERS, STAMP]
        nodes[JUMP, number] = number + 1
    else:
        desk[frame, CONFLICT] = min(desk[frame, CONFLICT], desk[frame + 1, CONFLICT])
    desk[frame, NUMBER] += 1


@inner
def is_sooner(desk: Ints, row: int, other: int, steps: int) -> bool:
    """Say whether the first step on which two rows differ is sooner in the first."""
    for step in range(steps):
        if desk[row, step] != desk[other, step]:
            return desk[row, step] < desk[other, step]
    return False


@inner
def skip_fruitless(hunt: Hunt, number: int, following: int) -> int:
    """Return the first node from here on that has not failed yet."""
    nodes, stamp, last = hunt.nodes, hunt.desk[ORDERS, STAMP], hunt.desk[LAST, following]
    while number < last and nodes[FRUITLESS, number] == stamp:
        target = nodes[JUMP, number]
        if target < last and nodes[FRUITLESS, target] == stamp:
            nodes[JUMP, number] = nodes[JUMP, target]
        number = target
    return number
