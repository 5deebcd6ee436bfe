"""Give the tests of the durable road a data folder, and a store that fails on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from openmetrics.settings import Settings, load_settings
from openmetrics.store.base import WriteReport
from openmetrics.store.memory import MemoryStore

Make = Callable[..., Settings]


class FlakyStore(MemoryStore):
    """The memory engine, with a network in front that can be cut, and with a poisonous line."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.poison: bytes | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.writes: list[bytes] = []
        self.attempts = 0
        self.refreshes = 0
        self.declared: list[list[str]] = []

    def write(self, lines: bytes) -> WriteReport:
        """Fail as told, else store."""
        self.attempts += 1
        self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        if self.poison is not None and self.poison in lines:
            raise RuntimeError("the engine broke")
        self.writes.append(lines)
        return super().write(lines)

    def refresh(self) -> None:
        """Fail as told, else count."""
        if self.failure is not None:
            raise self.failure
        self.refreshes += 1
        super().refresh()

    def declare_names(self, names: Sequence[str]) -> None:
        """Fail as told, else remember."""
        if self.failure is not None:
            raise self.failure
        self.declared.append(list(names))
        super().declare_names(names)

    def ids(self, kind: str = "event") -> list[str]:
        """Return the ids of all stored facts of a kind, in order of storing."""
        facts: list[Any] = []
        for (found, _), stored in self._facts.items():
            if found == kind:
                facts.extend(stored.values())
        return [fact["id"] for fact in sorted(facts, key=lambda fact: int(fact["seq"]))]


@pytest.fixture
def store() -> FlakyStore:
    """Return an empty store that works until it is told otherwise."""
    return FlakyStore()


@pytest.fixture
def make_settings(tmp_path: Path) -> Make:
    """Return a function that gives settings for the test's data folder."""

    def make(**values: Any) -> Settings:
        return load_settings({"data_dir": str(tmp_path / "data"), "spool_bytes": 1 << 20, **values}, {})

    return make


@pytest.fixture
def settings(make_settings: Make) -> Settings:
    """Return settings for the test's data folder."""
    return make_settings()


@pytest.fixture
def line() -> Callable[..., bytes]:
    """Return a function that makes the spool line of an event."""
    from openmetrics.ingest.event import Event
    from openmetrics.ingest.line import event_line

    def make(id: Any, new: list[str] | None = None, **properties: Any) -> bytes:
        event = Event(str(id), 1_700_000_000_000, 1_700_000_000_000, "open", "u", properties=properties)
        return event_line(event, new)

    return make
