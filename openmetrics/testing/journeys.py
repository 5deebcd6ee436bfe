"""Make facts for tests: plain ones by keyword, and random ones that hold everything JSON allows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openmetrics.ingest.event import Event
from openmetrics.ingest.line import event_line

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NOON_MS = 1_794_312_000_000
"""2026-11-10 12:00 UTC, a Tuesday."""
DAY_MS = 86_400_000
ODD_NAMES = (
    "plan", "a", "a.b", "a..b", ".", "$k", "100%", "_", "*", "?", "\\", '"', "ключ 🙂", " x ", "props.a",
    "x'y", "/", "~1", "0", "-",
)  # fmt: skip
ODD_TEXTS = (
    "", "a", "b", "ab", "A", "100%", "a_b", "a*b", "a?b", "\\", '"', "'", "naïve", "🙂",
    "\uffff", "\U00010000", "1", "1.0", "-1.5e3", "007", "true", "x" * 1_024, "x" * 1_025, "a\nb", "?*%_",
)  # fmt: skip
ODD_NUMBERS = (0, 1, -1, 2, 1.5, -0.0, 12, 1e21, 1e-7, 2**53 + 1, 10**30, -(10**25), 0.1, 1_000_000)

_ids = itertools.count()


def make_event(name: str = "open", time_ms: int = NOON_MS, **members: Any) -> Event:
    """Make an event; its id is new and it is received when it happens, unless given."""
    members.setdefault("received_ms", time_ms)
    members.setdefault("event_id", f"e{next(_ids):06d}")
    return Event(name=name, time_ms=time_ms, **members)


def to_lines(*events: Event) -> bytes:
    """Serialise events as spool lines."""
    return b"".join(event_line(event) for event in events)


def json_values() -> SearchStrategy[Any]:
    """Draw a property value of any JSON kind."""
    from hypothesis import strategies as st

    scalars = st.one_of(
        st.sampled_from(ODD_TEXTS),
        st.sampled_from(ODD_NUMBERS),
        st.integers(-5, 5),
        st.booleans(),
        st.none(),
        st.text(max_size=4, alphabet=st.characters(exclude_categories=["Cs"])),
    )
    nested = st.one_of(scalars, st.just({"a": 1}), st.just([1]))
    return st.one_of(scalars, scalars, st.lists(nested, max_size=4), st.just({"a": {"b": "c"}}), st.just({}))


def random_events(max_size: int = 25) -> SearchStrategy[list[Event]]:
    """Draw events with few names, actors and instants, so that ties and repeats are common."""
    from hypothesis import strategies as st

    times = st.one_of(
        st.integers(-3, 3).map(lambda n: NOON_MS + n),
        st.integers(-60, 60).map(lambda n: NOON_MS + n * DAY_MS // 2),
        st.sampled_from((-1, 0, -62_135_596_800_000, 946_684_799_999, 946_684_800_000)),
    )
    members = st.dictionaries(st.sampled_from(ODD_NAMES), json_values(), max_size=4)
    nested = st.dictionaries(
        st.sampled_from(ODD_NAMES), st.one_of(json_values(), st.just({"a": {"b": "x", "": 1}})), max_size=2
    )
    event = st.builds(
        make_event,
        name=st.sampled_from(("open", "buy", "a.b", "100%", "🙂", "\uffff")),
        time_ms=times,
        received_ms=st.integers(0, 2),
        event_id=st.sampled_from([f"id{n}" for n in range(60)]),
        user_id=st.sampled_from((None, None, "u1", "u2", "Ü")),
        session_id=st.sampled_from((None, "s1", "s2", "s3")),
        source=st.sampled_from((None, "web", "app")),
        properties=members,
        fields=nested,
        context=nested,
        value=st.one_of(st.just(1), json_values()),
        active=st.booleans(),
    )
    return st.lists(event, max_size=max_size)


def repeat_events(events: Sequence[Event]) -> bytes:
    """Serialise events, the first half of them twice, as a client does that never saw an answer."""
    return to_lines(*events[: len(events) // 2]) + to_lines(*events)
