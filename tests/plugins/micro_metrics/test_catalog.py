"""Hold the lists of tags and their values to the JSON kinds that were sent."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("sent", "listed"),
    [
        pytest.param([5, "5"], [5, "5"], id="number and text"),
        pytest.param([True], [True], id="boolean"),
        pytest.param([True, "true", False], ["true", False, True], id="boolean and text"),
        pytest.param([None, "null"], [None, "null"], id="null and text"),
        pytest.param([2.5, 10, 2.50, 1e21], [2.5, 10, 1e21], id="numbers in order"),
        pytest.param([2**64, 2**53], [2**53, 2**64], id="large integers"),
        pytest.param([["a", 1, "a"], "a", 2], [2, "a", 1], id="lists are spread"),
        pytest.param([[], [[1]], {"k": 1}, [{"k": 1}]], [{"k": 1}, [1]], id="objects and nested lists"),
        pytest.param(["", "ä", "b"], ["", "b", "ä"], id="text"),
    ],
)
def test_tag_values_keep_kinds(sent: list[Any], listed: list[Any], api: Any) -> None:
    for value in sent:
        api.track(type="a", tags={"x": value, "y": 1})
    found = api.ask("/api/tag-values", tag="x")
    assert found == listed
    assert [type(value) for value in found] == [type(value) for value in listed]
    assert api.ask("/api/tags") == {"x": listed, "y": [1]}


def test_tag_values_take_filters(api: Any) -> None:
    api.track(type="a", tags={"x": 1})
    api.track(type="b", tags={"x": 2}, createdOn="2020-01-01")
    assert api.ask("/api/tag-values", tag="x", type="a") == [1]
    assert api.ask("/api/tag-values", tag="x", last="30d") == [1]
    assert api.ask("/api/tag-values") == api.ask("/api/tag-values", tag="nothing") == []


def test_names_may_hold_anything(api: Any) -> None:
    api.track(type="a", tags={"a.b c$": "x"})
    assert api.ask("/api/tags") == {"a.b c$": ["x"]}
    assert api.found(tags="a.b c$:x") == ["a"]
