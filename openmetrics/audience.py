"""Choose among events that have just arrived: those of a name, or of the actors in a segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmetrics.analysis import Asking
from openmetrics.columns.counting import count_events
from openmetrics.columns.slices import Plan, Slice
from openmetrics.ingest.event import key_of
from openmetrics.query.model import All, Comparison, Field, Filter, InSegment
from openmetrics.query.nobody import is_nobody_in
from openmetrics.store.base import StoredEvent

NAME = Field("name")
ACTIVE = Comparison(Field("active"), "eq", "true")


@dataclass(frozen=True, slots=True)
class Audience:
    """The events of a name and of a segment's actors; None takes every one."""

    asking: Asking
    name: str | None = None
    segment: str | None = None

    def choose(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Return those of some events that belong to it, in their order."""
        found = [event for event in events if self.name in (None, event.name)]
        if self.segment is None or not found:
            return found
        times = [event.time_ms for event in found]
        view = self.asking.view(min(times), max(times) + 1)
        inside = view.keys[view.actor_mask(InSegment(self.segment))]
        keys = np.array([self._key_of(event) or 0 for event in found], dtype=np.int64)
        of_nobody = is_nobody_in(InSegment(self.segment), self.asking.segment)
        flags = np.isin(keys, inside).tolist()
        return [
            event
            for event, is_inside in zip(found, flags, strict=True)
            if (of_nobody if self._key_of(event) is None else is_inside)
        ]

    def count_names(self, start_ms: int) -> Counter[str]:
        """Count the events since a time by name, those of nobody left out."""
        view = self.asking.view(start_ms, None)
        names = view.texts(NAME)

        def count(slice: Slice) -> NDArray[np.int64]:
            return np.bincount(slice.codes[0].flat, minlength=len(names))

        total: Counter[str] = Counter()
        for counts in view.map(Plan((None,), where=self._filter(), codes=(NAME,)), count):
            total.update(dict(zip(names, counts.tolist(), strict=True)))
        return +total

    def count_active(self, start_ms: int) -> int:
        """Count the actors with an event since a time that counts as activity."""
        view = self.asking.view(start_ms, None)
        keys, _ = count_events(view, Plan((None,), where=self._filter(ACTIVE)))
        return len(keys)

    def _filter(self, *more: Filter) -> Filter:
        parts: list[Filter] = list(more)
        if self.name is not None:
            parts.append(Comparison(NAME, "eq", self.name))
        if self.segment is not None:
            parts.append(InSegment(self.segment))
        return All(tuple(parts))

    def _key_of(self, event: StoredEvent) -> int | None:
        owner = self.asking.identity.owner(event.session_id, event.time_ms, event.user_id)
        if owner is not None:
            return key_of("u", owner)
        return None if event.session_id is None else key_of("s", event.session_id)
