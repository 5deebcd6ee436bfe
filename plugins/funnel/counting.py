"""Ask the columns: judge all slices of a view and put together what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmetrics.plugin import Asking, ColumnView, Field, Slice
from openmetrics_plugins.funnel.book import CODE, MISSING, TIMES, UNIT
from openmetrics_plugins.funnel.kernel import judge
from openmetrics_plugins.funnel.law import FOREVER, Ints
from openmetrics_plugins.funnel.params import Params
from openmetrics_plugins.funnel.scan import Streams
from openmetrics_plugins.funnel.splits import Coded, Events, freeze, keep_best

IN_AND_OUT = ("out", "in")


@dataclass(frozen=True, slots=True)
class Counted:
    """Journeys with the keys of their units, those under each value, and (entered, converted) by interval."""

    view: ColumnView
    journeys: Ints
    groups: Ints
    entries: Ints


@dataclass(frozen=True, slots=True)
class Group:
    """The journeys under a value of the breakdown, or under all that are not shown."""

    value: str | None
    is_other: bool
    journeys: Ints


def count_view(params: Params, asking: Asking) -> Counted:
    """Judge all units. Raises OpenMetricsError `query-too-large`."""
    view = asking.view(*params.seen)

    def run(found: Slice) -> tuple[Ints, Ints, Ints]:
        tally = judge(to_events(found, params), params.rules)
        for book in (tally.journeys, tally.groups):
            book[:, UNIT] = found.units[book[:, UNIT]]
        return tally.journeys, tally.groups, tally.entries

    empty = np.empty((0, TIMES + params.rules.steps), dtype=np.int64)
    found = view.map(params.plan, run)
    entries = np.zeros((2, len(params.rules.intervals)), dtype=np.int64)
    return Counted(
        view,
        np.concatenate([empty, *(journeys for journeys, _, _ in found)]),
        np.concatenate([empty, *(groups for _, groups, _ in found)]),
        sum((of_slice for _, _, of_slice in found), entries),
    )


def to_events(found: Slice, params: Params) -> Events:
    """Return a slice as the kernel takes it."""
    rules = params.rules
    flags = rules.steps + len(rules.exclusions)
    bits = found.bits.view(np.int64)
    held = [freeze_coded(codes.offsets, codes.flat) for codes in found.codes]
    values = freeze_coded(np.zeros(len(bits) + 1, dtype=np.int64), np.empty(0, dtype=np.int64))
    if isinstance(params.breakdown, Field):
        values = held.pop(0)
    elif params.breakdown is not None:
        values = freeze_coded(np.arange(len(bits) + 1), (found.bits >> np.uint64(flags)) & np.uint64(1))
        bits = bits & ((1 << flags) - 1)
    streams = Streams(freeze(found.offsets), freeze(found.time), freeze(bits))
    return Events(streams, values, held)


def freeze_coded(offsets: Ints, codes: Ints) -> Coded:
    """Return offsets and codes as the kernel takes them."""
    return freeze(offsets), freeze(codes)


def texts_of(view: ColumnView, params: Params) -> Sequence[str]:
    """Return the values that the codes of the breakdown stand for."""
    return view.texts(params.breakdown) if isinstance(params.breakdown, Field) else IN_AND_OUT


def list_groups(counted: Counted, params: Params) -> list[Group]:
    """Return the groups to show, the largest first, and the rest as one."""
    ordered = counted.groups[np.argsort(counted.groups[:, CODE], kind="stable")]
    codes, first, sizes = np.unique(ordered[:, CODE], return_index=True, return_counts=True)
    texts = texts_of(counted.view, params)
    values = [None if code == MISSING else texts[code] for code in codes]
    ranked = sorted(range(len(codes)), key=lambda n: (-sizes[n], values[n] is None, values[n] or ""))
    limit = params.definition["limit"]
    groups = [Group(values[n], False, ordered[first[n] : first[n] + sizes[n]]) for n in ranked[:limit]]
    if len(ranked) > limit:
        hidden = np.isin(ordered[:, CODE], codes[ranked[limit:]])
        groups.append(Group(None, True, join_hidden(ordered[hidden], params)))
    return groups


def join_hidden(journeys: Ints, params: Params) -> Ints:
    """Return each unit (or attempt) once, however many of the values it has."""
    joined = journeys.copy()
    joined[:, CODE] = joined[:, TIMES] if params.rules.is_total else MISSING
    return keep_best(joined)


def is_done(times: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Say which of some times are those of a step that was done."""
    return times != FOREVER
