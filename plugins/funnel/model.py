"""The words in which funnels are judged: rules, events and journeys, with steps numbered from 0."""

from __future__ import annotations

from dataclasses import dataclass, field

FOREVER_MS = 1 << 61
"""Beyond every time that an event can have."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An event that must not lie between two steps; `drop` ends the attempt, else the unit leaves."""

    from_step: int
    to_step: int
    is_drop: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """The resolved parameters of a funnel, as far as one unit's events are judged by them.

    `within[k]` bounds the hop to step k; `optional[k]` says that step k may be skipped. Attempts start in
    `[start_ms, end_ms)`. `attribution` is `none`, `first`, `last`, `step` (then `attributed` is the step)
    or `all`. `intervals` are the starts of the calendar intervals of entry, in order.
    """

    steps: int
    window_ms: int
    order: str = "ordered"
    within: tuple[int | None, ...] = ()
    optional: tuple[bool, ...] = ()
    is_first_entry: bool = False
    is_total: bool = False
    grace_ms: int = 0
    exclusions: tuple[Exclusion, ...] = ()
    attribution: str = "none"
    attributed: int = 0
    start_ms: int = -FOREVER_MS
    end_ms: int = FOREVER_MS
    intervals: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Fill in the steps that have neither a bound nor a choice."""
        object.__setattr__(self, "within", self.within or (None,) * self.steps)
        object.__setattr__(self, "optional", self.optional or (False,) * self.steps)

    @property
    def required(self) -> tuple[int, ...]:
        """Return the steps that may not be skipped."""
        return tuple(step for step in range(self.steps) if not self.optional[step])


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a unit: bit k of `steps` says that it matches step k, of `exclusions` exclusion k.

    `values` are its values of the breakdown, none if missing; `held` those of each held property.
    """

    time: int
    steps: int
    exclusions: int = 0
    values: tuple[str, ...] = ()
    held: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """How far a unit (or one of its attempts) came, and when it was at each step.

    Bit k of `filled` counts it in row k; `times` has None where the attempt shown did not fill the step.
    """

    depth: int
    filled: int
    times: tuple[int | None, ...]


@dataclass(slots=True)
class Outcome:
    """What one unit adds to the answer; `entries` maps an interval to (entered, converted)."""

    journeys: list[Journey] = field(default_factory=list)
    groups: dict[str | None, list[Journey]] = field(default_factory=dict)
    entries: dict[int, tuple[int, int]] = field(default_factory=dict)
