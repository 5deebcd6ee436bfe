"""What a funnel in any order means, in plain Python: part of the reference (rules 7, 8, 16, 20).

A window opens at an event in range and is over when its time is, or at the next exclusion; its depth is the
greatest number of distinct steps, each done by an event of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from openmetrics_plugins.funnel.model import FOREVER_MS, Event, Journey, Rules


def find_window(events: Sequence[Event], rules: Rules, must_fill: int = 0) -> Journey | None:
    """Return the best window of a unit, the latest of equally deep ones, or None where none opens.

    A window counts only if an event in it matches one of the steps `must_fill`, where there are any.
    """
    best: Journey | None = None
    for start in window_starts(events, rules):
        inside = events_inside(events, start, rules)
        if must_fill and not any(event.steps & must_fill for event in inside):
            continue
        depth, times = grow_window(events, start, rules)
        if best is None or depth >= best.depth:
            best = Journey(depth, (1 << depth) - 1, times)
    return best


def window_starts(events: Sequence[Event], rules: Rules) -> list[int]:
    """Return the times at which a window may open."""
    return sorted({e.time for e in events if e.steps and rules.start_ms <= e.time < rules.end_ms})


def events_inside(events: Sequence[Event], start: int, rules: Rules) -> list[Event]:
    """Return the events of the window that opens at a time; an exclusion's own instant is still inside."""
    resets = [event.time for event in events if event.exclusions and event.time > start]
    end = min([start + rules.window_ms, *resets], default=FOREVER_MS)
    return [event for event in events if start <= event.time <= end]


def grow_window(events: Sequence[Event], start: int, rules: Rules) -> tuple[int, tuple[int | None, ...]]:
    """Return how many steps a window does, and when it has done one, two, and so on."""
    times: list[int | None] = []
    inside = events_inside(events, start, rules)
    for moment in sorted({event.time for event in inside}):
        done = count_matched([event.steps for event in inside if event.time <= moment])
        times += [moment] * (done - len(times))
    return len(times), tuple(times + [None] * (rules.steps - len(times)))


def count_matched(masks: Sequence[int], used: int = 0) -> int:
    """Return the greatest number of distinct steps, each from another event."""
    if not masks:
        return 0
    best = count_matched(masks[1:], used)
    for step in range(masks[0].bit_length()):
        if masks[0] >> step & 1 and not used >> step & 1:
            best = max(best, 1 + count_matched(masks[1:], used | 1 << step))
    return best


def find_window_groups(splits: Sequence[Sequence[Event]], rules: Rules) -> dict[str | None, list[Journey]]:
    """Return the best window under each value with which an event fills the step of the breakdown."""
    step = 1 << rules.attributed
    groups: dict[str | None, list[Journey]] = {}
    for events in splits:
        for value in {v for event in events if event.steps & step for v in event.values or (None,)}:
            own = [
                event if value in (event.values or (None,)) else replace(event, steps=event.steps & ~step)
                for event in events
            ]
            if journey := find_window(own, rules, must_fill=step):
                groups.setdefault(value, []).append(journey)
    return {value: best_of(journeys) for value, journeys in groups.items()}


def best_of(journeys: Sequence[Journey]) -> list[Journey]:
    """Return the deepest journey, of equal ones the one that starts last and is soonest done."""
    ranked = sorted(journeys, key=lambda j: (-j.depth, -start_of(j), [t for t in j.times if t is not None]))
    return ranked[:1]


def start_of(journey: Journey) -> int:
    """Return when a journey began."""
    return journey.times[0] or 0
