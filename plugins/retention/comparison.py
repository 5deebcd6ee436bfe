"""Say by which shares two answers about retention are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openmetrics.plugin import Proportion


def iter_proportions(answer: Mapping[str, Any]) -> Iterator[Proportion]:
    """Yield the share of every cell after period 0 that is not in the future."""
    for row, cohort in enumerate(answer["cohorts"]):
        for cell in cohort["cells"][1:]:
            if cell["count"] is not None:
                yield Proportion(f"/cohorts/{row}/cells/{cell['period']}", cell["count"], cohort["size"])
