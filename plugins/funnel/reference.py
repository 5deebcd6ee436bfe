"""What a funnel means, in plain Python: list every chain of a unit's events, then read off the answer.

The kernels must equal this. It takes one unit's events at a time and is meant to be read, not to be fast:
the number of chains grows with every repeated event.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain as join
from itertools import pairwise, product

from openmetrics_plugins.funnel.model import Event, Exclusion, Journey, Outcome, Rules
from openmetrics_plugins.funnel.windows import (
    best_of,
    find_window,
    find_window_groups,
    grow_window,
    window_starts,
)

Chain = tuple[tuple[int, Event], ...]
"""The steps that an attempt filled, each with its event."""


def evaluate(events: Sequence[Event], rules: Rules) -> Outcome:
    """Judge one unit's events, which are ordered by time."""
    splits = split_by_held(events)
    outcome = Outcome(journeys=find_journeys(splits, rules), entries=find_entries(splits, rules))
    if outcome.journeys and rules.attribution in ("first", "last"):
        for value in touch_values(events, rules):
            outcome.groups[value] = outcome.journeys
    elif rules.attribution == "step":
        outcome.groups = find_step_groups(splits, rules)
    elif rules.attribution == "all":
        for value in sorted({v for event in events for v in values_of(event)}, key=str):
            own = split_by_held([event for event in events if value in values_of(event)])
            if journeys := find_journeys(own, rules):
                outcome.groups[value] = journeys
    return outcome


def values_of(event: Event) -> tuple[str | None, ...]:
    """Return an event's values of the breakdown, None where they are missing."""
    return event.values or (None,)


def split_by_held(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events of each combination of held values (rules 10 and 22)."""
    splits: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        for key in product(*event.held):
            splits.setdefault(key, []).append(event)
    return list(splits.values())


def touch_values(events: Sequence[Event], rules: Rules) -> tuple[str | None, ...]:
    """Return the values of the first or last funnel event in range that has any (rule 24)."""
    touched = [e for e in events if e.steps and e.values and rules.start_ms <= e.time < rules.end_ms]
    if not touched:
        return (None,)
    return touched[0 if rules.attribution == "first" else -1].values


def find_journeys(splits: Iterable[Sequence[Event]], rules: Rules) -> list[Journey]:
    """Return the unit's journey, or all its attempts where each counts."""
    if rules.is_total:
        return [
            summarise(keep_deepest(chains, rules), rules)
            for events in splits
            for chains in iter_attempts(events, rules)
            if chains
        ]
    if rules.order == "any":
        return best_of([journey for events in splits if (journey := find_window(events, rules))])
    deep = [chain for events in splits for chain in find_deepest(events, rules)]
    return [summarise(keep_deepest(deep, rules), rules)] if deep else []


def find_deepest(events: Sequence[Event], rules: Rules) -> list[Chain]:
    """Return the clean ones among the unit's deepest chains (rule 15)."""
    deepest = keep_deepest(list(iter_chains(events, rules)), rules)
    return [chain for chain in deepest if not is_hit(chain, events, rules)]


def find_step_groups(splits: Sequence[Sequence[Event]], rules: Rules) -> dict[str | None, list[Journey]]:
    """Return the journeys under each value with which a clean chain fills the step (rules 12 and 24)."""
    if rules.order == "any":
        return find_window_groups(splits, rules)
    found: dict[str | None, list[list[Chain]]] = {}
    for events in splits:
        for attempt in iter_attempts(events, rules) if rules.is_total else [find_clean(events, rules)]:
            for value, chains in group_chains(attempt, rules.attributed).items():
                found.setdefault(value, []).append(chains)
    if not rules.is_total:
        found = {value: [list(join.from_iterable(attempts))] for value, attempts in found.items()}
    return {
        value: [summarise(keep_deepest(chains, rules), rules) for chains in attempts]
        for value, attempts in found.items()
    }


def group_chains(chains: Iterable[Chain], step: int) -> dict[str | None, list[Chain]]:
    """Return the chains that fill a step, by each value with which they do."""
    groups: dict[str | None, list[Chain]] = {}
    for chain in chains:
        filler = dict(chain).get(step)
        for value in values_of(filler) if filler else ():
            groups.setdefault(value, []).append(chain)
    return groups


def find_clean(events: Sequence[Event], rules: Rules) -> list[Chain]:
    """Return all clean chains of a unit that stays in the funnel."""
    if not find_deepest(events, rules):
        return []
    return [chain for chain in iter_chains(events, rules) if not is_hit(chain, events, rules)]


def find_entries(splits: Iterable[Sequence[Event]], rules: Rules) -> dict[int, tuple[int, int]]:
    """Return for each interval whether the unit entered, and whether it converted from there (rule 25)."""
    entries: dict[int, tuple[int, int]] = {}
    for start, is_converted in iter_entries(splits, rules) if rules.intervals else ():
        interval = sum(1 for begin in rules.intervals if begin <= start) - 1
        entered, converted = entries.get(interval, (0, 0))
        if rules.is_total:
            entries[interval] = (entered + 1, converted + is_converted)
        else:
            entries[interval] = (1, converted | is_converted)
    return entries


def iter_entries(splits: Iterable[Sequence[Event]], rules: Rules) -> Iterator[tuple[int, bool]]:
    """Yield the time of every start of an attempt, and whether one from there converts."""
    full = len(rules.required)
    for events in splits:
        if rules.is_total:
            for attempt in filter(None, iter_attempts(events, rules)):
                yield attempt[0][0][1].time, max(depth_of(chain, rules) for chain in attempt) == full
        elif rules.order == "any":
            for start in window_starts(events, rules):
                yield start, grow_window(events, start, rules)[0] == rules.steps
        elif find_deepest(events, rules):
            clean = [chain for chain in find_clean(events, rules) if depth_of(chain, rules) == full]
            for event in find_starts(events, rules):
                yield event.time, any(chain[0][1] is event for chain in clean)


# Chains


def find_starts(events: Sequence[Event], rules: Rules) -> list[Event]:
    """Return the events that may open an attempt."""
    starts = [e for e in events if e.steps & 1 and rules.start_ms <= e.time < rules.end_ms]
    if rules.is_first_entry:
        return [event for event in starts if event.time == starts[0].time]
    return starts


def iter_chains(events: Sequence[Event], rules: Rules) -> Iterator[Chain]:
    """Yield every chain, those that end early included (rules 1 and 15)."""
    for event in find_starts(events, rules):
        yield from iter_longer(((0, event),), events, rules)


def iter_longer(chain: Chain, events: Sequence[Event], rules: Rules) -> Iterator[Chain]:
    """Yield a chain and all that continue it."""
    yield chain
    for step in range(chain[-1][0] + 1, rules.steps):
        for event in events:
            if can_follow(chain, step, event, events, rules):
                yield from iter_longer((*chain, (step, event)), events, rules)
        if not rules.optional[step]:
            break


def can_follow(chain: Chain, step: int, event: Event, events: Sequence[Event], rules: Rules) -> bool:
    """Say whether an event may fill a step next."""
    last_step, last = chain[-1]
    within = rules.within[step]
    if not event.steps >> step & 1 or any(event is used for _, used in chain):
        return False
    if event.time < last.time - rules.grace_ms or event.time > chain[0][1].time + rules.window_ms:
        return False
    if within is not None and event.time - last.time > within:
        return False
    inside = [other for other in events if last.time < other.time < event.time]
    if rules.order == "strict" and inside:
        return False
    return not any(
        is_between(exclusion, last_step, step) and other.exclusions >> number & 1
        for number, exclusion in enumerate(rules.exclusions)
        for other in inside
        if exclusion.is_drop or rules.is_total
    )


def is_between(exclusion: Exclusion, step: int, next_step: int) -> bool:
    """Say whether a hop lies between the two steps of an exclusion."""
    return exclusion.from_step <= step and next_step <= exclusion.to_step


def is_hit(chain: Chain, events: Sequence[Event], rules: Rules) -> bool:
    """Say whether a `remove` exclusion lies inside a hop, or after the end of the chain (rule 15)."""
    last_step, last = chain[-1]
    spans = [(a, b, first.time, second.time) for (a, first), (b, second) in pairwise(chain)]
    tail = (last.time, chain[0][1].time + rules.window_ms + 1)
    for number, exclusion in enumerate(rules.exclusions):
        if exclusion.is_drop:
            continue
        dirty = [(start, end) for a, b, start, end in spans if is_between(exclusion, a, b)]
        if exclusion.from_step <= last_step < exclusion.to_step:
            dirty.append(tail)
        if any(e.exclusions >> number & 1 and a < e.time < b for e in events for a, b in dirty):
            return True
    return False


def depth_of(chain: Chain, rules: Rules) -> int:
    """Return how many required steps a chain fills."""
    return sum(1 for step, _ in chain if not rules.optional[step])


def keep_deepest(chains: Sequence[Chain], rules: Rules) -> list[Chain]:
    """Return the chains that fill the most required steps."""
    deepest = max((depth_of(chain, rules) for chain in chains), default=0)
    return [chain for chain in chains if depth_of(chain, rules) == deepest]


def summarise(deepest: Sequence[Chain], rules: Rules) -> Journey:
    """Return what equally deep chains amount to: rows, and the times of the one shown (rules 18, 19)."""
    depth = depth_of(deepest[0], rules)
    filled = sum(1 << step for step in rules.required[:depth])
    for step in {step for chain in deepest for step, _ in chain}:
        filled |= 1 << step
    times = [
        tuple(dict(chain)[step].time if step in dict(chain) else None for step in range(rules.steps))
        for chain in deepest
    ]
    shown = min(times, key=lambda row: (-(row[0] or 0), [math.inf if t is None else t for t in row]))
    return Journey(depth, filled, shown)


# Attempts that each count


def iter_attempts(events: Sequence[Event], rules: Rules) -> Iterator[list[Chain]]:
    """Yield the chains of each attempt until it closes, none for one that an exclusion removes (rule 21)."""
    closed = -math.inf
    while starts := [event for event in find_starts(events, rules) if event.time > closed]:
        first = [event for event in starts if event.time == starts[0].time]
        chains = [chain for event in first for chain in iter_longer(((0, event),), events, rules)]
        closed, is_removed = close_attempt(chains, events, rules)
        yield [] if is_removed else [chain for chain in chains if latest(chain) <= closed]


def close_attempt(chains: Sequence[Chain], events: Sequence[Event], rules: Rules) -> tuple[int, bool]:
    """Return when an attempt closes, and whether it is removed."""
    start = chains[0][0][1].time
    full = [latest(chain) for chain in chains if depth_of(chain, rules) == len(rules.required)]
    end = min(full, default=start + rules.window_ms)
    for moment in sorted({event.time for event in events if event.exclusions and start < event.time <= end}):
        so_far = keep_deepest([chain for chain in chains if latest(chain) <= moment], rules)
        present = [event.exclusions for event in events if event.time == moment]
        hits = [
            exclusion
            for number, exclusion in enumerate(rules.exclusions)
            if any(mask >> number & 1 for mask in present)
            and depth_of(so_far[0], rules) < len(rules.required)
            and all(is_stopped(exclusion, chain, moment) for chain in so_far)
        ]
        if hits:
            return moment, any(not exclusion.is_drop for exclusion in hits)
    return end, False


def is_stopped(exclusion: Exclusion, chain: Chain, moment: int) -> bool:
    """Say whether a chain ends between the steps of an exclusion, before a moment."""
    last_step, last = chain[-1]
    return exclusion.from_step <= last_step < exclusion.to_step and last.time < moment


def latest(chain: Chain) -> int:
    """Return the time of a chain's latest event (with a grace this need not be its last)."""
    return max(event.time for _, event in chain)
