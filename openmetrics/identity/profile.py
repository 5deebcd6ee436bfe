"""Apply filters to profiles: a profile is matched as an event with these properties would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmetrics.errors import invalid_query
from openmetrics.query.match import matches
from openmetrics.query.model import All, AnyOf, Comparison, Field, Filter, Not
from openmetrics.query.values import index_value, is_indexable_name, kind_of


def matches_profile(properties: Mapping[str, Any], filter: Filter | None) -> bool:
    """Say whether a profile matches a filter of `to_profile_filter`."""
    if filter is None:
        return True
    return matches(_to_line(properties), filter)


def to_profile_filter(node: Filter, pointer: str = "/filter") -> Filter:
    """Turn `user.X` into what a profile's line holds. Raises `invalid-query` for any other field."""
    match node:
        case All(parts):
            return All(tuple(to_profile_filter(part, f"{pointer}/all/{n}") for n, part in enumerate(parts)))
        case AnyOf(parts):
            return AnyOf(tuple(to_profile_filter(part, f"{pointer}/any/{n}") for n, part in enumerate(parts)))
        case Not(part):
            return Not(to_profile_filter(part, f"{pointer}/not"))
        case Comparison(Field("user", name), op, operand):
            return Comparison(Field("props", name), op, operand)
        case Comparison():
            raise invalid_query(f"{pointer}/field", f"Users are filtered by `user.X`, not by `{node.field}`.")
        case _:
            raise invalid_query(pointer, "Users are filtered by `user.X`, joined by `all`, `any` and `not`.")


def _to_line(properties: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {"props": {}, "num": {}, "has": [], "kinds": []}
    for name, value in properties.items():
        if is_indexable_name(name):
            line["props"][name], line["num"][name] = index_value(value)
            line["has"].append(name)
            line["kinds"].append(f"{name}\x01{kind_of(value)}")
    return line
