"""Ask the columns: run the kernel over all slices of a view and add up what it finds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.plugin import Asking, ColumnView, Field, Slice
from openmetrics_plugins.retention import kernel, memberships
from openmetrics_plugins.retention.arrays import (
    IN_SEGMENT,
    NO_PICK,
    ON,
    Columns,
    Groups,
    Members,
    Runs,
    Tallies,
    Totals,
    build_spec,
    freeze,
    new_tallies,
    new_totals,
)
from openmetrics_plugins.retention.params import Params, check_cells

IN_AND_OUT = ("out", "in")


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which group each code of the breakdown is in, that of missing values last; 0 stands for none.

    Group 0 itself holds all units, `values` are those of the groups from 1 on. `has_other` adds a last group.
    """

    of_code: NDArray[np.int64]
    values: tuple[str | None, ...] = ()
    has_other: bool = False

    @property
    def count(self) -> int:
        """Return the number of groups."""
        return 1 + len(self.values) + self.has_other


EVERYBODY = Grouping(np.empty(0, dtype=np.int64))


@dataclass(slots=True)
class Counted:
    """The sums of all slices: members by group and row, the rest by group, row and cell."""

    sizes: NDArray[np.int64]
    kept: NDArray[np.int64]
    totals: Totals | None
    picked: list[tuple[NDArray[np.int64], NDArray[np.uint8]]] = field(default_factory=list)
    """Units and their marks, slice by slice."""


def open_view(params: Params, asking: Asking) -> ColumnView:
    """Return the columns of the range, or of all history before its end where first events are asked for."""
    is_recurring = params.rules.cohort == "recurring"
    return asking.view(params.start_ms if is_recurring else None, params.end_ms)


def count_view(
    view: ColumnView, params: Params, grouping: Grouping, pick: tuple[int, int, int] = NO_PICK
) -> Counted:
    """Count all units of a view; `pick` is the group, row and cell whose people are wanted."""
    spec = build_spec(params.rules)
    shape = (grouping.count, params.rules.rows, len(params.rules.cells) - 1)
    empty = new_tallies(shape, 0)
    has_value = params.value is not None and pick == NO_PICK
    counted = Counted(empty.sizes, empty.kept, new_totals(shape) if has_value else None)
    lock = threading.Lock()

    def run(found: Slice) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        columns = to_columns(found, params)
        rows = memberships.find_rows(columns, spec)
        members = memberships.find_members(columns, rows, spec)
        periods = memberships.find_periods(columns, members, spec) if spec.rolling_ms else rows
        runs = _find_runs(columns, periods, has_value)
        groups = _find_groups(columns, members, grouping)
        units = len(found.units) if pick != NO_PICK else 0
        tallies = new_tallies(shape, units, pick)
        is_simple = spec.retained == ON and spec.min_count == 1 and not units
        (kernel.count_simply if is_simple else kernel.count_members)(members, runs, groups, spec, tallies)
        totals = new_totals(shape) if has_value else None
        if totals is not None:
            kernel.sum_members(members, runs, groups, spec, totals)
        with lock:
            _add(counted, tallies, totals)
        return found.units[: len(tallies.marks)], tallies.marks

    counted.picked = view.map(params.plan, run)
    return counted


def rank_values(view: ColumnView, params: Params) -> list[tuple[str | None, int, int]]:
    """Return the values of the breakdown that have members: value, code and size, the largest first."""
    spec = build_spec(params.rules)
    texts = _texts_of(view, params)
    own = Grouping(np.arange(1, len(texts) + 2), (*texts, None))

    def run(found: Slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        columns = to_columns(found, params)
        members = memberships.find_members(columns, memberships.find_rows(columns, spec), spec)
        groups = _find_groups(columns, members, own)
        codes, counts = np.unique(groups.flat[groups.flat > 0] - 1, return_counts=True)
        return codes, counts

    sizes = np.zeros(len(texts) + 1, dtype=np.int64)
    for codes, counts in view.map(params.plan, run):
        sizes[codes] += counts
    ranked = [(own.values[code], int(code), int(sizes[code])) for code in np.flatnonzero(sizes)]
    return sorted(ranked, key=lambda row: (-row[2], row[0] is None, row[0] or ""))


def build_grouping(view: ColumnView, params: Params) -> Grouping:
    """Return the groups to show: the largest ones, and one for the rest."""
    if params.breakdown is None:
        return EVERYBODY
    ranked = rank_values(view, params)
    shown, hidden = ranked[: params.limit], ranked[params.limit :]
    of_code = np.zeros(len(_texts_of(view, params)) + 1, dtype=np.int64)
    for group, (_, code, _) in enumerate(shown, 1):
        of_code[code] = group
    for _, code, _ in hidden:
        of_code[code] = len(shown) + 1
    grouping = Grouping(of_code, tuple(value for value, _, _ in shown), bool(hidden))
    check_cells(grouping.count * params.rules.rows * (len(params.rules.cells) - 1))
    return grouping


def find_value(view: ColumnView, params: Params, value: str | None) -> Grouping | None:
    """Return a grouping with one value alone, or None where no event has it."""
    texts = list(_texts_of(view, params))
    code = len(texts) if value is None else (texts.index(value) if value in texts else -1)
    if code < 0:
        return None
    of_code = np.zeros(len(texts) + 1, dtype=np.int64)
    of_code[code] = 1
    return Grouping(of_code, (value,))


def to_columns(found: Slice, params: Params) -> Columns:
    """Return a slice as the kernel takes it."""
    starts: Any = np.zeros(1)
    codes: Any = np.zeros(0)
    if isinstance(params.breakdown, Field):
        starts, codes = found.codes[0].offsets, found.codes[0].flat
    elif params.breakdown is not None:
        starts = np.arange(len(found.time) + 1)
        codes = (found.bits >> np.uint64(IN_SEGMENT)) & np.uint64(1)
    return Columns(
        freeze(found.offsets, np.int64),
        freeze(found.time, np.int64),
        freeze(found.bits, np.uint64),
        freeze(starts, np.int64),
        freeze(codes, np.int32),
        freeze(found.numbers[0] if found.numbers else np.zeros(0), np.float64),
    )


def _texts_of(view: ColumnView, params: Params) -> Sequence[str]:
    return view.texts(params.breakdown) if isinstance(params.breakdown, Field) else IN_AND_OUT


def _find_runs(columns: Columns, periods: NDArray[np.int32], has_value: bool) -> Runs:
    offsets, found, before = kernel.find_runs(columns, periods)
    sums = kernel.sum_runs(columns, before, periods) if has_value else (np.zeros(0), np.zeros(0))
    return Runs(offsets, found, before, *sums)


def _find_groups(columns: Columns, members: Members, grouping: Grouping) -> Groups:
    if grouping.count == 1:
        count = len(members.units)
        return Groups(np.arange(count + 1), np.zeros(count, dtype=np.int64))
    groups: Groups = memberships.find_groups(columns, members, grouping.of_code, grouping.count)
    return groups


def _add(counted: Counted, tallies: Tallies, totals: Totals | None) -> None:
    counted.sizes += tallies.sizes
    counted.kept += tallies.kept
    if totals is None or counted.totals is None:
        return
    into = counted.totals
    # NOTE: what rounding lost (Knuth's two-sum), so that the order of slices does not show.
    with np.errstate(invalid="ignore", over="ignore"):
        total = into.sums + totals.sums
        part = total - into.sums
        lost = (into.sums - (total - part)) + (totals.sums - part)
        into.rests[...] += totals.rests + lost
    into.sums[...] = total
    into.returned[...] += totals.returned
