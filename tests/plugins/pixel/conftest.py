"""Give each test a server of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openmetrics.testing.client import Running, running
from openmetrics.testing.clock import FixedClock


@pytest.fixture
def site() -> Iterator[Running]:
    """Run a server whose clock stands still."""
    with running(FixedClock()) as server:
        yield server
