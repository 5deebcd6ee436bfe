"""The worked examples of docs/retention.md are what the server answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.client import Running
from openmetrics_plugins.retention import render_retention
from openmetrics_plugins.retention.params import PRESETS

PAGE = (Path(__file__).parents[3] / "docs" / "retention.md").read_text()
EXAMPLE = re.compile(r"<!-- example(?:: (\w+))? -->\n```json\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)
TABLE = """\
all         size       0       1
average           100.0%  100.0%
2026-11-02     2  100.0%  100.0%
2026-11-03     2  100.0%  100.0%
2026-11-04     0       -       -
2026-11-05     0       -

free        size       0       1
average           100.0%  100.0%
2026-11-02     1  100.0%  100.0%
2026-11-03     1  100.0%  100.0%
2026-11-04     0       -       -
2026-11-05     0       -

other       size       0       1
average           100.0%  100.0%
2026-11-02     1  100.0%  100.0%
2026-11-03     1  100.0%  100.0%
2026-11-04     0       -       -
2026-11-05     0       -
"""


def read_events() -> list[dict[str, Any]]:
    """Read the table of events."""
    rows = re.search(r"<!-- events -->\n.*\n.*\n((?:\|.*\n)+)", PAGE)
    assert rows
    events = []
    for row in rows[1].splitlines():
        user, name, time, plan, value = (cell.strip() for cell in row.strip("|").split("|"))
        event: dict[str, Any] = {"name": name, "user_id": user, "time": time.replace(" ", "T") + ":00Z"}
        event |= {"properties": {"plan": plan}} if plan else {}
        events.append({**event, **({"value": float(value)} if value else {})})
    return events


@pytest.fixture(scope="module")
def app(holding: Callable[..., Any]) -> Iterator[Running]:
    """An application with the events of the page."""
    with holding(read_events()) as application:
        yield application


def shown(found: Any, expected: Any) -> Any:
    """Cut an answer down to the members that an example shows."""
    if isinstance(expected, dict):
        return {name: shown(found[name], inner) for name, inner in expected.items()}
    if isinstance(expected, list):
        assert len(found) == len(expected), (found, expected)
        return [shown(one, inner) for one, inner in zip(found, expected, strict=True)]
    return found


@pytest.mark.parametrize(("path", "question", "answer"), EXAMPLES)
def test_example_of_the_page_is_answered(
    app: Running, ask: Callable[..., Any], path: str, question: str, answer: str
) -> None:
    expected = json.loads(answer)
    found = ask(app, json.loads(question), f"/{path}" if path else "")
    assert shown(found, expected) == expected


def test_page_has_examples_and_all_presets() -> None:
    assert len(EXAMPLES) == PAGE.count("<!-- example") == 7
    for name, members in PRESETS.items():
        [row] = re.findall(rf"(?m)^\| `{name}` \| (.*) \|$", PAGE)
        assert dict(re.findall(r"`(\w+)` (\w+)", row)) == members


def test_render_shows_tables(app: Running, ask: Callable[..., Any]) -> None:
    question = json.loads(next(question for _, question, _ in EXAMPLES if "breakdown" in question))
    assert render_retention(ask(app, question)) == TABLE
    answer = ask(
        app,
        {**question, "breakdown": "props.plan", "range": {"from": "2026-11-02T12:00", "to": "2026-11-30"}},
    )
    text = render_retention(answer)
    assert "2026-11-02~" in text
    assert "* not over yet" in text
    del question["breakdown"]
    text = render_retention(ask(app, {**question, "value": {"measure": "sum", "of": "value"}}))
    assert text.splitlines()[:2] == ["all         size     0      1", "2026-11-02     2  0.00   9.00"]
