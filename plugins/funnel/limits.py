"""Refuse funnels that cannot be: too many steps, options that do not go together (rules 8, 20, 21)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from openmetrics.plugin import invalid_query

MIN_STEPS, MAX_STEPS = 2, 50
MAX_FLAGS = 62
"""Steps, exclusions and a segment share one word."""
MAX_HELD = 5
MAX_GRACE_MS = 86_400_000
ATTRIBUTION = re.compile(r"first|last|all|step:([1-9][0-9]?)")


def check_limits(document: Mapping[str, Any]) -> None:
    """Refuse what does not go together. Raises OpenMetricsError `invalid-query`."""
    steps = document["steps"]
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        detail = f"A funnel has {MIN_STEPS} to {MAX_STEPS} steps, not {len(steps)}."
        raise invalid_query("/steps", detail)
    check_steps(document, steps)
    check_order(document)
    check_counting(document)
    for number, exclusion in enumerate(document.get("exclusions") or ()):
        check_exclusion(exclusion, f"/exclusions/{number}", document)
    if len(steps) + len(document.get("exclusions") or ()) > MAX_FLAGS:
        most = MAX_FLAGS - len(steps)
        raise invalid_query("/exclusions", f"With {len(steps)} steps there can be {most} exclusions.")
    if len(document.get("hold") or ()) > MAX_HELD:
        raise invalid_query("/hold", f"At most {MAX_HELD} properties can be held constant.")
    check_attribution(document.get("attribution"), len(steps))


def check_steps(document: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> None:
    """Refuse members that a step cannot have."""
    for member in ("within", "optional"):
        if steps[0].get(member):
            detail = f"The first step starts an attempt and has no `{member}`; leave it out."
            raise invalid_query(f"/steps/0/{member}", detail)
        for number, step in enumerate(steps):
            if step.get(member) and document.get("order") == "any":
                detail = f"In any order no step has `{member}`; leave it out, or ask for an order."
                raise invalid_query(f"/steps/{number}/{member}", detail)


def check_order(document: Mapping[str, Any]) -> None:
    """Refuse options that the order does not have."""
    order, grace_ms = document.get("order") or "ordered", document.get("grace_ms") or 0
    if order == "any" and document.get("entry") is not None:
        raise invalid_query("/entry", "In any order each event may open a window; leave `entry` out.")
    if order == "any" and document.get("count") == "total":
        raise invalid_query("/count", "In any order units count once; leave `count` out.")
    if order != "ordered" and grace_ms:
        raise invalid_query("/grace_ms", "Only in order steps may swap; leave `grace_ms` out.")
    if grace_ms > MAX_GRACE_MS:
        raise invalid_query("/grace_ms", f"Steps may swap within a day at most: {MAX_GRACE_MS} ms.")


def check_counting(document: Mapping[str, Any]) -> None:
    """Refuse `count: total` and `entry: every` without each other."""
    count, entry = document.get("count") or "unique", document.get("entry")
    if count == "total" and entry not in (None, "every"):
        raise invalid_query("/entry", "`count: total` counts every attempt; leave `entry` out.")
    if count == "unique" and entry == "every":
        raise invalid_query("/entry", "`entry: every` needs `count: total`.")


def check_exclusion(exclusion: Mapping[str, Any], pointer: str, document: Mapping[str, Any]) -> None:
    """Refuse an exclusion that does not lie between two steps."""
    first, last, steps = exclusion["from_step"], exclusion["to_step"], len(document["steps"])
    for member, step in (("from_step", first), ("to_step", last)):
        if not 1 <= step <= steps:
            raise invalid_query(
                f"{pointer}/{member}", f"There is no step {step}; name one from 1 to {steps}."
            )
    if last <= first:
        raise invalid_query(f"{pointer}/to_step", "An exclusion ends at a later step than it begins.")
    if document.get("order") == "any" and (first, last) != (1, steps):
        member = "from_step" if first != 1 else "to_step"
        detail = f"In any order an exclusion spans the whole funnel: from_step 1, to_step {steps}."
        raise invalid_query(f"{pointer}/{member}", detail)


def check_attribution(attribution: str | None, steps: int) -> None:
    """Refuse an attribution that names no step of the funnel."""
    found = ATTRIBUTION.fullmatch(attribution) if attribution is not None else None
    if attribution is not None and (found is None or int(found[1] or 1) > steps):
        detail = f"An attribution is first, last, all, or step:1 to step:{steps}."
        raise invalid_query("/attribution", detail)
