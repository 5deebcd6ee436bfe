"""What every store must answer to questions about events; part of `store_contract`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from openmetrics.query.model import (
    AggregateQuery,
    EventsQuery,
    Field,
    Interval,
    Measure,
    ValuesQuery,
)
from openmetrics.store.base import QueryTimeoutError, QueryTooLargeError, Row, Store, ValueRow, Values
from openmetrics.testing.journeys import DAY_MS, NOON_MS, make_event, to_lines
from openmetrics.testing.samples import FILTERS, NAME, PLAN, SAMPLE, VALUE, compare
from openmetrics.testing.write_contract import put, read_ids

COUNT = Measure("count")
MIDNIGHT_MS = NOON_MS - DAY_MS // 2
HOUR_MS = 3_600_000


class ReadContract:
    """Hold a store to what questions mean."""

    def test_filters_find_what_they_mean(self, store: Store) -> None:
        put(store, SAMPLE)
        wrong = {}
        for node, expected in FILTERS:
            found = "".join(read_ids(store, filter=node))
            (row,) = store.aggregate(AggregateQuery((COUNT,), filter=node))
            if (found, row.figures) != (expected, (len(expected),)):
                wrong[str(node)] = f"found {found!r} and {row.figures[0]}, expected {expected!r}"
        assert wrong == {}

    def test_range_is_half_open(self, store: Store) -> None:
        put(store, SAMPLE)
        assert read_ids(store, start_ms=NOON_MS + 2, end_ms=NOON_MS + 4) == ["c", "d"]
        assert read_ids(store, start_ms=NOON_MS + 8) == ["i", "j"]
        assert read_ids(store, end_ms=NOON_MS) == []
        rows = store.aggregate(AggregateQuery((COUNT,), NOON_MS + 2, NOON_MS + 4))
        assert rows == [Row(None, (), (2,))]

    def test_events_pages_in_both_directions(self, store: Store) -> None:
        places = {
            "d": (0, 1), "c": (0, 1), "b": (0, 2), "a": (1, 0), "\U00010000": (0, 1), "\uffff": (0, 1)
        }  # fmt: skip
        events = [
            make_event(event_id=id, time_ms=NOON_MS + time, received_ms=received)
            for id, (time, received) in places.items()
        ]
        put(store, to_lines(*events))
        ordered = ["c", "d", "\uffff", "\U00010000", "b", "a"]
        assert read_ids(store) == ordered
        assert read_ids(store, newest_first=True) == ordered[::-1]
        for newest_first in (False, True):
            for limit in (1, 2, 3, 4, 6):
                pages = list(_iter_pages(store, newest_first, limit))
                assert [id for page in pages for id in page] == ordered[:: -1 if newest_first else 1]
                assert all(len(page) == limit for page in pages[:-1])
                assert pages[-1], "the last full page says that nothing follows"

    def test_events_of_nothing_is_an_empty_page(self, store: Store) -> None:
        page = store.events(EventsQuery())
        assert (page.events, page.next) == ((), None)

    def test_aggregate_of_nothing(self, store: Store) -> None:
        measures = tuple(Measure(kind, VALUE) for kind in ("count", "numbers", "sum", "min", "max"))
        assert store.aggregate(AggregateQuery(measures)) == [Row(None, (), (0, 0, 0.0, None, None))]
        assert store.aggregate(AggregateQuery(measures, breakdown=(PLAN,))) == []
        assert store.aggregate(AggregateQuery(measures, interval=Interval("day"))) == []

    def test_aggregate_measures_numbers_only(self, store: Store) -> None:
        put(store, SAMPLE)
        measures = tuple(Measure(kind, VALUE) for kind in ("count", "numbers", "sum", "min", "max"))
        assert store.aggregate(AggregateQuery(measures)) == [Row(None, (), (10, 6, 13.0, 0.0, 5.0))]
        measures = tuple(Measure(kind, PLAN) for kind in ("numbers", "sum", "min", "max"))
        assert store.aggregate(AggregateQuery(measures)) == [Row(None, (), (1, 5.0, 5.0, 5.0))]
        names = store.aggregate(
            AggregateQuery((Measure("sum", VALUE), Measure("max", VALUE)), breakdown=(NAME,))
        )
        assert names == [
            Row(None, ("100%",), (3.0, 1.0)),
            Row(None, ("buy",), (5.0, 5.0)),
            Row(None, ("open",), (5.0, 5.0)),
        ]

    def test_aggregate_sum_beyond_a_float_is_none(self, store: Store) -> None:
        put(store, to_lines(*(make_event(value=1.7e308) for _ in range(2))))
        (row,) = store.aggregate(AggregateQuery((Measure("sum", VALUE), Measure("max", VALUE))))
        assert row.figures == (None, 1.7e308)

    def test_aggregate_breakdown_counts_each_distinct_element(self, store: Store) -> None:
        put(store, SAMPLE)
        rows = store.aggregate(AggregateQuery((COUNT,), breakdown=(PLAN,)))
        assert [(row.group[0], row.figures[0]) for row in rows] == [
            ("", 1), ("007", 1), ("12", 1), ("5", 1), ("pro", 2), ("true", 1), ("x_y", 1), (None, 4),
        ]  # fmt: skip

    def test_aggregate_two_breakdowns_cross(self, store: Store) -> None:
        lists = {"plan": ["a", "b", "a"], "size": [1, 2]}
        put(store, to_lines(make_event(properties=lists), make_event(properties={"plan": "a"})))
        rows = store.aggregate(AggregateQuery((COUNT,), breakdown=(PLAN, Field("props", "size"))))
        assert [row.group for row in rows] == [("a", "1"), ("a", "2"), ("a", None), ("b", "1"), ("b", "2")]
        assert {row.figures for row in rows} == {(1,)}
        fields = (NAME, PLAN, Field("user_id"))
        rows = store.aggregate(AggregateQuery((COUNT,), breakdown=fields))
        assert [(row.group, row.figures) for row in rows] == [
            (("open", "a", None), (2,)),
            (("open", "b", None), (1,)),
        ]

    def test_aggregate_by_calendar_interval(self, store: Store) -> None:
        times = (MIDNIGHT_MS - 1, MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS, MIDNIGHT_MS + 40 * DAY_MS)
        put(store, to_lines(*(make_event(time_ms=time, value=2) for time in times)))
        assert _starts(store, Interval("day")) == {-1: 1, 0: 2, 40: 1}
        assert _starts(store, Interval("day", "America/New_York")) == {5 / 24 - 1: 3, 5 / 24 + 39: 1}
        assert _starts(store, Interval("week")) == {-1: 3, 34: 1}
        assert _starts(store, Interval("week", week_start=6)) == {-2: 3, 40: 1}
        assert _starts(store, Interval("month")) == {-9: 3, 21: 1}
        assert _starts(store, Interval("hour")) == {-1 / 24: 1, 0: 1, 1 / 24: 1, 40: 1}
        assert _starts(store, Interval("minute")) == {-1 / 1440: 1, 0: 1, 1 / 24: 1, 40: 1}
        rows = store.aggregate(
            AggregateQuery(
                (Measure("sum", VALUE),), MIDNIGHT_MS, interval=Interval("month"), breakdown=(NAME,)
            )
        )
        assert rows == [
            Row(MIDNIGHT_MS - 9 * DAY_MS, ("open",), (4.0,)),
            Row(MIDNIGHT_MS + 21 * DAY_MS, ("open",), (2.0,)),
        ]

    def test_aggregate_by_hour_where_the_clocks_move_by_half_of_one(self, store: Store) -> None:
        change = 1_791_041_400_000  # 2026-10-03 15:30 UTC: Lord Howe's clocks go from 02:00 to 02:30
        quarters = range(-4 * 900_000, 5 * 900_000, 900_000)
        put(store, to_lines(*(make_event(time_ms=change + quarter) for quarter in quarters)))
        rows = store.aggregate(AggregateQuery((COUNT,), interval=Interval("hour", "Australia/Lord_Howe")))
        assert [(row.time_ms - change, *row.figures) for row in rows if row.time_ms is not None] == [
            (-HOUR_MS, 6), (HOUR_MS // 2, 3),
        ]  # fmt: skip

    def test_aggregate_by_day_of_old_times(self, store: Store) -> None:
        put(
            store,
            to_lines(make_event(time_ms=-1), make_event(time_ms=0), make_event(time_ms=-62_135_596_800_000)),
        )
        rows = store.aggregate(AggregateQuery((COUNT,), interval=Interval("day")))
        assert [(row.time_ms, row.figures) for row in rows] == [
            (-62_135_596_800_000, (1,)), (-DAY_MS, (1,)), (0, (1,)),
        ]  # fmt: skip

    def test_aggregate_beyond_its_limit_is_refused(self, store: Store) -> None:
        put(store, SAMPLE)
        assert len(store.aggregate(AggregateQuery((COUNT,), breakdown=(NAME,), limit=3))) == 3
        with pytest.raises(QueryTooLargeError) as caught:
            store.aggregate(AggregateQuery((COUNT,), breakdown=(NAME,), limit=2))
        assert caught.value.code == "query-too-large"

    def test_values_of_names_are_ordered_by_count(self, store: Store) -> None:
        put(store, SAMPLE)
        assert store.values(ValuesQuery("names")) == Values(
            (
                ValueRow("100%", 5, NOON_MS + 9),
                ValueRow("buy", 3, NOON_MS + 4),
                ValueRow("open", 2, NOON_MS + 1),
            ),
            True,
        )
        assert store.values(ValuesQuery("names", limit=1)) == Values(
            (ValueRow("100%", 5, NOON_MS + 9),), False
        )
        assert store.values(ValuesQuery("names", limit=3)).complete
        assert _values(store, "names", prefix="b") == {"buy": 3}
        assert _values(store, "names", prefix="100%") == {"100%": 5}
        assert _values(store, "names", prefix="_") == {}
        assert _values(store, "names", filter=compare(VALUE, "eq", "5")) == {"buy": 1, "open": 1}
        assert _values(store, "names", start_ms=NOON_MS + 1, end_ms=NOON_MS + 3) == {"buy": 1, "open": 1}

    def test_values_of_properties_have_kinds(self, store: Store) -> None:
        put(store, SAMPLE)
        kinds = ("boolean", "list", "null", "number", "object", "text")
        assert store.values(ValuesQuery("properties")) == Values(
            (ValueRow("plan", 10, None, kinds), ValueRow("a.b", 1, None, ("text",))), True
        )
        assert _values(store, "properties", prefix="a") == {"a.b": 1}
        assert store.values(ValuesQuery("properties", limit=1)).complete is False
        (row,) = store.values(ValuesQuery("properties", filter=compare(NAME, "eq", "buy"))).rows
        assert row == ValueRow("plan", 3, None, ("list", "number"))

    def test_values_of_fields_count_events(self, store: Store) -> None:
        put(store, SAMPLE)
        assert _values(store, "values", PLAN) == {
            "pro": 2, "": 1, "007": 1, "12": 1, "5": 1, "true": 1, "x_y": 1,
        }  # fmt: skip
        assert [row.value for row in store.values(ValuesQuery("values", PLAN, limit=2)).rows] == ["pro", ""]
        assert _values(store, "values", PLAN, prefix="x_") == {"x_y": 1}
        assert _values(store, "values", VALUE) == {"1": 4, "5": 2, "0": 1, "2": 1, "five": 1, "true": 1}
        assert _values(store, "values", Field("user_id")) == {"u1": 1, "u2": 1}
        assert _values(store, "values", Field("session_id"), prefix="s") == {"s1": 2, "s2": 1}
        assert _values(store, "values", Field("source")) == {"web": 1}
        assert _values(store, "values", NAME) == {"100%": 5, "buy": 3, "open": 2}
        assert _values(store, "values", Field("props", "unheard of")) == {}

    def test_values_beyond_a_thousand_are_complete(self, store: Store) -> None:
        put(store, to_lines(*(make_event(properties={"plan": f"v{n:04d}"}) for n in range(1_200))))
        found = store.values(ValuesQuery("values", PLAN))
        assert [row.value for row in found.rows] == [f"v{n:04d}" for n in range(1_200)]
        assert found.complete

    def test_deadline_in_the_past_is_a_timeout(self, store: Store) -> None:
        put(store, SAMPLE)
        past = time.monotonic() - 1
        questions: tuple[Callable[[], object], ...] = (
            lambda: store.aggregate(AggregateQuery((COUNT,), deadline=past)),
            lambda: store.events(EventsQuery(deadline=past)),
            lambda: store.values(ValuesQuery("names", deadline=past)),
        )
        for question in questions:
            with pytest.raises(QueryTimeoutError):
                question()
        assert store.events(EventsQuery(deadline=time.monotonic() + 60)).events


def _iter_pages(store: Store, newest_first: bool, limit: int) -> Any:
    cursor = None
    while True:
        page = store.events(EventsQuery(newest_first=newest_first, limit=limit, cursor=cursor))
        yield [event.event_id for event in page.events]
        cursor = page.next
        if cursor is None:
            return


def _starts(store: Store, interval: Interval) -> dict[float, Any]:
    """Return the count of each interval by its start in days after the sample's midnight."""
    rows = store.aggregate(AggregateQuery((COUNT,), interval=interval))
    return {((row.time_ms or 0) - MIDNIGHT_MS) / DAY_MS: row.figures[0] for row in rows}


def _values(store: Store, what: Any, field: Field | None = None, **members: Any) -> dict[str, int]:
    return {row.value: row.count for row in store.values(ValuesQuery(what, field, **members)).rows}
