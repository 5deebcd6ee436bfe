"""Say by which shares two answers about a funnel are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openmetrics.plugin import Proportion


def iter_proportions(answer: Mapping[str, Any]) -> Iterator[Proportion]:
    """Yield the share of those who started that reached each later step."""
    steps = answer["steps"]
    for number, step in enumerate(steps[1:], 1):
        yield Proportion(f"/steps/{number}", step["count"], steps[0]["count"])
