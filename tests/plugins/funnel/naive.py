"""A second reading of what a funnel means: try every way to give events to steps, keep the lawful ones.

Written from the page, not from the reference: an assignment is a row with an event number (or None) for each
step, made without any thought, and then judged as a whole. Only for journeys of a few events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

from openmetrics_plugins.funnel.model import Event, Exclusion, Rules

Row = tuple[int | None, ...]


class Search:
    """All lawful rows of one unit's events (one split), and what they say."""

    def __init__(self, events: Sequence[Event], rules: Rules) -> None:
        self.events = events
        self.rules = rules
        self.must = [k for k in range(rules.steps) if not rules.optional[k]]
        choices = [
            [None, *(i for i, e in enumerate(events) if e.steps & (1 << k))] for k in range(rules.steps)
        ]
        self.rows = [row for row in product(*choices) if self.is_lawful(row)]
        self.depth = max((self.count(row) for row in self.rows), default=0)
        self.clean = [row for row in self.rows if not self.is_spoiled(row)]
        self.best = [row for row in self.clean if self.count(row) == self.depth]
        if not self.best:
            self.clean = []

    def time(self, number: int) -> int:
        return self.events[number].time

    def used(self, row: Row) -> list[int]:
        return [i for i in row if i is not None]

    def count(self, row: Row) -> int:
        return len([k for k in self.must if row[k] is not None])

    def is_lawful(self, row: Row) -> bool:
        rules, used = self.rules, self.used(row)
        if row[0] is None or len(set(used)) < len(used):
            return False
        first = self.time(row[0])
        if not rules.start_ms <= first < rules.end_ms:
            return False
        if rules.is_first_entry and any(
            e.steps & 1 and rules.start_ms <= e.time < min(first, rules.end_ms) for e in self.events
        ):
            return False
        furthest = max(k for k in range(rules.steps) if row[k] is not None)
        if any(row[k] is None for k in self.must if k < furthest):
            return False
        if any(self.time(i) - first > rules.window_ms for i in used):
            return False
        return all(self.is_lawful_hop(row, a, b) for a, b in self.hops(row))

    def hops(self, row: Row) -> list[tuple[int, int]]:
        taken = [k for k in range(self.rules.steps) if row[k] is not None]
        return list(pairwise(taken))

    def is_lawful_hop(self, row: Row, a: int, b: int) -> bool:
        before, after = self.time(row[a]), self.time(row[b])  # type: ignore[arg-type]
        bound = self.rules.within[b]
        if before > after:
            return before - after <= self.rules.grace_ms
        if bound is not None and after > before + bound:
            return False
        if self.rules.order == "strict" and any(before < e.time < after for e in self.events):
            return False
        return not self.is_crossed(row, a, b, is_drop=True)

    def is_crossed(self, row: Row, a: int, b: int, is_drop: bool) -> bool:
        before, after = self.time(row[a]), self.time(row[b])  # type: ignore[arg-type]
        flags = sum(
            1 << number
            for number, x in enumerate(self.rules.exclusions)
            if x.is_drop == is_drop and a >= x.from_step and b <= x.to_step
        )
        return any(event.exclusions & flags and before < event.time < after for event in self.events)

    def is_spoiled(self, row: Row) -> bool:
        if any(self.is_crossed(row, a, b, is_drop=False) for a, b in self.hops(row)):
            return True
        end = max(k for k in range(self.rules.steps) if row[k] is not None)
        last, until = self.time(row[end]), self.time(row[0]) + self.rules.window_ms  # type: ignore[arg-type]
        return any(
            event.exclusions & (1 << number) and last < event.time <= until
            for number, x in enumerate(self.rules.exclusions)
            if not x.is_drop and x.from_step <= end < x.to_step
            for event in self.events
        )

    def describe(self, rows: Sequence[Row]) -> tuple[int, list[int], list[int | None]] | None:
        """Return the depth of the deepest rows, what any of them fills, and the times of the one shown."""
        depth = max((self.count(row) for row in rows), default=0)
        rows = [row for row in rows if self.count(row) == depth]
        if not rows:
            return None
        filled = [k for k in range(self.rules.steps) if any(row[k] is not None for row in rows)]
        started = max(self.time(row[0]) for row in rows)  # type: ignore[arg-type]
        rows = [row for row in rows if self.time(row[0]) == started]  # type: ignore[arg-type]
        for k in range(1, self.rules.steps):
            if any(row[k] is not None for row in rows):
                rows = [row for row in rows if row[k] is not None]
                soonest = min(self.time(row[k]) for row in rows)  # type: ignore[arg-type]
                rows = [row for row in rows if self.time(row[k]) == soonest]  # type: ignore[arg-type]
        return depth, filled, [None if i is None else self.time(i) for i in rows[0]]

    def groups(self, step: int) -> dict[str | None, tuple[int, list[int], list[int | None]] | None]:
        """Return what the clean rows that fill a step with each value amount to."""
        values = {v for row in self.clean if row[step] is not None for v in self.values(row, step)}
        return {
            value: self.describe(
                [r for r in self.clean if r[step] is not None and value in self.values(r, step)]
            )
            for value in values
        }

    def values(self, row: Row, step: int) -> tuple[str | None, ...]:
        return self.events[row[step]].values or (None,)  # type: ignore[index]

    def entries(self) -> dict[int, tuple[int, int]]:
        """Return for each start of an interval whether an attempt starts in it, and whether one converts."""
        found: dict[int, tuple[int, int]] = {}
        for row in self.rows if self.best else ():
            start = self.time(row[0])  # type: ignore[arg-type]
            interval = max(i for i, begin in enumerate(self.rules.intervals) if begin <= start)
            is_done = row in self.clean and self.count(row) == len(self.must)
            found[interval] = (1, max(found.get(interval, (1, 0))[1], int(is_done)))
        return found


def search_windows(events: Sequence[Event], rules: Rules) -> tuple[int, list[int]] | None:
    """Return the depth in any order, and when the latest window of that depth had done 1, 2, ... steps."""
    found: dict[int, int] = {}
    rows = list(_iter_spans(events, rules))
    if not rows:
        return None
    depth = max(len(row) for row in rows)
    start = max(row[0] for row in rows if len(row) == depth)
    for row in rows:
        # NOTE: a row of fewer steps is a part of the window that opens at its first event or before.
        if row[0] >= start and row[-1] <= start + rules.window_ms and not _is_reset(events, start, row[-1]):
            found[len(row)] = min(found.get(len(row), row[-1]), row[-1])
    return depth, [found[k] for k in range(1, depth + 1)]


def _iter_spans(events: Sequence[Event], rules: Rules) -> Iterator[list[int]]:
    choices = [[None, *(i for i, e in enumerate(events) if e.steps & (1 << k))] for k in range(rules.steps)]
    for row in product(*choices):
        used = [i for i in row if i is not None]
        if not used or len(set(used)) < len(used):
            continue
        times = sorted(events[i].time for i in used)
        if not rules.start_ms <= times[0] < rules.end_ms or times[-1] - times[0] > rules.window_ms:
            continue
        if not _is_reset(events, times[0], times[-1]):
            yield times


def _is_reset(events: Sequence[Event], after: int, before: int) -> bool:
    return any(event.exclusions and after < event.time < before for event in events)


def search_attempts(events: Sequence[Event], rules: Rules) -> list[tuple[int, int]]:
    """Return start and depth of each attempt that counts, moving the clock from event to event (no grace)."""
    found: list[tuple[int, int]] = []
    closed: float = float("-inf")
    for start in sorted({e.time for e in events if e.steps & 1 and rules.start_ms <= e.time < rules.end_ms}):
        if start > closed:
            depth, closed, counts = _follow(events, rules, start)
            found += [(start, depth)] if counts else []
    return found


def _follow(events: Sequence[Event], rules: Rules, start: int) -> tuple[int, int, bool]:
    """Follow one attempt: its depth, when it closes, whether it counts."""
    drops = tuple(replace(x, is_drop=True) for x in rules.exclusions)
    own = replace(rules, exclusions=drops, start_ms=start, end_ms=start + 1, is_total=False)
    depth = 0
    for now in sorted({e.time for e in events if start <= e.time <= start + rules.window_ms}):
        # NOTE: what comes later is not known yet; strictness and exclusions look at the past only.
        search = Search([e for e in events if e.time <= now], own)
        depth = search.depth
        if depth == len(search.must):
            return depth, now, True
        hits = [
            rules.exclusions[number].is_drop
            for number in range(len(drops))
            if now > start and any(e.exclusions & (1 << number) for e in events if e.time == now)
            if all(
                _is_past(search, row, drops[number], now) for row in search.rows if search.count(row) == depth
            )
        ]
        if hits:
            return depth, now, all(hits)
    return depth, start + rules.window_ms, True


def _is_past(search: Search, row: Row, exclusion: Exclusion, now: int) -> bool:
    end = max(k for k in range(search.rules.steps) if row[k] is not None)
    return exclusion.from_step <= end < exclusion.to_step and search.time(row[end]) < now  # type: ignore[arg-type]
