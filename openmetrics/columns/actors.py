"""What is known of the actors of a view: who they are, their profiles, what they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.column import Column, read_column
from openmetrics.columns.filters import Flags, ask_texts, is_of_actor
from openmetrics.identity.table import IdentityTable
from openmetrics.query.model import (
    NEGATIONS,
    All,
    AnyOf,
    Comparison,
    Did,
    Field,
    Filter,
    InSegment,
    Not,
)
from openmetrics.query.values import index_value, is_indexable_name, numeric_value

if TYPE_CHECKING:
    import pyarrow

Segment = Filter | tuple[str, ...]
"""What a saved segment means: a filter, or the ids of its users."""


class Actors:
    """Answer conditions for all actors of a view, each once.

    `count_done(did)` gives the keys of those who did something often enough.
    """

    def __init__(
        self,
        names: Callable[[], tuple[pyarrow.Array, pyarrow.Array]],
        identity: IdentityTable,
        did: Callable[[Did], Flags],
        segment: Callable[[str], Segment],
    ) -> None:
        self._read_names = names
        self._identity = identity
        self._did = did
        self._segment = segment
        self._masks: dict[Filter, Flags] = {}
        self._names: tuple[Any, Any] | None = None
        self._profiles: Sequence[Any] | None = None
        self._columns: dict[Field, tuple[Column, Flags]] = {}

    def mask(self, node: Filter) -> Flags:
        """Say for each actor whether it matches; a condition on events means: did one, ever."""
        found = self._masks.get(node)
        if found is None:
            found = self._masks[node] = self._ask(node)
        return found

    def column(self, field: Field) -> Column:
        """Return `user_id` or `user.X` by actor."""
        return self._column(field)[0]

    def _ask(self, node: Filter) -> Flags:
        match node:
            case All(parts):
                return reduce(np.logical_and, map(self.mask, parts), self._everyone(True))
            case AnyOf(parts):
                return reduce(np.logical_or, map(self.mask, parts), self._everyone(False))
            case Not(part):
                return ~self.mask(part)
            case Did():
                return self._did(node)
            case InSegment(segment_id):
                return self._ask_segment(segment_id)
            case Comparison() if is_of_actor(node):
                return self._compare(node)
            case _:
                return self._did(Did(None, node, 1, None, None))

    def _ask_segment(self, segment_id: str) -> Flags:
        segment = self._segment(segment_id)
        if isinstance(segment, tuple):
            return self.mask(Comparison(Field("user_id"), "in", segment))
        return self.mask(segment)

    def _compare(self, node: Comparison) -> Flags:
        if node.op in NEGATIONS:
            return ~self.mask(Comparison(node.field, NEGATIONS[node.op], node.operand))
        column, is_present = self._column(node.field)
        if node.op == "exists":
            return is_present
        operand: Any = node.operand
        if node.field.kind == "user_id" and node.op in ("eq", "in"):
            ids = (operand,) if node.op == "eq" else operand
            finals = tuple(self._identity.final_user(id) for id in ids)
            operand = finals[0] if node.op == "eq" else finals
        table = column.table(ask_texts(column, node.op, operand))
        return table.take(column.codes, mode="wrap")

    def _everyone(self, answer: bool) -> Flags:
        return np.full(len(self.names()[0]), answer)

    def names(self) -> tuple[Any, Any]:
        """Return the user ids and session ids of all actors; one of both is null."""
        if self._names is None:
            self._names = self._read_names()
        return self._names

    def _column(self, field: Field) -> tuple[Column, Flags]:
        if field not in self._columns:
            if field.kind == "user_id":
                column = read_column([self.names()[0]])
                self._columns[field] = (column, column.codes >= 0)
            else:
                self._columns[field] = self._read_property(field.name)
        return self._columns[field]

    def _read_property(self, name: str) -> tuple[Column, Flags]:
        import pyarrow

        texts: list[list[str]] = []
        is_present = np.zeros(len(self.profiles()), dtype=np.bool_)
        for row, profile in enumerate(self.profiles()):
            is_present[row] = name in profile and is_indexable_name(name)
            texts.append(index_value(profile[name])[0] if is_present[row] else [])
        return read_column([pyarrow.array(texts, pyarrow.list_(pyarrow.string()))]), is_present

    def profiles(self) -> Sequence[Any]:
        """Return the present profile of every actor."""
        if self._profiles is None:
            users, sessions = (names.to_pylist() for names in self.names())
            self._profiles = [
                self._identity.properties_of(user) if user is not None else self._session_profile(session)
                for user, session in zip(users, sessions, strict=True)
            ]
        return self._profiles

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return the number of a profile property by actor, NaN where there is none."""
        found = [numeric_value(profile.get(name)) for profile in self.profiles()]
        return np.array([np.nan if number is None else number for number in found], dtype=np.float64)

    def _session_profile(self, session_id: str | None) -> Any:
        return {} if session_id is None else self._identity.session(session_id).profile
