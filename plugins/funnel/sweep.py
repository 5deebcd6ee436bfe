"""Judge units of funnels in any order: how many distinct steps fit into one window, and when.

Each step belongs to the latest event that can have it; where events match several steps, these are given out
so that later events come first. Of the events that have a step then, those inside a window are as many as
any other way to give out the steps could make them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from openmetrics_plugins.funnel.book import (
    IS_TOO_MUCH,
    MARK_CODE,
    MARK_PLACE,
    OVERALL,
    Task,
    note_entry,
    write_journey,
)
from openmetrics_plugins.funnel.law import FOREVER, NEVER, Ints, Law, compiled, find_place, inner, lowest_bit
from openmetrics_plugins.funnel.scan import has_several

MAX_WORK = 50_000_000
"""Events swept for the groups of one unit: beyond it the question is refused. PERF: half a second."""


class Window(NamedTuple):
    """For each step the time and flags of the event that has it; `queue` and `origin` serve the search."""

    time: Ints
    mask: Ints
    queue: Ints
    origin: Ints


@compiled
def sweep_units(task: Task, law: Law) -> None:
    """Judge all units."""
    streams = task.streams
    window = Window(
        np.empty(law.steps, dtype=np.int64), np.empty(law.steps, dtype=np.int64),
        np.empty(law.steps, dtype=np.int64), np.empty(law.steps, dtype=np.int64),
    )  # fmt: skip
    for unit in range(len(streams.offsets) - 1):
        first, last = streams.offsets[unit], streams.offsets[unit + 1]
        first += find_place(streams.time[first:last], law.start)
        time, bits = streams.time[first:last], streams.bits[first:last]
        is_light = law.exclusions == 0 and not has_several(bits, law)
        if is_light:
            depth, start = sweep_light(time, bits, window.time, law)
        else:
            depth, start = sweep(time, bits, 0, window, law)
        if depth == 0:
            continue
        row = write_journey(task, unit, OVERALL, depth, (1 << depth) - 1)
        if is_light:
            write_light(time, bits, (depth, start), row)
        else:
            write_window(time, bits, (depth, start), window, row)
        if task.entries.shape[1]:
            enter_windows(task, unit, (time, bits, depth == law.steps), window, law)
        if law.attributed >= 0:
            group_windows(task, (unit, first, last), window, law)


@inner
def sweep(time: Ints, bits: Ints, must: int, window: Window, law: Law) -> tuple[int, int]:
    """Return the depth of the best window and its latest start; it holds one of the flags `must`, if any."""
    steps = (1 << law.steps) - 1
    window.time[:] = NEVER
    best, best_start, in_range, held, place = 0, NEVER, NEVER, NEVER, 0
    while place < len(time):
        now, first = time[place], place
        place, flags = take_instant(window, time, bits, place, steps)
        if flags & steps and now < law.end:
            in_range = now
        if flags & must or must == 0:
            held = now
        depth, opened = measure(window, now - law.window)
        start = min(opened, in_range, held)
        if depth >= best and start >= now - law.window:
            best, best_start = depth, start
        if flags > steps:
            window.time[:] = NEVER
            take_instant(window, time, bits, first, steps)
            in_range = now if in_range == now else NEVER
            held = now if held == now else NEVER
    return best, best_start


@inner
def sweep_light(time: Ints, bits: Ints, latest: Ints, law: Law) -> tuple[int, int]:
    """Do what `sweep` does where no event matches several steps, and nothing is excluded."""
    steps, length, end = (1 << law.steps) - 1, law.window, law.end
    latest[:] = NEVER
    best, best_start, in_range, size = 0, NEVER, NEVER, len(time)
    for place in range(size):
        now, mask = time[place], bits[place] & steps
        if mask:
            latest[lowest_bit(mask)] = now
            in_range = now if now < end else in_range
        if place + 1 < size and time[place + 1] == now:
            continue
        depth, start = 0, in_range
        for done in latest:
            if done >= now - length:
                depth += 1
                start = min(start, done)
        if depth >= best and start >= now - length:
            best, best_start = depth, start
    return best, best_start


@inner
def write_light(time: Ints, bits: Ints, found: tuple[int, int], row: Ints) -> None:
    """Do what `write_window` does where no event matches several steps."""
    depth, start = found
    row[:] = FOREVER
    place, done, seen, steps = find_place(time, start), 0, 0, (1 << len(row)) - 1
    while done < depth:
        mask = bits[place] & steps & ~seen
        if mask:
            row[done] = time[place]
            done += 1
            seen |= mask
        place += 1


@inner
def take_instant(window: Window, time: Ints, bits: Ints, place: int, steps: int) -> tuple[int, int]:
    """Let all events of an instant take steps; return the place after it, and its flags."""
    now, flags = time[place], 0
    while place < len(time) and time[place] == now:
        flags |= bits[place]
        mask = bits[place] & steps
        # PERF: an event of one step, where no other event of several has it, only takes its place.
        if mask and mask & (mask - 1) == 0 and window.time[lowest_bit(mask)] == NEVER:
            window.time[lowest_bit(mask)] = now
            window.mask[lowest_bit(mask)] = mask
        elif mask and mask == window.mask[lowest_bit(mask)] and mask & (mask - 1) == 0:
            window.time[lowest_bit(mask)] = now
        elif mask:
            take_steps(window, now, mask)
        place += 1
    return place, flags


@inner
def take_steps(window: Window, now: int, mask: int) -> None:
    """Give a step to an event, moving others or putting out the oldest that stands in its way."""
    size, seen, free = 0, mask, -1
    for step in range(len(window.time)):
        if mask >> step & 1:
            window.queue[size], window.origin[step] = step, -1
            size += 1
    turn = 0
    while turn < size and free < 0:
        step = window.queue[turn]
        turn += 1
        if window.time[step] == NEVER:
            free = step
            break
        for other in range(len(window.time)):
            if (window.mask[step] & ~seen) >> other & 1:
                window.queue[size], window.origin[other] = other, step
                size += 1
        seen |= window.mask[step]
    if free < 0:
        free = window.queue[0]
        for step in window.queue[1:size]:
            free = step if window.time[step] < window.time[free] else free
    while window.origin[free] >= 0:
        step = window.origin[free]
        window.time[free], window.mask[free] = window.time[step], window.mask[step]
        free = step
    window.time[free], window.mask[free] = now, mask


@inner
def measure(window: Window, since: int) -> tuple[int, int]:
    """Return how many steps are had by events since a time, and the earliest of these."""
    depth, opened = 0, FOREVER
    for time in window.time:
        if time >= since and time != NEVER:
            depth += 1
            opened = min(opened, time)
    return depth, opened


@inner
def write_window(time: Ints, bits: Ints, found: tuple[int, int], window: Window, row: Ints) -> None:
    """Write when a window of known depth and start has done one step, two, and so on."""
    depth, start = found
    row[:] = FOREVER
    window.time[:] = NEVER
    place, done = find_place(time, start), 0
    while done < depth:
        now = time[place]
        place, _ = take_instant(window, time, bits, place, (1 << len(row)) - 1)
        reached, _ = measure(window, start)
        row[done:reached] = now
        done = max(done, reached)


@inner
def enter_windows(task: Task, unit: int, events: tuple[Ints, Ints, bool], window: Window, law: Law) -> None:
    """Note in which intervals windows open, and from which of them one does all steps."""
    time, bits, is_deep = events
    steps = (1 << law.steps) - 1
    window.time[:] = NEVER
    pending, place = 0, 0
    while place < len(time):
        now, first = time[place], place
        place, flags = take_instant(window, time, bits, place, steps)
        depth, opened = measure(window, NEVER)
        if is_deep and depth == law.steps:
            pending = note_windows(task, unit, (pending, opened, now), events, law)
        if flags > steps:
            note_windows(task, unit, (pending, now - 1, FOREVER), events, law)
            pending = first
            window.time[:] = NEVER
            take_instant(window, time, bits, first, steps)
    note_windows(task, unit, (pending, FOREVER, FOREVER), events, law)


@inner
def note_windows(
    task: Task, unit: int, stretch: tuple[int, int, int], events: tuple[Ints, Ints, bool], law: Law
) -> int:
    """Note the windows that open from a place until a time and are done by another; return the next place."""
    place, until, done = stretch
    time, bits, _ = events
    while place < len(time) and time[place] <= until:
        if bits[place] & ((1 << law.steps) - 1) and time[place] < law.end:
            note_entry(task, unit, time[place], done - time[place] <= law.window, law)
        place += 1
    return place


@inner
def group_windows(task: Task, place: tuple[int, int, int], window: Window, law: Law) -> None:
    """Write the best window under each value with which an event fills the step of the breakdown."""
    unit, first, last = place
    time, bits = task.streams.time[first:last], task.streams.bits[first:last]
    step = 1 << law.attributed
    marks = task.mark_offsets[unit], task.mark_offsets[unit + 1]
    head, work = marks[0], 0
    while head < marks[1] and not task.state[IS_TOO_MUCH]:
        value = task.marks[MARK_CODE, head]
        own = bits & ~step
        while head < marks[1] and task.marks[MARK_CODE, head] == value:
            if task.marks[MARK_PLACE, head] >= first:
                own[task.marks[MARK_PLACE, head] - first] |= step
            head += 1
        depth, start = sweep(time, own, step, window, law)
        work += len(time)
        task.state[IS_TOO_MUCH] |= work > MAX_WORK
        if depth:
            row = write_journey(task, unit, value, depth, (1 << depth) - 1)
            write_window(time, own, (depth, start), window, row)
