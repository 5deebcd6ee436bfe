"""How fast is weekly retention over HTTP beside ClickHouse, and do both count the same?

Who viewed in a week and bought so many weeks later; 1, 3 and 10 million events, 50 a user, in one month.

    python -m benchmarks.retention [--events 1000000 3000000 10000000]
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from typing import Any

from benchmarks.columns_fill import MONTH_MS, NAMES, SPAN_MS
from benchmarks.side_by_side import Ask, Query, asking_ours, asking_theirs, judge, make_events, time_all

Cells = dict[tuple[int, int], int]
WEEK_MS = 604_800_000
EPOCH_MONDAY_MS = 4 * 86_400_000
QUESTION: dict[str, Any] = {
    "range": {"from": MONTH_MS, "to": MONTH_MS + SPAN_MS},
    "start": {"event": NAMES[0]},
    "return": {"event": NAMES[4]},
    "interval": "week",
    "zero": "returned",
}
QUERY = """
SELECT start, later - start AS period, count() FROM (
    SELECT user,
        groupUniqArrayIf({week}, name = '{first}') AS starts,
        groupUniqArrayIf({week}, name = '{second}') AS returns
    FROM events WHERE name IN ('{first}', '{second}') GROUP BY user
) ARRAY JOIN starts AS start ARRAY JOIN returns AS later WHERE later >= start GROUP BY start, period
"""


def ask_theirs(query: Query) -> Cells:
    """Ask ClickHouse; return how many came back, by week and period."""
    week = f"intDiv(time - {EPOCH_MONDAY_MS}, {WEEK_MS})"
    rows = query(QUERY.format(week=week, first=NAMES[0], second=NAMES[4]))
    first = (MONTH_MS - EPOCH_MONDAY_MS) // WEEK_MS
    return {(int(start) - first, int(period)): int(count) for start, period, count in rows}


def ask_ours(ask: Ask, **members: Any) -> Cells:
    """Ask our server; return how many came back, by week and period."""
    cohorts = ask("retention", QUESTION | members)["cohorts"]
    return {
        (row, cell["period"]): cell["count"]
        for row, cohort in enumerate(cohorts)
        for cell in cohort["cells"]
        if cell["count"]
    }


def compare(events: int) -> float:
    """Measure both with so many events, print the ratio, and return the time of ours."""
    table = make_events(events)
    print(f"{events:,} events", flush=True)
    with asking_ours(table) as ask, asking_theirs(table) as query:
        found, seconds = time_all(
            {
                "weekly": lambda: ask_ours(ask),
                "ClickHouse": lambda: ask_theirs(query),
                "weekly, by plan": lambda: ask_ours(ask, breakdown="props.plan"),
            }
        )
    if found["weekly"] != found["ClickHouse"]:
        raise SystemExit(f"the answers differ: {found['weekly']} and {found['ClickHouse']}")
    judge("weekly / ClickHouse", seconds["weekly"] / seconds["ClickHouse"], 1.0)
    return seconds["weekly"]


def main() -> None:
    """Compare all sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    sizes = sorted(parser.parse_args().events)
    seconds = {size: compare(size) for size in sizes}
    for smaller, larger in pairwise(sizes):
        growth = seconds[larger] / seconds[smaller] / (larger / smaller)
        judge(f"time a million events, {larger:,} / {smaller:,}", growth, 1.3)


if __name__ == "__main__":
    main()
