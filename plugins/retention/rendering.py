"""Print an answer as a table, for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def render_retention(answer: Row) -> str:
    """Return the cohorts as a table of shares, the average first, and one table for each group."""
    lines = [*_render_table(answer, answer, "all")]
    for group in answer.get("groups", ()):
        title = "other" if group["other"] else "(missing)" if group["value"] is None else group["value"]
        lines += ["", *_render_table(answer, group, str(title))]
    if any(not cell["complete"] for row in answer["cohorts"] for cell in row["cells"]):
        lines += ["", "* not over yet"]
    return "\n".join(lines) + "\n"


def _render_table(answer: Row, table: Row, title: str) -> list[str]:
    interval = answer["definition"]["interval"]
    clock = 16 if interval in ("minute", "hour") else 10
    shares = [_render_share(cell["share"]) for cell in table["average"]]
    rows = [[title, "size", *answer["labels"]]]
    if "value" not in answer["definition"]:
        rows.append(["average", "", *shares])
    for cohort in table["cohorts"]:
        begins = cohort["time"][:clock].replace("T", " ") + ("~" if cohort.get("partial") else "")
        rows.append([begins, f"{cohort['size']:,}", *map(_render_cell, cohort["cells"])])
    return _align(rows)


def _render_cell(cell: Row) -> str:
    text = _render_share(cell["share"]) if "value" not in cell else _render_value(cell["value"])
    return text if cell["complete"] else f"{text}*"


def _render_share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _render_value(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]
