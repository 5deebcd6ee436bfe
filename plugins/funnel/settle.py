"""Judge at once the units of which a scan says all, and leave the others to a search."""

from __future__ import annotations

from openmetrics_plugins.funnel.law import FOREVER, STRICT, Ints, Law, compiled, find_place, inner
from openmetrics_plugins.funnel.scan import DEPTH, IS_TANGLED, START, Streams, gather_instant


@compiled
def settle_units(streams: Streams, law: Law, depths: Ints, times: Ints) -> None:
    """Write the times of each unit's journey.

    Where the scan does not say all, the depth becomes negative: -1 where it is in doubt, else one less.
    """
    is_light = law.grace == 0 and law.optional == 0
    for unit in range(len(streams.offsets) - 1):
        depth, start = depths[DEPTH, unit], depths[START, unit]
        if depth == 0:
            continue
        first, last = streams.offsets[unit], streams.offsets[unit + 1]
        time, bits = streams.time[first:last], streams.bits[first:last]
        if not is_light or depths[IS_TANGLED, unit]:
            depths[DEPTH, unit] = -1
        elif law.attributed >= 0 or has_any(bits, law.removers):
            depths[DEPTH, unit] = -1 - depth
        elif not law.has_hops:
            walk_times(time, bits, (start, depth), times[unit])
        elif not write_times(time, (start, depth), times[unit], law):
            depths[DEPTH, unit] = -1 - depth


@inner
def has_any(bits: Ints, flags: int) -> bool:
    """Say whether an event has any of some flags."""
    if flags:
        for mask in bits:
            if mask & flags:
                return True
    return False


@inner
def walk_times(time: Ints, bits: Ints, found: tuple[int, int], row: Ints) -> None:
    """Write when steps in plain order are first done, one after another, from a start."""
    start, depth = found
    row[:] = FOREVER
    place = find_place(time, start)
    step = 0
    while step < depth:
        size, mask = gather_instant(time[place:], bits[place:], -1)
        reach = step + 1 if size == 1 else depth
        while step < reach and mask >> step & 1:
            row[step] = time[place]
            step += 1
        place += size


@inner
def write_times(time: Ints, found: tuple[int, int], row: Ints, law: Law) -> bool:
    """Write when steps are done under conditions, if that needs no search."""
    start, depth = found
    row[:] = FOREVER
    row[0] = start
    if depth == 1:
        return True
    if law.order != STRICT:
        return False
    # NOTE: in strict order each instant does the next step, unless one of them has several events.
    place = find_place(time, start)
    for step in range(depth):
        row[step] = time[place + step]
        if place + step + 1 < len(time) and time[place + step + 1] == row[step]:
            return False
    return True
