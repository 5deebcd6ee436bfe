"""The worked examples of docs/trends.md are what the server answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openmetrics.testing.client import Running

PAGE = (Path(__file__).parents[3] / "docs" / "trends.md").read_text()
EXAMPLE = re.compile(r"<!-- example(?:: (\w+))? -->\n```json\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)


def read_events() -> list[dict[str, Any]]:
    """Read the table of events."""
    rows = re.search(r"<!-- events -->\n.*\n.*\n((?:\|.*\n)+)", PAGE)
    assert rows
    events = []
    for row in rows[1].splitlines():
        user, session, name, time, plan, value = (cell.strip() for cell in row.strip("|").split("|"))
        event: dict[str, Any] = {"name": name, "time": time.replace(" ", "T") + ":00Z"}
        event |= {"user_id": user, "session_id": session} if user else {}
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


def test_page_has_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("<!-- example") == 6
