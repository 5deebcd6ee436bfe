"""The figures of the demo's funnel and retention, worked out a second way: plain SQL over the rows."""

from __future__ import annotations

import json
from typing import Any

import duckdb

STEPS = ("catalog", "product_view", "add_to_cart", "purchase")
RANGE = {"from": "2024-01-01", "to": "2024-07-01"}
FUNNEL: dict[str, Any] = {
    "range": RANGE,
    "steps": [{"event": name} for name in STEPS],
    "window": "1d",
    "breakdown": "props.acquisition_channel",
    "attribution": "all",
}
RETENTION: dict[str, Any] = {
    "range": RANGE,
    "start": {"event": "product_view"},
    "return": {"event": "purchase"},
    "interval": "week",
    "periods": 4,
}
CHAIN = """
SELECT e1.channel, count(DISTINCT e1.user_id) FROM event e1 {joins} WHERE e1.name = '{first}' GROUP BY ALL
"""
JOIN = """
JOIN event e{k} ON e{k}.user_id = e1.user_id AND e{k}.name = '{name}' AND e{k}.happened >= e{before}.happened
    AND e{k}.happened <= e1.happened + INTERVAL 1 DAY AND e{k}.channel = e1.channel
"""
CELLS = """
WITH week AS (SELECT DISTINCT user_id, name, date_trunc('week', happened) AS monday FROM event)
SELECT began.monday::TEXT, date_diff('week', began.monday, back.monday) AS period, count(*)
FROM week began JOIN week back ON back.user_id = began.user_id AND back.name = 'purchase'
WHERE began.name = 'product_view' AND period BETWEEN 1 AND 4 GROUP BY ALL ORDER BY ALL
"""


def open_rows(rows: list[dict[str, str]]) -> duckdb.DuckDBPyConnection:
    """Return a database with the rows as the table `event`."""
    connection = duckdb.connect()
    columns = ("user_id", "event", "timestamp", "acquisition_channel")
    lists = {name: [row[name] for row in rows] for name in columns}
    connection.execute(
        """
        CREATE TABLE event AS SELECT unnest($user_id) AS user_id, unnest($event) AS name,
            unnest($timestamp)::TIMESTAMP AS happened, unnest($acquisition_channel) AS channel
        """,
        lists,
    )
    return connection


def count_steps(connection: duckdb.DuckDBPyConnection) -> dict[str, list[int]]:
    """Return for each channel how many users came from step to step, in events of this channel alone."""
    counts: dict[str, list[int]] = {}
    for depth in range(1, len(STEPS) + 1):
        joins = "".join(JOIN.format(k=k, before=k - 1, name=STEPS[k - 1]) for k in range(2, depth + 1))
        query = CHAIN.format(joins=joins, first=STEPS[0])
        for channel, count in connection.execute(query).fetchall():
            counts.setdefault(channel, []).append(count)
    return {channel: row + [0] * (len(STEPS) - len(row)) for channel, row in counts.items()}


def count_returns(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return how many viewed in a week and bought so many weeks later, by `week period`."""
    rows = connection.execute(CELLS).fetchall()
    return {f"{monday[:10]} {period}": count for monday, period, count in rows}


def read_steps(answer: Any) -> dict[str, list[int]]:
    """Return what the server answers to `FUNNEL`, in the form of `count_steps`."""
    return {row["value"]: [step["count"] for step in row["steps"]] for row in answer["groups"]}


def read_returns(answer: Any) -> dict[str, int]:
    """Return what the server answers to `RETENTION`, in the form of `count_returns`."""
    return {
        f"{cohort['time'][:10]} {cell['period']}": cell["count"]
        for cohort in answer["cohorts"]
        for cell in cohort["cells"]
        if cell["period"] and cell["count"]
    }


def find_difference(rows: list[dict[str, str]], funnel: Any, retention: Any) -> str:
    """Say where the answers differ from what SQL finds; nothing if they do not."""
    connection = open_rows(rows)
    for found, expected in (
        (read_steps(funnel), count_steps(connection)),
        (read_returns(retention), count_returns(connection)),
    ):
        if found != expected:
            return f"the server answers {json.dumps(found)}, SQL finds {json.dumps(expected)}"
    return ""
