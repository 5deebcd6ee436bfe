"""Split units by held values or values of the breakdown, and join what was found of the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmetrics_plugins.funnel.book import CODE, DEEP, FILLED, MARK_PLACE, MISSING, TIMES, UNIT
from openmetrics_plugins.funnel.law import Ints, Law, compiled, inner
from openmetrics_plugins.funnel.scan import Streams

Coded = tuple[Ints, Ints]
"""Offsets and codes: event i has `codes[offsets[i]:offsets[i + 1]]`."""

MAX_GROWTH, MIN_ROOM = 4, 1_000_000
"""Streams apart by value have at most so many times the events, or one such as this many more."""


def freeze(array: Ints) -> Ints:
    """Return an array of whole numbers as all compiled code takes it, which is as columns are: read-only."""
    found = np.ascontiguousarray(array, dtype=np.int64).view()
    found.flags.writeable = False
    return found


@dataclass(frozen=True, slots=True)
class Events:
    """The events of units, with their values of the breakdown and of each held property."""

    streams: Streams
    values: Coded
    held: Sequence[Coded] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """Streams of the parts of units: whose they are, which value they have, and their events' values."""

    streams: Streams
    owners: Ints
    codes: Ints
    values: Coded


def split_events(events: Events, is_by_value: bool) -> Split:
    """Return a stream for each unit and combination of held values, and of the breakdown's if asked."""
    streams = events.streams
    units = len(streams.offsets) - 1
    if not events.held and not is_by_value:
        return Split(streams, np.arange(units), np.full(units, MISSING), events.values)
    places = np.arange(len(streams.time))
    keys = np.zeros(len(places), dtype=np.int64)
    for coded in events.held:
        rows, codes = expand(coded, places, is_missing_kept=False)
        places, keys = places[rows], combine(keys[rows], codes)
    own = np.full(len(places), MISSING, dtype=np.int64)
    if is_by_value:
        rows, own = expand(events.values, places, is_missing_kept=True)
        places, keys = places[rows], combine(keys[rows], own)
    unit = np.repeat(np.arange(units), np.diff(streams.offsets))[places]
    order = order_by(keys)
    order = order[order_by(unit[order])]
    places, keys, unit, own = places[order], keys[order], unit[order], own[order]
    is_new = np.ones(len(places), dtype=np.bool_)
    is_new[1:] = (keys[1:] != keys[:-1]) | (unit[1:] != unit[:-1])
    heads = np.flatnonzero(is_new)
    offsets = np.append(heads, len(places))
    parts = Streams(freeze(offsets), freeze(streams.time[places]), freeze(streams.bits[places]))
    return Split(parts, unit[heads], own[heads], take_coded(events.values, places))


def split_by_step(split: Split, step: int) -> Split | None:
    """Return a stream for each unit and value at a step, which other events do not do; None if too long."""
    streams, flag = split.streams, 1 << step
    _, marks = list_marks(split, step)
    is_new = np.ones(marks.shape[1], dtype=np.bool_)
    is_new[1:] = np.any(marks[:MARK_PLACE, 1:] != marks[:MARK_PLACE, :-1], axis=0)
    units, codes = marks[:MARK_PLACE, is_new]
    sizes = np.diff(streams.offsets)[units]
    offsets = np.append(0, np.cumsum(sizes))
    if offsets[-1] > MAX_GROWTH * len(streams.time) + MIN_ROOM:
        return None
    places = np.arange(offsets[-1]) + np.repeat(streams.offsets[units] - offsets[:-1], sizes)
    bits = streams.bits[places] & ~flag
    own = np.cumsum(is_new) - 1
    bits[offsets[own] + marks[MARK_PLACE] - streams.offsets[units[own]]] |= flag
    parts = Streams(freeze(offsets), freeze(streams.time[places]), freeze(bits))
    return Split(parts, split.owners[units], codes, (freeze(offsets[:1]), freeze(codes[:0])))


def expand(coded: Coded, places: Ints, is_missing_kept: bool) -> tuple[Ints, Ints]:
    """Return a row for each value of each place: the place's number, and the code."""
    offsets, flat = coded
    counts = offsets[places + 1] - offsets[places]
    shown = np.maximum(counts, 1) if is_missing_kept else counts
    rows = np.repeat(np.arange(len(places)), shown)
    turn = np.arange(len(rows)) - np.repeat(np.cumsum(shown) - shown, shown)
    codes = np.full(len(rows), MISSING, dtype=np.int64)
    has_value = turn < counts[rows]
    codes[has_value] = flat[(offsets[places][rows] + turn)[has_value]]
    return rows, codes


def combine(keys: Ints, codes: Ints) -> Ints:
    """Return small numbers that differ where keys or codes differ."""
    if not keys.any():
        return codes - MISSING
    width = int(codes.max(initial=MISSING)) + 2
    _, numbers = np.unique(keys * width + codes + 1, return_inverse=True)
    return numbers.astype(np.int64)


def take_coded(coded: Coded, places: Ints) -> Coded:
    """Return the values of some events, in this order."""
    offsets, flat = coded
    counts = offsets[places + 1] - offsets[places]
    taken = np.zeros(len(places) + 1, dtype=np.int64)
    np.cumsum(counts, out=taken[1:])
    turn = np.arange(taken[-1]) - np.repeat(taken[:-1], counts)
    return freeze(taken), freeze(flat[np.repeat(offsets[places], counts) + turn])


def order_by(keys: Ints) -> Ints:
    """Return the order that sorts small numbers; equal ones keep theirs."""
    return sort_places(keys, int(keys.max(initial=0)) + 1)


@compiled
def sort_places(keys: Ints, size: int) -> Ints:
    """Sort by counting. PERF: 0.2 s for 10 M rows, where a stable `argsort` takes 1 s."""
    heads = np.zeros(size + 1, dtype=np.int64)
    for key in keys:
        heads[key + 1] += 1
    heads = np.cumsum(heads)
    order = np.empty(len(keys), dtype=np.int64)
    for place in range(len(keys)):
        order[heads[keys[place]]] = place
        heads[keys[place]] += 1
    return order


def keep_best(book: Ints) -> Ints:
    """Return for each unit and code the deepest journey, of equal ones the latest start, soonest done."""
    ordered = book[np.lexsort((book[:, CODE], book[:, UNIT]))]
    return ordered[pick_best(ordered)]


@compiled
def pick_best(book: Ints) -> Ints:
    """Return the best row of each run of equal unit and code; it counts in the rows of all as deep ones."""
    picked = np.empty(len(book), dtype=np.int64)
    size = 0
    for row in range(len(book)):
        best = picked[size - 1] if size else -1
        if best < 0 or book[row, UNIT] != book[best, UNIT] or book[row, CODE] != book[best, CODE]:
            picked[size] = row
            size += 1
        elif book[row, DEEP] == book[best, DEEP]:
            filled = book[row, FILLED] | book[best, FILLED]
            book[row, FILLED] = book[best, FILLED] = filled
            picked[size - 1] = row if is_better(book[row, TIMES:], book[best, TIMES:]) else best
        elif book[row, DEEP] > book[best, DEEP]:
            picked[size - 1] = row
    return picked[:size]


@inner
def is_better(times: Ints, other: Ints) -> bool:
    """Say whether a journey starts later than an equally deep one, or as late and is done sooner."""
    if times[0] != other[0]:
        return times[0] > other[0]
    for step in range(1, len(times)):
        if times[step] != other[step]:
            return times[step] < other[step]
    return False


def touch_groups(events: Events, law: Law, journeys: Ints, is_last: bool) -> Ints:
    """Return the journeys under each value of their unit's first or last event that has any."""
    touched = find_touched(events.streams, events.values[0], law, is_last)[journeys[:, UNIT]]
    offsets, flat = events.values
    # NOTE: a unit without a value points at a place behind all events, which has no codes.
    rows, codes = expand((np.append(offsets, offsets[-1]), flat), touched, is_missing_kept=True)
    groups = journeys[rows]
    groups[:, CODE] = codes
    return groups


@compiled
def find_touched(streams: Streams, offsets: Ints, law: Law, is_last: bool) -> Ints:
    """Return for each unit its first or last event in range that matches a step and has a value."""
    steps = (1 << law.steps) - 1
    touched = np.empty(len(streams.offsets) - 1, dtype=np.int64)
    for unit in range(len(touched)):
        first, last = streams.offsets[unit], streams.offsets[unit + 1]
        touched[unit] = len(streams.time)
        for turn in range(last - first):
            place = last - 1 - turn if is_last else first + turn
            is_in_range = law.start <= streams.time[place] < law.end
            has_value = offsets[place + 1] > offsets[place]
            if streams.bits[place] & steps and is_in_range and has_value:
                touched[unit] = place
                break
    return touched


def list_marks(split: Split, step: int) -> tuple[Ints, Ints]:
    """Return the marks of all streams: values of the events at the step of the breakdown, if it has one."""
    streams = split.streams
    if step < 0:
        return np.zeros(len(streams.offsets), dtype=np.int64), np.zeros((4, 0), dtype=np.int64)
    places = np.flatnonzero(streams.bits >> step & 1)
    rows, codes = expand(split.values, places, is_missing_kept=True)
    places = places[rows]
    unit = np.repeat(np.arange(len(streams.offsets) - 1), np.diff(streams.offsets))[places]
    order = order_by(codes - MISSING)
    order = order[order_by(unit[order])]
    marks = np.stack((unit[order], codes[order], places[order], np.argsort(order)))
    # NOTE: events are in order of units and time, so that the order of rows is the order by place.
    return np.searchsorted(marks[0], np.arange(len(streams.offsets))), marks
