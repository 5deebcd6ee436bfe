"""What a measure and a list of values mean, in plain Python on parsed spool lines: engines must agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from openmetrics.query.match import Line, number_of, texts_of
from openmetrics.query.model import Measure, ValuesQuery


def compute_figure(events: Sequence[Line], measure: Measure) -> int | float | None:
    """Compute one figure over events: the sum of nothing is 0, its least and greatest are None."""
    if measure.kind == "count" or measure.of is None:
        return len(events)
    found = [number_of(event, measure.of) for event in events]
    numbers = [number for number in found if number is not None]
    if measure.kind == "numbers":
        return len(numbers)
    if measure.kind == "sum":
        return _sum(numbers)
    if not numbers:
        return None
    return float(min(numbers) if measure.kind == "min" else max(numbers))


def _sum(numbers: list[float]) -> float | None:
    try:
        total = math.fsum(numbers)
    except OverflowError:
        return None
    return total if math.isfinite(total) else None


def values_of(event: Line, query: ValuesQuery) -> Iterable[str]:
    """Return the names, properties or distinct values that an event adds to a list."""
    if query.what == "names":
        return (event["name"],)
    if query.what == "properties":
        return (name for name in event.get("has", ()) if not name.startswith(("fields\x01", "context\x01")))
    return set(texts_of(event, query.field)) if query.field else ()
