"""Decide how a file is read: its format, and the map of a table's columns."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from openmetrics.plugin import Importer, OpenMetricsError, invalid_query
from openmetrics_plugins.importer.mapping import compile_map, complete_map
from openmetrics_plugins.importer.source import Source

SAMPLE = 50
TABLE = "table"
OnError = Literal["stop", "skip"]
ON_ERROR: tuple[OnError, ...] = ("stop", "skip")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be imported and how. `columns` maps a table's columns where the format is `table`."""

    path: Path
    line_bytes: int
    format: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    on_error: OnError = "stop"
    is_dry: bool = False


def settle_plan(plan: Plan, importers: Sequence[Importer]) -> Plan:
    """Return the plan with the format and the map that will be used.

    Raises OpenMetricsError where the file cannot be read, or looks like no known format.
    """
    source = Source(plan.path, plan.line_bytes)
    try:
        sample = [
            row.content for row in itertools.islice(source.iter_rows(), SAMPLE) if row.content is not None
        ]
        columns = source.columns
    finally:
        source.close()
    format = plan.format or guess_format(sample, columns, importers)
    if format != TABLE:
        if all(row.name != format for row in importers):
            known = ", ".join((*(row.name for row in importers), TABLE))
            raise invalid_query("/format", f"There is no format {format[:60]!r}; there are {known}.")
        if plan.columns:
            raise invalid_query("/map", f"A map is for the format {TABLE}; {format} knows its own columns.")
        return dataclasses.replace(plan, format=format)
    if not columns:
        raise invalid_query("/format", f"The format {TABLE} is for CSV and Parquet; this file holds JSON.")
    return dataclasses.replace(plan, format=format, columns=complete_map(plan.columns, columns, sample))


def guess_format(
    sample: Sequence[Mapping[str, Any]], columns: Sequence[str], importers: Sequence[Importer]
) -> str:
    """Return the one format that the first records look like. Raises OpenMetricsError `schema-violation`."""
    fitting = [row.name for row in importers if sample and all(map(row.recognise, sample))]
    if len(fitting) == 1:
        return fitting[0]
    if columns and not fitting:
        return TABLE
    known = ", ".join(row.name for row in importers)
    if fitting:
        detail = f"The file may be {' or '.join(fitting)}; say which with format."
    elif not sample:
        detail = "The file holds no record that can be read."
    else:
        detail = f"The records look like none of {known}; say with format which it is, or mend the file."
    raise OpenMetricsError("schema-violation", detail)


def find_importer(plan: Plan, importers: Sequence[Importer]) -> Importer:
    """Return the importer of a settled plan."""
    if plan.format == TABLE:
        return Importer(TABLE, "A table", lambda record: True, compile_map(plan.columns))
    return next(row for row in importers if row.name == plan.format)
