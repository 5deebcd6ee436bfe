"""Questions about trends are resolved, or refused with a pointer; formulas and periods mean what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openmetrics.errors import OpenMetricsError
from openmetrics.query.model import Interval
from openmetrics.query.times import format_time, parse_time
from openmetrics.testing.client import Running
from openmetrics_plugins.trends import columns
from openmetrics_plugins.trends.formula import parse_formula
from openmetrics_plugins.trends.periods import build_period, find_last_year, find_previous

RANGE = {"from": "2026-11-01", "to": "2026-11-05"}
COUNT = {"range": RANGE, "series": [{}]}


@pytest.fixture(scope="module")
def app(holding: Callable[..., Any]) -> Iterator[Running]:
    """An application with a few events."""
    events = [
        {
            "name": "open",
            "user_id": user,
            "time": f"2026-11-0{day}T10:00:00Z",
            "value": value,
            "properties": {"p": p},
        }
        for user, day, value, p in (("ann", 1, 1e308, "a"), ("bob", 2, 1e308, "b"), ("ann", 3, 2, "c"))
    ]
    with holding(events) as application:
        yield application


def refuse(app: Running, question: Any, path: str = "") -> Any:
    response = app.client.simulate_post(f"/v1/analyses/trends{path}", json=question)
    assert response.status_code == 422, response.text
    return response.json


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"series": []}, "/series"),
        ({"series": [{}] * 27}, "/series"),
        ({"series": [{"measure": "mode"}]}, "/series/0/measure"),
        ({"series": [{"colour": 1}]}, "/series/0/colour"),
        ({"series": [{}, {"of": "value"}]}, "/series/1/of"),
        ({"series": [{"measure": "sum", "of": "name"}]}, "/series/0/of"),
        ({"series": [{"measure": "sum", "each": "count"}]}, "/series/0/each"),
        ({"series": [{"measure": "per_user", "of": "value"}]}, "/series/0/of"),
        ({"series": [{"filter": {"field": "props.a", "op": "is"}}]}, "/series/0/filter/op"),
        ({"series": [{"filter": {"not": {"segment": "gold"}}}]}, "/series/0/filter/not/segment"),
        ({"filter": {"segment": "gold"}}, "/filter/segment"),
        ({"breakdown": [{"segment": "gold"}]}, "/breakdown/0/segment"),
        ({"breakdown": ["props.a", "fields.a"]}, "/breakdown/1"),
        ({"breakdown": ["nonsense"]}, "/breakdown/0"),
        ({"breakdown": ["props.a", "props.a"]}, "/breakdown/1"),
        ({"breakdown": ["props.a"] * 4}, "/breakdown"),
        ({"limit": 0}, "/limit"),
        ({"interval": "year"}, "/interval"),
        ({"timezone": "Mars"}, "/timezone"),
        ({"range": {"from": "2026-11-02", "to": "2026-11-01"}}, "/range/to"),
        ({"range": {"from": "0002-01-02", "to": "0002-02-01"}, "compare": "previous_year"}, "/compare"),
        ({"range": {"from": "0002-01-02", "to": "0002-02-01"}, "compare": "previous_period"}, "/compare"),
        ({"formula": "A +"}, "/formula"),
        ({"formula": "A / B"}, "/formula"),
        ({"formula": "a"}, "/formula"),
        ({"formula": "(A"}, "/formula"),
        ({"formula": "A)"}, "/formula"),
        ({"formula": "A A"}, "/formula"),
        ({"formula": "AB"}, "/formula"),
        ({"formula": "*"}, "/formula"),
        ({"formula": " "}, "/formula"),
        ({"formula": "1e999"}, "/formula"),
        ({"formula": "٣"}, "/formula"),
        ({"formula": "(" * 60 + "A" + ")" * 60}, "/formula"),
        ({"formula": "-" * 200 + "A"}, "/formula"),
        ({"formula": "A" + "+1" * 600}, "/formula"),
    ],
)
def test_bad_question_points_at_what_is_wrong(app: Running, change: dict[str, Any], pointer: str) -> None:
    refused = refuse(app, {**COUNT, **change})
    assert refused["code"] == "invalid-query"
    assert pointer in [row["pointer"] for row in refused["errors"]]


@pytest.mark.parametrize(
    ("pick", "pointer"),
    [
        ({"row": 1}, "/pick/row"),
        ({"series": 1}, "/pick/series"),
        ({"series": True}, "/pick/series"),
        ({"time": "2026-12-01"}, "/pick/time"),
        ({"group": "a"}, "/pick/group"),
        ({"group": ["a", "b"]}, "/pick/group"),
        ({"group": [1]}, "/pick/group"),
        ({"other": True}, "/pick/other"),
    ],
)
def test_bad_pick_points_at_what_is_wrong(app: Running, pick: dict[str, Any], pointer: str) -> None:
    question = {**COUNT, "interval": "day", "breakdown": ["props.p"], "pick": pick}
    assert pointer in [row["pointer"] for row in refuse(app, question, "/people")["errors"]]


def test_pick_of_what_the_answer_has_not_is_refused(app: Running) -> None:
    for pick, pointer in (({"time": "2026-11-01"}, "/pick/time"), ({"group": ["a"]}, "/pick/group")):
        refused = refuse(app, {**COUNT, "pick": pick}, "/people")
        assert [row["pointer"] for row in refused["errors"]] == [pointer]


def test_answer_with_too_many_figures_is_refused(app: Running) -> None:
    wide = {"range": {"from": "2024-01-01", "to": "2026-01-01"}, "interval": "minute"}
    assert refuse(app, {**COUNT, **wide})["code"] == "query-too-large"
    rows = {"range": {"from": "2025-06-01", "to": "2026-01-01"}, "interval": "minute", "series": [{}] * 2}
    assert refuse(app, {**COUNT, **rows})["code"] == "query-too-large"


@pytest.mark.parametrize("measure", ["sum", "avg"])
def test_figure_beyond_any_number_is_null_with_a_warning(
    app: Running, ask: Callable[..., Any], measure: str
) -> None:
    series = [{"measure": measure}, {"measure": "users"}]
    for asked in (series[:1], series):
        answer = ask(app, {**COUNT, "interval": "day", "series": asked})
        row = answer["series"][0]
        assert row["total"] is None
        assert [point["value"] for point in row["points"]][:3] == [1e308, 1e308, 2.0]
        assert [(one["code"], one["pointer"]) for one in answer["warnings"]] == [("overflow", "/series/0")]


def test_formula_beyond_any_number_is_null_with_a_warning(app: Running, ask: Callable[..., Any]) -> None:
    answer = ask(app, {**COUNT, "series": [{"measure": "max"}], "formula": "A * 10"})
    assert answer["series"][1]["total"] is None
    assert answer["warnings"][0]["pointer"] == "/formula"


@pytest.mark.parametrize(
    ("text", "figures", "result"),
    [
        ("A", [3], 3),
        ("A / B * 100", [1, 4], 25.0),
        ("A - B - C", [10, 3, 2], 5),
        ("A - (B - C)", [10, 3, 2], 9),
        ("A / B / C", [12, 3, 2], 2.0),
        ("-A * -2.5e1", [2], 50.0),
        ("(A+B)*.5", [1, 2], 1.5),
        ("A / 0", [1], None),
        ("A / B", [0, 0], None),
        ("0 * A", [None], None),
        ("2 - -3", [], 5.0),
        ("A * 1e308 * 10", [1], math.inf),
    ],
)
def test_formula_is_worked_out_as_usual(text: str, figures: list[Any], result: Any) -> None:
    found = parse_formula(text, max(len(figures), 1)).evaluate(figures)
    assert found == (result if result is None else pytest.approx(result))


def shown(period: Any) -> tuple[str, str]:
    return format_time(period.start_ms)[:16], format_time(period.end_ms)[:16]


@pytest.mark.parametrize(
    ("unit", "bounds", "previous"),
    [
        ("month", ("2026-03-01", "2026-04-01"), ("2026-02-01T00:00", "2026-03-01T00:00")),
        ("day", ("2026-03-01", "2026-04-01"), ("2026-01-29T00:00", "2026-03-01T00:00")),
        ("week", ("2026-03-02", "2026-03-16"), ("2026-02-16T00:00", "2026-03-02T00:00")),
        ("month", ("2026-03-01", "2026-03-21"), ("2026-02-09T00:00", "2026-03-01T00:00")),
        (None, ("2026-03-01", "2026-03-02"), ("2026-02-28T00:00", "2026-03-01T00:00")),
    ],
)
def test_previous_period_counts_calendar_units_where_both_ends_lie_on_them(
    unit: Any, bounds: tuple[str, str], previous: tuple[str, str]
) -> None:
    interval = None if unit is None else Interval(unit)
    period = build_period(parse_time(bounds[0]), parse_time(bounds[1]), interval)
    assert shown(find_previous(period, interval)) == previous


def test_previous_period_keeps_days_whole_when_the_clocks_change() -> None:
    interval = Interval("day", "Europe/Berlin")
    period = build_period(parse_time("2026-03-29T22:00Z"), parse_time("2026-03-30T22:00Z"), interval)
    assert shown(find_previous(period, interval)) == ("2026-03-28T23:00", "2026-03-29T22:00")


@pytest.mark.parametrize(
    ("bounds", "before"),
    [
        (("2026-03-01", "2026-04-01"), ("2025-03-01T00:00", "2025-04-01T00:00")),
        (("2024-02-29", "2024-03-05"), ("2023-02-28T00:00", "2023-03-05T00:00")),
        (("2024-02-28", "2024-02-29"), ("2023-02-28T00:00", "2023-03-01T00:00")),
    ],
)
def test_previous_year_has_the_same_dates(bounds: tuple[str, str], before: tuple[str, str]) -> None:
    period = build_period(parse_time(bounds[0]), parse_time(bounds[1]), None)
    assert shown(find_last_year(period, None, "UTC")) == before


def test_many_combinations_are_numbered_as_they_occur(
    app: Running, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = {
        **COUNT,
        "series": [{"measure": "users"}],
        "breakdown": ["props.p", "name", "user_id"],
        "limit": 2,
    }
    expected = ask(app, question)["series"]
    assert [row["total"] for row in expected] == [1, 1, 1]
    monkeypatch.setattr(columns, "DENSE_KEYS", 1)
    assert ask(app, question)["series"] == expected
    monkeypatch.setattr(columns, "KEPT_EVENTS", 0)
    assert ask(app, question)["series"] == expected
    monkeypatch.setattr(columns, "MAX_GROUPS", 2)
    assert refuse(app, question)["code"] == "query-too-large"


def test_large_breakdown_goes_to_the_columns(
    app: Running, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = {**COUNT, "breakdown": ["props.p"]}
    by_store = ask(app, question)
    count = app.server.store.aggregate

    def refuse_groups(query: Any) -> Any:
        if query.breakdown:
            raise OpenMetricsError("query-too-large", "More rows than the limit; ask for less at once.")
        return count(query)

    monkeypatch.setattr(app.server.store, "aggregate", refuse_groups)
    by_columns = ask(app, question)
    assert (by_store["source"], by_columns["source"]) == ("store", "columns")
    assert by_columns["series"] == by_store["series"]
