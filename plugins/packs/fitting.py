"""Fit a pack of metrics to the names of the events and properties that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKS: Mapping[str, Any] = json.loads(Path(__file__).with_name("packs.json").read_text())
EVENT, PROPERTY, ELSE = "@", "#", "|"
"""Signs of what is to be fitted: an event, a property, and what stands in where there is none."""

Counts = Mapping[str, int]
"""Name to the number of events that have it."""


class MissingError(Exception):
    """Name what a metric needs and nothing fits."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is to be saved: metrics by id, the dashboard's document, and why metrics are left out."""

    metrics: dict[str, dict[str, Any]]
    dashboard: dict[str, Any]
    chosen: dict[str, str]
    """Part to the name that was found for it."""
    missing: dict[str, str]
    """Metric to the part that nothing fits."""


def fit_pack(name: str, events: Counts, properties: Counts) -> Fitted:
    """Return a pack's metrics for the names that fit best: of several the one of most events."""
    pack = PACKS[name]
    chosen = {f"{EVENT}{part}": _choose(names, events) for part, names in pack["events"].items()}
    chosen |= {f"{PROPERTY}{part}": _choose(names, properties) for part, names in pack["properties"].items()}
    found = {part: name for part, name in chosen.items() if name is not None}
    metrics, missing = {}, {}
    for id, metric in pack["metrics"].items():
        try:
            metrics[id] = _replace(metric, found)
        except MissingError as error:
            missing[id] = str(error)
    tiles = [
        {"metric": id, "kind": kind, "width": width}
        for id, (kind, width) in pack["tiles"].items()
        if id in metrics
    ]
    return Fitted(metrics, {"label": pack["label"], "tiles": tiles}, found, missing)


def _choose(wanted: Sequence[str], there: Counts) -> str | None:
    """Return the name that is written as one of those wanted, but for case and signs."""
    plain = {_plain(name) for name in wanted}
    fitting = [name for name in there if _plain(name) in plain]
    return max(fitting, key=lambda name: (there[name], name), default=None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _replace(part: Any, found: Mapping[str, str]) -> Any:
    """Return a part of a metric with the names that were found. Raises MissingError."""
    if isinstance(part, dict):
        return {name: _replace(member, found) for name, member in part.items()}
    if isinstance(part, list):
        return [_replace(member, found) for member in part]
    if not isinstance(part, str) or part[:1] not in (EVENT, PROPERTY):
        return part
    sign, _, otherwise = part.partition(ELSE)
    if sign in found:
        return found[sign] if sign[0] == EVENT else f"props.{found[sign]}"
    if otherwise:
        return otherwise
    raise MissingError(f"{'an event' if sign[0] == EVENT else 'a property'} for {sign[1:]}")
