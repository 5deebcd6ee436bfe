"""Loops over rows, compiled: what sorting and joining columns costs is in here.

PERF: grouping 10 million rows by a counting sort takes 0.16 s, `numpy.lexsort` 2.1 s.
NOTE: arrays that may come from files are read-only everywhere, so that each loop is compiled once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

NO_KEY = -(2**63)
"""Stands for the key of an id that was not sent."""
SHORT_RUN = 32


class PairTable(NamedTuple):
    """An open hash table of pairs: a slot holds session, user and code + 1; the others are by code.

    PERF: with the keys in the slots one look-up touches one line of the processor's cache, not three.
    """

    slots: NDArray[np.int64]
    sessions: NDArray[np.int64]
    users: NDArray[np.int64]


class Splits(NamedTuple):
    """Sessions whose owner depends on time: pair p has the stays `offsets[of[p]]:offsets[of[p] + 1]`."""

    of: NDArray[np.int32]
    offsets: NDArray[np.int64]
    ends: NDArray[np.int64]
    owners: NDArray[np.int64]


class Side(NamedTuple):
    """Runs of rows in the order of their units: run r has the rows `offsets[r]:offsets[r + 1]`.

    `start` is where the first row stands among all rows that are placed together.
    """

    units: NDArray[np.int64]
    offsets: NDArray[np.int64]
    time: NDArray[np.int64]
    seq: NDArray[np.int64]
    start: int


def freeze(array: Any) -> Any:
    """Make an array read-only and contiguous, as arrays from files are."""
    found = np.ascontiguousarray(array)
    if found.flags.writeable:
        found = found.view()
        found.flags.writeable = False
    return found


_jit = numba.njit(nogil=True, cache=True, error_model="numpy")


@_jit
def _slot_of(session: int, user: int, mask: int) -> Any:
    mixed = np.uint64(session) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(user)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(mask))


@_jit
def fill_slots(table: PairTable, count: int) -> None:
    """Put the first `count` pairs into empty slots."""
    mask = len(table.slots) - 1
    for code in range(count):
        slot = _slot_of(table.sessions[code], table.users[code], mask)
        while table.slots[slot, 2]:
            slot = (slot + 1) & mask
        _fill_slot(table, slot, code)


@_jit
def _fill_slot(table: PairTable, slot: int, code: int) -> None:
    table.slots[slot, 0] = table.sessions[code]
    table.slots[slot, 1] = table.users[code]
    table.slots[slot, 2] = code + 1


@_jit
def add_pairs(
    table: PairTable, count: int, sessions: NDArray[np.int64], users: NDArray[np.int64], codes: Any
) -> Any:
    """Write the code of each pair, adding unknown ones; return the rows at which new ones stand first."""
    mask = len(table.slots) - 1
    new = np.empty(len(sessions), dtype=np.int64)
    found = 0
    for row in range(len(sessions)):
        session, user = sessions[row], users[row]
        slot = _slot_of(session, user, mask)
        while table.slots[slot, 2] and (table.slots[slot, 0] != session or table.slots[slot, 1] != user):
            slot = (slot + 1) & mask
        code = table.slots[slot, 2] - 1
        if code < 0:
            code = count + found
            table.sessions[code] = session
            table.users[code] = user
            _fill_slot(table, slot, code)
            new[found] = row
            found += 1
        codes[row] = code
    return new[:found]


@_jit
def split_lists(starts: NDArray[np.int64], flat: NDArray[np.int32], size: int) -> Any:
    """Turn lists of codes into one code a row: -1 for none, -2 - k for the k-th list of distinct codes."""
    rows = len(starts) - 1
    codes = np.full(rows, -1, dtype=np.int32)
    seen = np.full(size, -1, dtype=np.int64)
    offsets = np.zeros(rows + 1, dtype=np.int64)
    kept = np.empty(len(flat), dtype=np.int32)
    lists = 0
    end = 0
    for row in range(rows):
        begin = end
        for place in range(starts[row], starts[row + 1]):
            code = flat[place]
            if seen[code] != row:
                seen[code] = row
                kept[end] = code
                end += 1
        if end - begin == 1:
            codes[row] = kept[begin]
            end = begin
        elif end > begin:
            codes[row] = -2 - lists
            lists += 1
            offsets[lists] = end
    return codes, offsets[: lists + 1].copy(), kept[:end].copy()


@_jit
def group_rows(codes: NDArray[np.int32], groups: int) -> Any:
    """Sort rows by their group's code, stably; rows of code -1 are left out. Return offsets and order."""
    offsets = np.zeros(groups + 1, dtype=np.int64)
    for row in range(len(codes)):
        if codes[row] >= 0:
            offsets[codes[row] + 1] += 1
    for group in range(groups):
        offsets[group + 1] += offsets[group]
    cursor = offsets[:-1].copy()
    order = np.empty(offsets[-1], dtype=np.int64)
    for row in range(len(codes)):
        code = codes[row]
        if code >= 0:
            order[cursor[code]] = row
            cursor[code] += 1
    return offsets, order


@_jit
def _sort_short(run: Any, time: NDArray[np.int64], seq: NDArray[np.int64]) -> None:
    for index in range(1, len(run)):
        row = run[index]
        place = index
        while place > 0:
            before = run[place - 1]
            if time[before] < time[row] or (time[before] == time[row] and seq[before] <= seq[row]):
                break
            run[place] = before
            place -= 1
        run[place] = row


@_jit
def find_unsorted(offsets: NDArray[np.int64], time: Any, seq: Any) -> Any:
    """Return the runs whose rows do not stand in the order of their times and numbers."""
    found = np.empty(len(offsets) - 1, dtype=np.int64)
    count = 0
    for run in range(len(offsets) - 1):
        for row in range(offsets[run] + 1, offsets[run + 1]):
            if time[row - 1] > time[row] or (time[row - 1] == time[row] and seq[row - 1] > seq[row]):
                found[count] = run
                count += 1
                break
    return found[:count]


@_jit
def sort_runs(
    order: NDArray[np.int64], offsets: NDArray[np.int64], runs: NDArray[np.int64], keys: Any
) -> Any:
    """Sort the rows of some runs by time, then sequence number, in place; return where these rows stand."""
    time, seq = keys
    size = 0
    for run in runs:
        size += offsets[run + 1] - offsets[run]
    places = np.empty(size, dtype=np.int64)
    end = 0
    for run in runs:
        rows = order[offsets[run] : offsets[run + 1]]
        if len(rows) <= SHORT_RUN:
            _sort_short(rows, time, seq)
        else:
            by_seq = rows[np.argsort(seq[rows], kind="mergesort")]
            rows[:] = by_seq[np.argsort(time[by_seq], kind="mergesort")]
        for row in range(offsets[run], offsets[run + 1]):
            places[end] = row
            end += 1
    return places


@_jit
def pack_rows(
    time: NDArray[np.uint32], seq: NDArray[np.uint32], pair: NDArray[np.int32], active: NDArray[np.uint8]
) -> Any:
    """Put the columns of each row beside each other."""
    packed = np.empty((len(time), 4), dtype=np.uint32)
    for row in range(len(time)):
        packed[row, 0] = time[row]
        packed[row, 1] = seq[row]
        packed[row, 2] = pair[row]
        packed[row, 3] = active[row]
    return packed


@_jit
def unpack_rows(packed: NDArray[np.uint32], order: NDArray[np.int64], columns: Any) -> None:
    """Write time, number, pair and activity of packed rows in another order.

    PERF: 10 million rows take 0.6 s with the packing; column by column 1.3 s, each look-up missing the cache.
    """
    time, seq, pair, active = columns
    for place in range(len(order)):
        row = order[place]
        time[place] = packed[row, 0]
        seq[place] = packed[row, 1]
        pair[place] = packed[row, 2]
        active[place] = packed[row, 3]


@_jit
def own_rows(
    pairs: NDArray[np.int32], time: NDArray[np.int64], owners: NDArray[np.int32], splits: Splits
) -> Any:
    """Return the owner of each row: of its pair, or where that is split of its time."""
    found = np.empty(len(pairs), dtype=np.int32)
    has_splits = len(splits.of) > 0
    for row in range(len(pairs)):
        pair = pairs[row]
        split = splits.of[pair] if has_splits else -1
        if split < 0:
            found[row] = owners[pair]
            continue
        stay = splits.offsets[split]
        while stay < splits.offsets[split + 1] - 1 and time[row] >= splits.ends[stay]:
            stay += 1
        found[row] = splits.owners[stay]
    return found


@_jit
def find_rows(pairs: NDArray[np.int32], wanted: NDArray[np.uint8], starts: Any, ends: Any) -> Any:
    """Return the rows of wanted pairs within stretches of rows."""
    count = 0
    for stretch in range(len(starts)):
        for row in range(starts[stretch], ends[stretch]):
            count += wanted[pairs[row]]
    found = np.empty(count, dtype=np.int64)
    count = 0
    for stretch in range(len(starts)):
        for row in range(starts[stretch], ends[stretch]):
            if wanted[pairs[row]]:
                found[count] = row
                count += 1
    return found


@_jit
def keep_rows(keep: NDArray[np.bool_], offsets: NDArray[np.int64], start: int) -> Any:
    """Return how many rows of each run are kept, and which rows these are, counted from `start`."""
    counts = np.zeros(len(offsets) - 1, dtype=np.int64)
    rows = np.empty(len(keep), dtype=np.int64)
    end = 0
    for run in range(len(counts)):
        before = end
        for row in range(offsets[run], offsets[run + 1]):
            rows[end] = start + row
            end += keep[row]
        counts[run] = end - before
    return counts, rows[:end].copy()


@_jit
def place_rows(base: Side, overlay: Side, cursor: NDArray[np.int64], out: NDArray[np.int64]) -> None:
    """Write where the rows of each unit stand, both sides merged by time and sequence number."""
    other = 0
    for run in range(len(base.units)):
        unit = base.units[run]
        while other < len(overlay.units) and overlay.units[other] < unit:
            _place_run(overlay, other, cursor, out)
            other += 1
        if other < len(overlay.units) and overlay.units[other] == unit:
            cursor[unit] = _merge_runs(base, run, overlay, other, out[cursor[unit] :]) + cursor[unit]
            other += 1
        else:
            _place_run(base, run, cursor, out)
    while other < len(overlay.units):
        _place_run(overlay, other, cursor, out)
        other += 1


@_jit
def _place_run(side: Side, run: int, cursor: NDArray[np.int64], out: NDArray[np.int64]) -> None:
    place = cursor[side.units[run]]
    for row in range(side.offsets[run], side.offsets[run + 1]):
        out[place] = side.start + row
        place += 1
    cursor[side.units[run]] = place


@_jit
def _merge_runs(base: Side, run: int, overlay: Side, other: int, out: NDArray[np.int64]) -> Any:
    left, left_end = base.offsets[run], base.offsets[run + 1]
    right, right_end = overlay.offsets[other], overlay.offsets[other + 1]
    place = 0
    while left < left_end or right < right_end:
        takes_left = right >= right_end
        if left < left_end and right < right_end:
            takes_left = base.time[left] < overlay.time[right] or (
                base.time[left] == overlay.time[right] and base.seq[left] <= overlay.seq[right]
            )
        out[place] = base.start + left if takes_left else overlay.start + right
        place += 1
        left += takes_left
        right += not takes_left
    return place


@_jit
def combine_codes(combined: NDArray[np.int32], codes: NDArray[np.int32], size: int) -> None:
    """Add a digit to combined codes: a code of `size` ones, negative ones counting from the end."""
    for row in range(len(codes)):
        code = codes[row]
        combined[row] = combined[row] * size + (code if code >= 0 else code + size)


@_jit
def spread_codes(codes: NDArray[np.int32], offsets: NDArray[np.int64], flat: NDArray[np.int32]) -> Any:
    """Write codes as `Codes` does: offsets by row, and the codes of all rows one after another."""
    starts = np.zeros(len(codes) + 1, dtype=np.int64)
    for row in range(len(codes)):
        code = codes[row]
        size = 1 if code >= 0 else 0
        if code < -1:
            size = offsets[-1 - code] - offsets[-2 - code]
        starts[row + 1] = starts[row] + size
    out = np.empty(starts[-1], dtype=np.int32)
    for row in range(len(codes)):
        code = codes[row]
        if code >= 0:
            out[starts[row]] = code
        elif code < -1:
            for place in range(offsets[-1 - code] - offsets[-2 - code]):
                out[starts[row] + place] = flat[offsets[-2 - code] + place]
    return starts, out


@_jit
def take_runs(offsets: NDArray[np.int64], flat: NDArray[np.int32], rows: NDArray[np.int64]) -> Any:
    """Return offsets and elements of the runs of some rows, in their order."""
    starts = np.zeros(len(rows) + 1, dtype=np.int64)
    for index in range(len(rows)):
        starts[index + 1] = starts[index] + offsets[rows[index] + 1] - offsets[rows[index]]
    out = np.empty(starts[-1], dtype=np.int32)
    for index in range(len(rows)):
        begin = offsets[rows[index]]
        for place in range(starts[index + 1] - starts[index]):
            out[starts[index] + place] = flat[begin + place]
    return starts, out
