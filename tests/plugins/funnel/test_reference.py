"""The reference equals a naive search over all assignments of events to steps, on small journeys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from openmetrics_plugins.funnel.model import Event, Exclusion, Journey, Rules
from openmetrics_plugins.funnel.reference import evaluate

JOURNEYS = 4000


def describe(journey: Journey) -> tuple[int, list[int], list[int | None]]:
    steps = [step for step in range(len(journey.times)) if journey.filled >> step & 1]
    return journey.depth, steps, list(journey.times)


def test_reference_equals_naive_search_in_order(draw: Callable[[int], Any], naive: dict[str, Any]) -> None:
    drawing = draw(2)
    for _ in range(JOURNEYS // 20):
        drawn = drawing.rules()
        rules = replace(
            drawn, order=drawn.order.replace("any", "ordered"), is_total=False, attribution="step"
        )
        for _ in range(20):
            unit = drawing.events(rules, most=5)
            found, searched = evaluate(unit, rules), naive["Search"](unit, rules)
            expected = searched.describe(searched.best)
            assert [describe(journey) for journey in found.journeys] == ([expected] if expected else [])
            groups = {value: describe(journeys[0]) for value, journeys in found.groups.items()}
            assert groups == searched.groups(rules.attributed), (rules, unit)
            assert found.entries == (searched.entries() if rules.intervals else {}), (rules, unit)


def test_reference_equals_naive_search_in_any_order(
    draw: Callable[[int], Any], naive: dict[str, Any]
) -> None:
    drawing = draw(3)
    for _ in range(JOURNEYS // 20):
        rules = drawing.rules()
        while rules.order != "any":
            rules = drawing.rules()
        for _ in range(20):
            unit = drawing.events(rules, most=5)
            found = [(journey.depth, [*journey.times]) for journey in evaluate(unit, rules).journeys]
            expected = naive["search_windows"](unit, rules)
            padded = expected and (expected[0], expected[1] + [None] * (rules.steps - expected[0]))
            assert found == ([padded] if padded else []), (rules, unit)


def test_reference_equals_naive_search_of_attempts(draw: Callable[[int], Any], naive: dict[str, Any]) -> None:
    drawing = draw(4)
    for _ in range(JOURNEYS // 20):
        drawn = drawing.rules()
        rules = replace(
            drawn,
            order=drawn.order.replace("any", "ordered"),
            is_total=True,
            is_first_entry=False,
            grace_ms=0,
        )
        for _ in range(20):
            unit = drawing.events(rules, most=5)
            found = [(j.times[0], j.depth) for j in evaluate(unit, rules).journeys]
            assert found == naive["search_attempts"](unit, rules), (rules, unit)


# The page's own examples: letters are steps, x an exclusion, digits apart


def journey(text: str, steps: str = "ABC") -> list[Event]:
    """Read `A0 B5 x6`: who did what at which second."""
    return [
        Event(int(word[1:]) * 1000, 1 << steps.index(word[0]) if word[0] in steps else 0, int(word[0] == "x"))
        for word in text.split()
    ]


def depth(text: str, rules: Rules) -> int:
    found = evaluate(journey(text), rules).journeys
    return found[0].depth if found else 0


PLAIN = Rules(3, 10_000)
REMOVE = replace(PLAIN, exclusions=(Exclusion(0, 2),))
DROP = replace(PLAIN, exclusions=(Exclusion(0, 2, True),))
LATE = replace(PLAIN, exclusions=(Exclusion(1, 2),))


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        pytest.param("A0 B5 C10", PLAIN, 3, id="window-is-inclusive"),
        pytest.param("A0 B5 C11", PLAIN, 2, id="window-is-over"),
        pytest.param("A0 B5 A8 B9 C15", PLAIN, 3, id="older-attempts-give-way"),
        pytest.param("A0 B9 A9 C10", PLAIN, 3, id="older-attempts-stay-alive"),
        pytest.param("C5 B5 A5", PLAIN, 3, id="instant-is-taken-in-step-order"),
        pytest.param("B4 A5 C6", PLAIN, 1, id="wrong-order"),
        pytest.param("B4 A5 C6", replace(PLAIN, grace_ms=1000), 3, id="grace-lets-steps-swap"),
        pytest.param("B3 A5 C6", replace(PLAIN, grace_ms=1000), 1, id="grace-is-too-small"),
        pytest.param("A0 z1 B2 C3", replace(PLAIN, order="strict"), 1, id="strict-anything-breaks"),
        pytest.param("z0 A1 B2 C3 z4", replace(PLAIN, order="strict"), 3, id="strict-around-does-not-matter"),
        pytest.param("A0 B1 z1 C2", replace(PLAIN, order="strict"), 3, id="strict-not-inside-an-instant"),
        pytest.param("C0 B4 A9", replace(PLAIN, order="any"), 3, id="any-order"),
        pytest.param(
            "C0 x4 B4 A9", replace(REMOVE, order="any"), 2, id="any-order-reset-counts-on-both-sides"
        ),
        pytest.param("A0 x1 B2 C3", REMOVE, 0, id="remove"),
        pytest.param("A0 x1 A2 B3 C4", REMOVE, 3, id="clean-attempt-rescues"),
        pytest.param("A0 B1 x2 A4", REMOVE, 0, id="shallower-clean-attempt-does-not-rescue"),
        pytest.param("A0 x11", REMOVE, 1, id="exclusion-after-the-window"),
        pytest.param("A0 x0 B5 x5", REMOVE, 2, id="exclusion-at-a-step-is-inside-no-hop"),
        pytest.param("A0 B5 x9 A20", LATE, 0, id="exclusion-after-the-end-of-the-chain"),
        pytest.param("A0 x1 B5 C6", LATE, 3, id="exclusion-before-its-steps"),
        pytest.param("A0 B1 x2 C3", DROP, 2, id="drop-keeps-earlier-steps"),
        pytest.param("A0 B3 A8 C12", replace(PLAIN, is_first_entry=True), 2, id="first-entry"),
        pytest.param("A0 C3", replace(PLAIN, optional=(False, True, False)), 2, id="optional-may-be-skipped"),
        pytest.param("A0 B4 C9", replace(PLAIN, within=(None, 3000, None)), 1, id="within"),
    ],
)
def test_journey_has_the_depth_of_the_page(text: str, rules: Rules, expected: int) -> None:
    assert depth(text, rules) == expected


def test_times_are_those_of_the_latest_start_and_the_soonest_steps() -> None:
    found = evaluate(journey("A0 A3 B4 B5 C6 C7"), PLAIN).journeys
    assert found[0].times == (3000, 4000, 6000)


def test_attempts_follow_each_other() -> None:
    found = evaluate(journey("A0 A1 B2 C3 A4 B5 A6 A20 B21"), replace(PLAIN, is_total=True)).journeys
    assert [(j.times[0], j.depth) for j in found] == [(0, 3), (4000, 2), (20000, 2)]


def test_optional_step_counts_whoever_can_fill_it() -> None:
    rules = replace(PLAIN, optional=(False, True, False))
    [skipped] = evaluate(journey("A0 C3"), rules).journeys
    [filled] = evaluate(journey("A0 C1 B2 C3"), rules).journeys
    assert (skipped.filled, filled.filled) == (0b101, 0b111)
    assert filled.times == (0, 2000, 3000)
