"""Kill the durable road at every point: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from openmetrics.ingest.backlog import read_status
from openmetrics.ingest.dead_letters import read_letters
from openmetrics.query.model import EventsQuery
from openmetrics.settings import Settings, load_settings

ENGINES = ("openmetrics.store.duckdb:ENGINE",)
CHILD = Path(__file__).with_name("dying_road.py")
POINTS = {
    "before-write": (0, 20),
    "torn-write": (0, 20),
    "before-sync": (0, 20),
    "after-sync": (0, 20),
    "before-folder-sync": (0, 5),
    "before-store": (0, 3),
    "after-store": (0, 3),
    "after-names-agreed": (0,),
    "after-names-declared": (0,),
    "before-retire": (0, 3),
    "after-retire": (0, 3),
    "before-remove": (0,),
}
"""Each point, and how often it is passed before the process dies there, one round each."""


class Road:
    """A data folder, the process that works on it, and what that process has promised."""

    def __init__(self, data_dir: Path, engine: str) -> None:
        self.settings: Settings = load_settings({"data_dir": str(data_dir)}, {})
        self._engine = engine
        self._rounds = 0
        self.acked: set[str] = set()

    def run(self, point: str, kill_after_s: float | None = None) -> str:
        """Run a round until it dies; return what it said on its way."""
        self._rounds += 1
        arguments = [
            sys.executable,
            str(CHILD),
            self.settings.data_dir,
            self._engine,
            str(self._rounds),
            point,
        ]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            if kill_after_s is not None:
                assert process.stdout is not None
                self.acked.add(process.stdout.readline().decode().strip())
                time.sleep(kill_after_s)
                process.kill()
            out, err = process.communicate(timeout=60)
        whole = out[: out.rfind(b"\n") + 1]
        self.acked.update(whole.decode().split())
        if not point.startswith("drain"):
            assert process.returncode == -9, err.decode()
        else:
            assert process.returncode == 0, err.decode()
        return err.decode()

    def check(self) -> None:
        """Store the rest, then compare the store with the promises."""
        self.run("drain:0")
        assert read_status(self.settings).folders == ()
        stored = self._stored_ids()
        assert len(stored) == len(set(stored)), "an event is doubled"
        assert self.acked <= set(stored), "an acknowledged event is lost"
        dead = {letter.line for letter in read_letters(self.settings.data_path)}
        bad = {id for id in self.acked if int(id.rpartition("-")[2]) % 20 == 0}
        assert {f'{{"kind":"surprise","id":"bad-{id}","time":1}}'.encode() for id in bad} <= dead

    def _stored_ids(self) -> list[str]:
        module, _, attribute = self._engine.partition(":")
        store: Any = getattr(import_module(module), attribute).open(self.settings)
        ids: list[str] = []
        cursor = None
        while True:
            page = store.events(EventsQuery(limit=10_000, cursor=cursor))
            ids.extend(event.event_id for event in page.events)
            cursor = page.next
            if cursor is None:
                store.close()
                return ids


@pytest.fixture(params=ENGINES)
def road(request: pytest.FixtureRequest, tmp_path: Path) -> Road:
    return Road(tmp_path / "data", request.param)


@pytest.mark.parametrize("point", list(POINTS))
def test_road_killed_at_a_point_loses_and_doubles_nothing(road: Road, point: str) -> None:
    road.run("never:0", kill_after_s=0.3)
    for passes in POINTS[point]:
        assert f"died at {point}" in road.run(f"{point}:{passes}")
    road.check()
    assert len(road.acked) > 10


@pytest.mark.slow
def test_road_killed_at_any_time_loses_and_doubles_nothing(road: Road) -> None:
    generator = random.Random(20261125)
    for _ in range(10):
        road.run("never:0", kill_after_s=generator.uniform(0, 0.5))
    road.check()
    assert len(road.acked) > 100
