"""How deep every unit comes: one pass over its events, for funnels in order.

For each step it keeps the newest attempt that has reached it, which beats all older ones: what an older one
can still do, the newest can do as well. Slot 0 of the arrays is an attempt about to start now.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from openmetrics_plugins.funnel.law import NEVER, STRICT, Ints, Law, compiled, inner, lowest_bit

DEPTH, START, IS_TANGLED = range(3)
"""Rows of what a scan finds: steps reached, the start of the newest attempt that did, and doubt.

Tangled are units that this pass cannot judge: an event of a shared instant matches two steps.
"""


class Streams(NamedTuple):
    """Events of units, one unit after another: unit u has `offsets[u]:offsets[u + 1]`, ordered by time."""

    offsets: Ints
    time: Ints
    bits: Ints


@compiled
def scan_ordered(streams: Streams, law: Law, depths: Ints) -> bool:
    """Judge all units by window and order alone; say whether any instant has several events."""
    time, bits, steps, window = streams.time, streams.bits, (1 << law.steps) - 1, law.window
    begin, is_first_entry = law.start, law.is_first_entry
    start, has_ties = np.empty(law.steps + 1, dtype=np.int64), False
    for unit in range(len(streams.offsets) - 1):
        start[:] = NEVER
        until = law.end
        place, end = streams.offsets[unit], streams.offsets[unit + 1]
        while place < end:
            now = time[place]
            mask = bits[place] & steps
            start[0] = now if begin <= now < until else NEVER
            # PERF: most instants have one event, which matches one step: 7 times as fast as the long way.
            if mask and mask & (mask - 1) == 0 and (place + 1 == end or time[place + 1] != now):
                step = lowest_bit(mask)
                start[step + 1] = start[step] if now - start[step] <= window else start[step + 1]
                place += 1
            else:
                size = move_instant(start, time[place:end], bits[place:end], (steps, window))
                has_ties |= size > 1
                place += size
            if is_first_entry and start[1] != NEVER:
                until = start[1] + 1
        write_depth(start, unit, depths)
    return has_ties


@inner
def move_instant(start: Ints, time: Ints, bits: Ints, bounds: tuple[int, int]) -> int:
    """Let the events of the first instant move the newest attempts; return how many they are."""
    steps, window = bounds
    size, mask = gather_instant(time, bits, steps)
    now = time[0]
    for turn in range(len(start) - 1):
        step = turn if size > 1 else len(start) - 2 - turn
        if mask >> step & 1 and now - start[step] <= window:
            start[step + 1] = start[step]
    return size


@inner
def gather_instant(time: Ints, bits: Ints, steps: int) -> tuple[int, int]:
    """Return how many events the first instant has, and the steps that they match."""
    size, mask = 0, 0
    while size < len(time) and time[size] == time[0]:
        mask |= bits[size] & steps
        size += 1
    return size, mask


@inner
def write_depth(start: Ints, unit: int, depths: Ints) -> None:
    """Note how deep a unit came."""
    depth = len(start) - 1
    while depth > 0 and start[depth] == NEVER:
        depth -= 1
    depths[DEPTH, unit] = depth
    depths[START, unit] = start[depth] if depth else NEVER


@compiled
def has_several(bits: Ints, law: Law) -> bool:
    """Say whether any event matches several steps."""
    steps, found = (1 << law.steps) - 1, 0
    for mask in bits:
        found |= (mask & steps) & ((mask & steps) - 1)
    return found != 0


@compiled
def find_tangles(streams: Streams, law: Law, depths: Ints) -> None:
    """Mark the units with an event that matches several steps and shares its instant."""
    time, bits, steps = streams.time, streams.bits, (1 << law.steps) - 1
    for unit in range(len(streams.offsets) - 1):
        for place in range(streams.offsets[unit] + 1, streams.offsets[unit + 1]):
            if time[place] == time[place - 1]:
                own, other = bits[place] & steps, bits[place - 1] & steps
                depths[IS_TANGLED, unit] |= own & (own - 1) != 0 or other & (other - 1) != 0


@compiled
def scan_hops(streams: Streams, law: Law, depths: Ints) -> bool:
    """Do so where hops have conditions of their own: strict order, `within`, `drop` exclusions."""
    time, bits, steps, window = streams.time, streams.bits, (1 << law.steps) - 1, law.window
    begin, drops, is_strict, within = law.start, law.drops, law.order == STRICT, law.within
    # NOTE: for each step the newest attempt that has done it, when it did, and from when on a hop is clean.
    start, last, barrier = np.empty((3, law.steps + 1), dtype=np.int64)
    has_ties = False
    for unit in range(len(streams.offsets) - 1):
        start[:] = NEVER
        last[:] = NEVER
        barrier[:] = NEVER
        before, until = NEVER, law.end
        place, end = streams.offsets[unit], streams.offsets[unit + 1]
        while place < end:
            if bits[place] == 0:
                # PERF: in strict order most events match nothing, so that they are passed over as one.
                place, seen = skip_strangers(time, bits, (place, end), before)
                before = seen if is_strict else NEVER
                continue
            now, size = time[place], 1
            mask = bits[place] & steps
            start[0] = now if begin <= now < until else NEVER
            last[0] = now
            if mask & (mask - 1) == 0 and (place + 1 == end or time[place + 1] != now):
                step = lowest_bit(mask) if mask else 0
                floor = max(before, barrier[step], now - within[step])
                can_hop = mask != 0 and now - start[step] <= window and last[step] >= floor
                start[step + 1] = start[step] if can_hop else start[step + 1]
                last[step + 1] = now if can_hop else last[step + 1]
            else:
                size = hop_instant((start, last, barrier), time[place:end], bits[place:end], before, law)
            if law.is_first_entry and start[1] != NEVER:
                until = start[1] + 1
            if drops and (bits[place] & drops or size > 1):
                raise_barriers(barrier, bits[place : place + size] & drops, now, law)
            has_ties |= size > 1
            place += size
            before = now if is_strict else NEVER
        write_depth(start, unit, depths)
    return has_ties


@inner
def skip_strangers(time: Ints, bits: Ints, stretch: tuple[int, int], before: int) -> tuple[int, int]:
    """Return the first place where an event matches something, and the last instant before its own."""
    first, end = stretch
    place = first
    while place < end and bits[place] == 0:
        place += 1
    last = place - 1
    while place < end and last >= first and time[last] == time[place]:
        last -= 1
    return place, time[last] if last >= first else before


@inner
def hop_instant(newest: tuple[Ints, Ints, Ints], time: Ints, bits: Ints, before: int, law: Law) -> int:
    """Let the events of the first instant move the newest attempts; return how many they are."""
    start, last, barrier = newest
    size, mask = gather_instant(time, bits, (1 << law.steps) - 1)
    now = time[0]
    for turn in range(law.steps):
        step = turn if size > 1 else law.steps - 1 - turn
        floor = max(before, barrier[step], now - law.within[step])
        if mask >> step & 1 and now - start[step] <= law.window and last[step] >= floor:
            start[step + 1] = start[step]
            last[step + 1] = now
    return size


@inner
def raise_barriers(barrier: Ints, masks: Ints, now: int, law: Law) -> None:
    """Let no hop that an exclusion lies in begin before this instant."""
    for mask in masks:
        for number in range(law.exclusions):
            if mask >> (law.steps + number) & 1:
                barrier[law.from_step[number] + 1 : law.to_step[number] + 1] = now
