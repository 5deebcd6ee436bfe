"""How fast are funnels over HTTP beside ClickHouse's `windowFunnel`, and do both count the same?

Five steps within seven days: in order, strictly, in any order, and by a property of five values; 1, 3 and 10
million events, 50 a user, of 20 names in one month.

    python -m benchmarks.funnel [--events 1000000 3000000 10000000]
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from typing import Any

from benchmarks.columns_fill import MONTH_MS, NAMES, SPAN_MS
from benchmarks.side_by_side import Ask, Query, asking_ours, asking_theirs, judge, make_events, time_all

STEPS = 5
QUESTION: dict[str, Any] = {
    "range": {"from": MONTH_MS, "to": MONTH_MS + SPAN_MS},
    "steps": [{"event": name} for name in NAMES[:STEPS]],
    "window": "7d",
}
QUERY = """
SELECT depth, count() FROM (
    SELECT user, windowFunnel({window_ms})(time, {steps}) AS depth FROM events GROUP BY user
) GROUP BY depth ORDER BY depth
"""


def ask_theirs(query: Query) -> list[int]:
    """Ask ClickHouse the question in order; return how many reached each step."""
    steps = ", ".join(f"name = '{name}'" for name in NAMES[:STEPS])
    rows = query(QUERY.format(window_ms=7 * 86_400_000, steps=steps))
    return [sum(int(count) for depth, count in rows if int(depth) >= step) for step in range(1, STEPS + 1)]


def ask_ours(ask: Ask, **members: Any) -> list[int]:
    """Ask our server; return how many reached each step."""
    return [row["count"] for row in ask("funnel", QUESTION | members)["steps"]]


def compare(events: int) -> float:
    """Measure both with so many events, print the ratios, and return the time of ours in order."""
    table = make_events(events)
    print(f"{events:,} events", flush=True)
    with asking_ours(table) as ask, asking_theirs(table) as query:
        found, seconds = time_all(
            {
                "ordered": lambda: ask_ours(ask),
                "windowFunnel": lambda: ask_theirs(query),
                "strict": lambda: ask_ours(ask, order="strict"),
                "any": lambda: ask_ours(ask, order="any"),
                "by plan": lambda: ask_ours(ask, breakdown="props.plan"),
                "by plan at step 1": lambda: ask_ours(ask, breakdown="props.plan", attribution="step:1"),
                "by plan, all": lambda: ask_ours(ask, breakdown="props.plan", attribution="all"),
                "by day": lambda: ask_ours(ask, interval="day"),
                "every attempt": lambda: ask_ours(ask, count="total"),
            }
        )
    if found["ordered"] != found["windowFunnel"]:
        raise SystemExit(f"the answers differ: {found['ordered']} and {found['windowFunnel']}")
    plain = seconds["ordered"]
    judge("ordered / windowFunnel", plain / seconds["windowFunnel"], 0.8)
    for name, most in (("strict", 1.5), ("any", 1.5), ("by plan", 2.5)):
        judge(f"{name} / ordered", seconds[name] / plain, most)
    return plain


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
