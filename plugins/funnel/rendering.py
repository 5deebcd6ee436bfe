"""Print an answer as a table with bars, for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
BAR = 30
HEADINGS = ("step", "", "count", "of first", "of previous", "median", "")
LENGTHS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def render_funnel(answer: Row) -> str:
    """Return the steps as a table with a bar for each, and one table for each group."""
    lines = _render_table(answer["steps"])
    for group in answer.get("groups", ()):
        title = "other" if group["other"] else "(missing)" if group["value"] is None else group["value"]
        lines += ["", str(title), *_render_table(group["steps"])]
    if answer.get("intervals"):
        rows = [("entered in", "entered", "converted", "")]
        rows += [_render_interval(interval) for interval in answer["intervals"]]
        lines += ["", *_align(rows, left={0})]
    lines += ["", f"conversion {answer['conversion']:.1%}"]
    if not all(interval["complete"] for interval in answer.get("intervals", ())):
        lines.append("* not over yet")
    return "\n".join(lines) + "\n"


def _render_table(steps: Sequence[Row]) -> list[str]:
    rows = [HEADINGS]
    for step in steps:
        median = step["from_previous_s"] and step["from_previous_s"]["median"]
        rows.append(
            (
                str(step["step"]),
                step["label"],
                f"{step['count']:,}",
                f"{step['share_of_first']:.1%}",
                f"{step['share_of_previous']:.1%}",
                "" if median is None else _render_length(median),
                "█" * round(BAR * step["share_of_first"]),
            )
        )
    return _align(rows, left={1, 6})


def _render_interval(interval: Row) -> tuple[str, str, str, str]:
    share = interval["converted"] / interval["entered"] if interval["entered"] else 0.0
    time = interval["time"][:16].replace("T", " ").removesuffix(" 00:00")
    mark = "" if interval["complete"] else "*"
    return time, f"{interval['entered']:,}", f"{interval['converted']:,}", f"{share:.1%}{mark}"


def _render_length(seconds: float) -> str:
    size, unit = next((row for row in LENGTHS if seconds >= row[0]), LENGTHS[-1])
    return f"{seconds / size:.1f} {unit}"


def _align(rows: Sequence[Sequence[str]], left: set[int]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
