"""What retention means, in plain Python: the kernel must equal this.

It takes one unit's events at a time and is meant to be read, not to be fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from openmetrics_plugins.retention.model import Event, Membership, Rules


def evaluate(events: Sequence[Event], rules: Rules) -> list[Membership]:
    """Return the cohorts that one unit is in; its events are ordered by time."""
    return [judge(row, starts, events, rules) for row, starts in find_starts(events, rules)]


def find_starts(events: Sequence[Event], rules: Rules) -> Iterator[tuple[int, list[Event]]]:
    """Yield each row that the unit is in, with the start events that put it there."""
    if rules.cohort == "recurring":
        starts = [event for event in events if event.is_start and is_in_range(event, rules)]
    elif rules.cohort == "first_time":
        starts = [event for event in events if event.is_start]
    else:
        named = [event for event in events if event.is_named]
        starts = [event for event in named if event.time == named[0].time and event.is_start]
    if rules.cohort != "recurring" or rules.rolling_ms:
        starts = [event for event in starts if event.time == starts[0].time and is_in_range(event, rules)]
    for row in sorted({row_of(event.time, rules) for event in starts}):
        yield row, [event for event in starts if row_of(event.time, rules) == row]


def is_in_range(event: Event, rules: Rules) -> bool:
    """Say whether an event lies in the range of the question."""
    return rules.start_ms <= event.time < rules.end_ms


def row_of(time: int, rules: Rules) -> int:
    """Return the calendar interval that holds an instant, counted from the first row."""
    return sum(1 for edge in rules.edges if edge <= time) - 1


def judge(row: int, starts: Sequence[Event], events: Sequence[Event], rules: Rules) -> Membership:
    """Say what a unit did in each cell of a row."""
    returns: dict[int, list[Event]] = {}
    for event in events:
        if event.is_return and is_in_range(event, rules):
            returns.setdefault(period_of(event, row, starts, rules), []).append(event)
    found = [
        [event for period in range(first, end) for event in returns.get(period, ())]
        for first, end in zip(rules.cells, rules.cells[1:], strict=False)
    ][: rules.widths[row]]
    later = sum(len(events) for period, events in returns.items() if period > 0)
    return Membership(
        row,
        frozenset(value for event in starts for value in event.values or (None,)),
        tuple(is_kept(cell, [len(events) for events in found], later, rules) for cell in range(len(found))),
        tuple(tuple(event.number for event in events if event.number is not None) for events in found),
        tuple(bool(events) for events in found),
    )


def period_of(event: Event, row: int, starts: Sequence[Event], rules: Rules) -> int:
    """Return how many intervals after the start an event lies."""
    if rules.rolling_ms:
        return (event.time - starts[0].time) // rules.rolling_ms
    return row_of(event.time, rules) - row


def is_kept(cell: int, counts: Sequence[int], total: int, rules: Rules) -> bool:
    """Say whether a unit counts in a cell; `total` is the number of its returns after interval 0."""
    if cell == 0:
        return counts[0] >= rules.min_count or not rules.zero_returned
    before = sum(counts[1:cell])
    if rules.retained == "on_or_after":
        return total - before >= rules.min_count
    if rules.retained == "on_or_before":
        return before + counts[cell] >= rules.min_count
    if rules.retained == "streak":
        return min(counts[1 : cell + 1]) >= rules.min_count
    return counts[cell] >= rules.min_count
