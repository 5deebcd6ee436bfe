"""Slices: whole units, in order, on all cores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from openmetrics.columns import view as views
from openmetrics.columns.cache import ColumnCache
from openmetrics.columns.regroup import cut_units
from openmetrics.columns.slices import Plan, Slice
from openmetrics.query.model import Comparison, Field
from openmetrics.store.memory import MemoryStore
from openmetrics.testing.columns import open_view, read_rows
from openmetrics.testing.journeys import NOON_MS, make_event, to_lines

OpenCache = Callable[..., ColumnCache]


@pytest.fixture
def filled(store: MemoryStore) -> MemoryStore:
    """Give a store with 20 users of 10 events each."""
    events = [
        make_event("ab"[n % 2], NOON_MS + n, user_id=f"u{n % 20}", session_id=f"s{n % 40}", value=n)
        for n in range(200)
    ]
    store.write(to_lines(*events))
    return store


def test_slices_hold_whole_units_in_order(
    filled: MemoryStore, open_cache: OpenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ROWS_A_SLICE", 25)
    view = open_view(open_cache(filled, tail_rows=50))
    for unit, count, size in (("user", 20, 10), ("session", 40, 5)):
        slices = view.map(Plan((None,), unit=unit), lambda slice: slice)
        assert len(slices) > 3
        keys = np.concatenate([slice.units for slice in slices])
        assert len(keys) == count
        assert (np.diff(keys) > 0).all()
        assert {int(n) for slice in slices for n in np.diff(slice.offsets)} == {size}
        assert all(slice.offsets[-1] == len(slice.time) == len(slice.bits) for slice in slices)


def test_arrays_are_read_only_so_that_kernels_compile_once(
    filled: MemoryStore, open_cache: OpenCache
) -> None:
    plan = Plan((None,), codes=(Field("name"),), numbers=(Field("value"),))
    for tail_rows in (0, 1_000):
        for unit in ("user", "session"):
            view = open_view(open_cache(filled, tail_rows=tail_rows))
            asked = Plan(plan.bits, codes=plan.codes, numbers=plan.numbers, unit=unit)
            for slice in view.map(asked, lambda slice: slice):
                arrays = (slice.units, slice.offsets, slice.time, slice.bits, *slice.numbers)
                codes = [array for code in slice.codes for array in (code.offsets, code.flat)]
                types = [array.dtype for array in (*arrays, *codes)]
                assert types == ["int64", "int64", "int64", "uint64", "float64", "int64", "int32"]
                assert not any(array.flags.writeable for array in (*arrays, *codes))
                assert all(array.flags.c_contiguous for array in (*arrays, *codes))


def test_bits_and_where(filled: MemoryStore, open_cache: OpenCache) -> None:
    view = open_view(open_cache(filled))
    a, small = Comparison(Field("name"), "eq", "a"), Comparison(Field("value"), "lt", 100.0)
    counted = sum(view.map(Plan((a, small)), _count_bits))
    assert counted == 100 + 100
    kept = view.map(Plan((a,), keeps_unmatched=True), lambda slice: len(slice.time))
    assert sum(kept) == 200
    assert sum(view.map(Plan((a,)), lambda slice: len(slice.time))) == 100
    assert sum(view.map(Plan((a,), where=small), lambda slice: len(slice.time))) == 50


def _count_bits(slice: Slice) -> int:
    return int(np.bitwise_count(slice.bits).sum())


def test_errors_of_a_kernel_come_out(filled: MemoryStore, open_cache: OpenCache) -> None:
    def fail(slice: Slice) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        open_view(open_cache(filled)).map(Plan((None,)), fail)


def test_property_units_are_described_by_their_text(store: MemoryStore, open_cache: OpenCache) -> None:
    events = [
        make_event("a", NOON_MS, user_id="u", properties={"tag": ["x", "y"]}),
        make_event("a", NOON_MS + 1, session_id="s", properties={"tag": "y"}),
        make_event("a", NOON_MS + 2, session_id="s"),
    ]
    store.write(to_lines(*events))
    view = open_view(open_cache(store))
    assert not view.has_property_units
    found = read_rows(view, Plan((None,), unit=Field("props", "tag")))
    assert found == {(None, "x"): [NOON_MS], (None, "y"): [NOON_MS, NOON_MS + 1]}
    assert view.has_property_units


def test_cut_units_never_splits_one() -> None:
    sizes = np.array([3, 0, 10, 1, 1, 1, 7])
    cuts = list(cut_units(sizes, 4))
    assert cuts == [(0, 2), (2, 3), (3, 6), (6, 7)]
    assert list(cut_units(np.empty(0, dtype=np.int64), 4)) == []
