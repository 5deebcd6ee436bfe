"""Read a question about a funnel: presets, rules, and what to ask of the columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from openmetrics.plugin import (
    Asking,
    Field,
    Filter,
    InSegment,
    Interval,
    Moment,
    OpenMetricsError,
    Plan,
    check_segment,
    format_time,
    iter_intervals,
    parse_range,
    parse_timezone,
    read_filter,
)
from openmetrics_plugins.funnel.choices import (
    join_filters,
    name_events,
    read_choice,
    read_length,
    read_listed,
    read_unit,
)
from openmetrics_plugins.funnel.limits import check_limits
from openmetrics_plugins.funnel.model import Exclusion, Rules

MAX_INTERVALS = 10_000
DEFAULTS: Mapping[str, Any] = {
    "window": "14d", "order": "ordered", "unit": "user", "count": "unique", "grace_ms": 0,
    "filter_scope": "all", "completion": "in_range", "limit": 25, "week_start": "monday",
}  # fmt: skip
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "posthog": {"window": "14d", "attribution": "first", "week_start": "sunday"},
    "mixpanel": {"window": "30d", "attribution": "last", "completion": "anywhere", "grace_ms": 2000},
    "amplitude": {
        "window": "30d", "attribution": "step:1", "completion": "anywhere", "filter_scope": "first_step",
        "week_start": "sunday",
    },
    "matomo": {"window": "1d", "unit": "session"},
}  # fmt: skip
"""What a question means where it says `like` and nothing else."""
WEEK_STARTS: Mapping[str, int] = {"monday": 0, "sunday": 6}


@dataclass(frozen=True, slots=True)
class Params:
    """A resolved question. `breakdown` is a field, or the id of a segment, which is then the last bit."""

    definition: Mapping[str, Any]
    rules: Rules
    plan: Plan
    now_ms: int
    breakdown: Field | str | None
    interval: Interval | None

    @property
    def start_ms(self) -> int:
        """Return where the range begins."""
        return self.rules.start_ms

    @property
    def end_ms(self) -> int:
        """Return where the range ends."""
        return self.rules.end_ms

    @property
    def seen(self) -> tuple[int, int]:
        """Return the bounds of all events that are considered (rule 5)."""
        if self.definition["completion"] == "in_range":
            return self.start_ms, self.end_ms
        before_ms = self.rules.grace_ms * (self.rules.steps - 1)
        return self.start_ms - before_ms, self.end_ms + self.rules.window_ms


def parse_params(document: Mapping[str, Any], asking: Asking) -> Params:
    """Check and resolve a question that its schema has passed. Raises OpenMetricsError."""
    check_limits(document)
    asked = resolve(document, asking.timezone)
    asking = replace(asking, timezone=asked["timezone"])
    bounds = parse_range(asked["range"], Moment(asking.now_ms, asking.timezone))
    asked["range"] = {"from": format_time(bounds[0]), "to": format_time(bounds[1])}
    breakdown = _read_breakdown(asked.get("breakdown"), asking)
    interval = None
    if "interval" in asked:
        interval = Interval(asked["interval"], asked["timezone"], WEEK_STARTS[asked["week_start"]])
    rules = _read_rules(asked, bounds, _find_intervals(bounds, interval))
    plan = _build_plan(asked, breakdown, asking)
    return Params(asked, rules, plan, asking.now_ms, breakdown, interval)


def resolve(document: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    """Return the question with all that it left to presets and defaults; asked again, it stays the same."""
    given = {name: value for name, value in document.items() if value is not None}
    preset = PRESETS.get(given.pop("like", ""), {})
    order = given.get("order", preset.get("order", "ordered"))
    # NOTE: what a preset says of orders that the question does not have is not its wish.
    wished = {name: value for name, value in preset.items() if name != "grace_ms" or order == "ordered"}
    asked: dict[str, Any] = {**DEFAULTS, **wished, **given}
    if order == "any":
        asked.pop("grace_ms")
    else:
        asked.setdefault("entry", "every" if asked["count"] == "total" else "latest")
    if "breakdown" in asked:
        asked.setdefault("attribution", "first")
    else:
        asked.pop("attribution", None)
    asked["timezone"] = parse_timezone(asked.get("timezone", timezone))
    asked["steps"] = [
        {"event": None, "label": name_events(step.get("event")), **step} for step in asked["steps"]
    ]
    if order != "any":
        asked["exclusions"] = [{"mode": "remove", **exclusion} for exclusion in asked.get("exclusions", ())]
    else:
        asked["exclusions"] = [
            {name: value for name, value in exclusion.items() if name != "mode"}
            for exclusion in asked.get("exclusions", ())
        ]
    return asked


def _read_rules(asked: Mapping[str, Any], bounds: tuple[int, int], intervals: tuple[int, ...]) -> Rules:
    steps, attribution = asked["steps"], asked.get("attribution", "none")
    within = (
        read_length(step["within"], f"/steps/{number}/within") if step.get("within") is not None else None
        for number, step in enumerate(steps)
    )
    return Rules(
        steps=len(steps),
        window_ms=read_length(asked["window"], "/window", 1),
        order=asked["order"],
        within=tuple(within),
        optional=tuple(step.get("optional") is True for step in steps),
        is_first_entry=asked.get("entry") == "first",
        is_total=asked["count"] == "total",
        grace_ms=asked.get("grace_ms", 0),
        exclusions=tuple(
            Exclusion(row["from_step"] - 1, row["to_step"] - 1, row.get("mode") == "drop")
            for row in asked["exclusions"]
        ),
        attribution="step" if attribution.startswith("step:") else attribution,
        attributed=int(attribution[5:]) - 1 if attribution.startswith("step:") else 0,
        start_ms=bounds[0],
        end_ms=bounds[1],
        intervals=intervals,
    )


def _find_intervals(bounds: tuple[int, int], interval: Interval | None) -> tuple[int, ...]:
    if interval is None:
        return ()
    starts = tuple(islice(iter_intervals(*bounds, interval), MAX_INTERVALS + 1))
    if len(starts) > MAX_INTERVALS:
        raise OpenMetricsError(
            "query-too-large",
            f"The answer would have more than {MAX_INTERVALS:,} intervals; ask for a coarser interval or a "
            "shorter range.",
        )
    return starts


def _read_breakdown(breakdown: Any, asking: Asking) -> Field | str | None:
    if isinstance(breakdown, Mapping):
        id: str = breakdown["segment"]
        check_segment(asking, id, "/breakdown/segment")
        return id
    return None if breakdown is None else read_listed(breakdown, "/breakdown")


def _build_plan(asked: Mapping[str, Any], breakdown: Field | str | None, asking: Asking) -> Plan:
    """Ask for a bit a step, then one an exclusion, then one for the segment of the breakdown."""
    filter = read_filter(asked, "/filter", asking)
    is_narrow = asked["filter_scope"] == "first_step"
    bits: list[Filter | None] = [
        read_choice(step, f"/steps/{number}", asking) for number, step in enumerate(asked["steps"])
    ]
    if is_narrow:
        bits[0] = join_filters(bits[0], filter)
    bits += [
        read_choice(row, f"/exclusions/{number}", asking) for number, row in enumerate(asked["exclusions"])
    ]
    if isinstance(breakdown, str):
        bits.append(InSegment(breakdown))
    held = [read_listed(path, f"/hold/{number}") for number, path in enumerate(asked.get("hold", ()))]
    return Plan(
        tuple(bits),
        where=None if is_narrow else filter,
        keeps_unmatched=asked["order"] == "strict",
        codes=(*((breakdown,) if isinstance(breakdown, Field) else ()), *held),
        unit=read_unit(asked["unit"]),
    )
