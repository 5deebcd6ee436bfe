"""The worked examples of docs/funnel.md are what the server answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.client import Running
from openmetrics_plugins.funnel import render_funnel
from openmetrics_plugins.funnel.params import PRESETS

PAGE = (Path(__file__).parents[3] / "docs" / "funnel.md").read_text()
EXAMPLE = re.compile(r"<!-- example(?:: (\w+))? -->\n```json\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)
TABLE = """\
step         count  of first  of previous  median
   1  visit      4    100.0%       100.0%          ██████████████████████████████
   2  cart       3     75.0%        75.0%  10.0 m  ██████████████████████
   3  buy        2     50.0%        66.7%  11.8 h  ███████████████

conversion 50.0%
"""


def read_events() -> list[dict[str, Any]]:
    """Read the table of events."""
    rows = re.search(r"<!-- events -->\n.*\n.*\n((?:\|.*\n)+)", PAGE)
    assert rows
    events = []
    for row in rows[1].splitlines():
        user, session, name, time, item, plan = (cell.strip() for cell in row.strip("|").split("|"))
        properties = {key: value for key, value in (("item", item), ("plan", plan)) if value}
        events.append(
            {
                "name": name,
                "user_id": user,
                "session_id": session,
                "time": f"{time.replace(' ', 'T')}:00Z",
                "properties": properties,
            }
        )
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
    assert len(EXAMPLES) == PAGE.count("<!-- example") == 9
    for name, members in PRESETS.items():
        [row] = re.findall(rf"(?m)^\| `{name}` \| (.*) \|$", PAGE)
        found = dict(re.findall(r"`(\w+)` ([\w:]+)", row))
        assert found == {member: str(value) for member, value in members.items()}


def test_render_shows_bars_groups_and_intervals(app: Running, ask: Callable[..., Any]) -> None:
    question = json.loads(EXAMPLES[0][1])
    assert render_funnel(ask(app, question)) == TABLE
    answer = ask(
        app, {**question, "breakdown": "props.plan", "limit": 1, "interval": "week", "window": "30d"}
    )
    text = render_funnel(answer)
    assert "\nfree\nstep" in text
    assert "\nother\nstep" in text
    assert "2026-10-26        0          0   0.0%" in text
    assert text.endswith("* not over yet\n")
