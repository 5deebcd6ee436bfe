"""Judge the units of a slice the compiled way that a funnel's rules allow, and collect what it found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmetrics.plugin import OpenMetricsError
from openmetrics_plugins.funnel.book import (
    CODE,
    DEEP,
    ENTERED,
    IS_TOO_MUCH,
    OPENING,
    OVERALL,
    ROWS,
    SEEN_ENTERED,
    TIMES,
    UNIT,
    Task,
)
from openmetrics_plugins.funnel.law import ANY, Ints, Law, compile_rules
from openmetrics_plugins.funnel.model import Rules
from openmetrics_plugins.funnel.scan import (
    DEPTH,
    START,
    Streams,
    find_tangles,
    has_several,
    scan_hops,
    scan_ordered,
)
from openmetrics_plugins.funnel.settle import settle_units
from openmetrics_plugins.funnel.splits import (
    Events,
    Split,
    keep_best,
    list_marks,
    split_by_step,
    split_events,
    touch_groups,
)

TOO_MUCH = (
    "One unit has too many events for this funnel to be judged exactly. "
    "Take a shorter range or window, or leave out grace_ms, exclusions, optional steps or the breakdown."
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a slice adds to the answer: journeys, those under values, and (entered, converted) by interval."""

    journeys: Ints
    groups: Ints
    entries: Ints


def judge(events: Events, rules: Rules) -> Tally:
    """Judge all units of a slice. Raises OpenMetricsError `query-too-large`."""
    law = compile_rules(rules)
    intervals = np.array(rules.intervals, dtype=np.int64)
    whole = split_events(events, is_by_value=False)
    parts = split_events(events, is_by_value=True) if rules.attribution == "all" else None
    if law.attributed >= 0 and can_split_by_step(law):
        parts = split_by_step(whole, law.attributed)
        law.attributed = law.attributed if parts is None else -1
    book, entries = judge_split(whole, law, intervals)
    is_overall = book[:, CODE] == OVERALL
    journeys, groups = book[is_overall], book[~is_overall]
    if parts is not None:
        groups = judge_parts(parts, law)
        least = law.rank[rules.attributed] if rules.attribution == "step" else 0
        groups = groups[groups[:, DEEP] >= least]
    if events.held and not rules.is_total:
        journeys, groups = keep_best(journeys), keep_best(groups)
    if rules.attribution in ("first", "last"):
        groups = touch_groups(events, law, journeys, rules.attribution == "last")
    return Tally(journeys, groups, entries)


def can_split_by_step(law: Law) -> bool:
    """Say whether a unit's chains through a value are those of its events without the step's other values."""
    if law.order == ANY or law.is_total or law.removers or law.optional >> law.attributed & 1:
        return False
    # NOTE: which start is the first does not depend on values.
    return not (law.is_first_entry and law.attributed == 0)


def judge_parts(parts: Split, law: Law) -> Ints:
    """Judge streams that are each of a unit and a value of the breakdown."""
    apart = Split(parts.streams, np.arange(len(parts.owners)), parts.codes, parts.values)
    groups, _ = judge_split(apart, law, np.empty(0, dtype=np.int64))
    groups[:, CODE] = parts.codes[groups[:, UNIT]]
    groups[:, UNIT] = parts.owners[groups[:, UNIT]]
    return groups


def judge_split(split: Split, law: Law, intervals: Ints) -> tuple[Ints, Ints]:
    """Judge streams: by search with more room if there was not enough. Return journeys and entries."""
    streams = split.streams
    depths = np.zeros((3, len(streams.offsets) - 1), dtype=np.int64)
    times = scan_streams(streams, law, depths)
    entries = count_entries(split, law, depths, intervals)
    is_settled = depths[DEPTH] > 0
    settled = np.flatnonzero(is_settled)
    book = np.empty((len(settled), TIMES + law.steps), dtype=np.int64)
    depth = depths[DEPTH, settled]
    heads = (split.owners[settled], np.full(len(settled), OVERALL), depth, (1 << depth) - 1)
    book[:, :TIMES] = np.stack(heads, axis=1)
    book[:, TIMES:] = times[settled]
    room = np.count_nonzero(depths[DEPTH] < 0) if law.order != ANY else len(streams.offsets) - 1
    marks = list_marks(split, law.attributed)
    while room:
        task = Task(
            streams=streams,
            owners=split.owners,
            mark_offsets=marks[0],
            marks=marks[1],
            book=np.zeros((room, TIMES + law.steps), dtype=np.int64),
            entries=np.zeros((5, len(intervals)), dtype=np.int64),
            state=np.zeros(2, dtype=np.int64),
        )
        task.entries[OPENING] = intervals
        find_rest(task, law, depths)
        if task.state[IS_TOO_MUCH]:
            raise OpenMetricsError("query-too-large", TOO_MUCH)
        if task.state[ROWS] <= room:
            found = task.book[: task.state[ROWS]]
            return np.concatenate((book, found)), entries + task.entries[ENTERED:SEEN_ENTERED]
        room = int(task.state[ROWS])
    return book, entries


def scan_streams(streams: Streams, law: Law, depths: Ints) -> Ints:
    """Return the times of the journeys for which a scan is enough; the others get a negative depth."""
    units = len(streams.offsets) - 1
    if law.order == ANY:
        return np.empty((units, law.steps), dtype=np.int64)
    scan = scan_hops if law.has_hops else scan_ordered
    has_ties = scan(streams, law, depths)
    if law.is_total:
        np.negative(depths[DEPTH], out=depths[DEPTH])
        return np.empty((units, law.steps), dtype=np.int64)
    if has_ties and has_several(streams.bits, law):
        find_tangles(streams, law, depths)
    times = np.empty((units, law.steps), dtype=np.int64)
    settle_units(streams, law, depths, times)
    return times


def count_entries(split: Split, law: Law, depths: Ints, intervals: Ints) -> Ints:
    """Return how many settled units entered in each interval; leave to the search those that may convert.

    The parts of one unit count once together, so that they are all left to the search.
    """
    entries = np.zeros((2, len(intervals)), dtype=np.int64)
    if not len(intervals) or law.order == ANY:
        return entries
    streams, depth = split.streams, depths[DEPTH]
    has_parts = bool(np.any(split.owners[1:] == split.owners[:-1]))
    is_left = (depth > 0) & ((depth == law.required) | has_parts)
    depth[is_left] = -1 - depth[is_left]
    is_start = (streams.bits & 1 == 1) & (streams.time >= law.start) & (streams.time < law.end)
    unit = np.repeat(np.arange(len(depth)), np.diff(streams.offsets))
    is_start &= depth[unit] > 0
    if law.is_first_entry:
        is_start &= streams.time == depths[START, unit]
    interval = np.searchsorted(intervals, streams.time[is_start], side="right") - 1
    pairs = np.unique(unit[is_start] * len(intervals) + interval)
    entries[0] = np.bincount(pairs % len(intervals), minlength=len(intervals))
    return entries


def find_rest(task: Task, law: Law, depths: Ints) -> None:
    """Judge what a scan does not. PERF: compiled only when first needed, as it takes many seconds."""
    if law.order == ANY:
        from openmetrics_plugins.funnel.sweep import sweep_units

        sweep_units(task, law)
    else:
        from openmetrics_plugins.funnel.pursue import pursue_units

        pursue_units(task, law, depths)
