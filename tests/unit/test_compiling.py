"""Compiling ahead meets every loop, leaves its mark, and makes questions wait, never events."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from openmetrics.app import read_settings
from openmetrics.compiling import start_compiling
from openmetrics.testing.client import running

LIST_MISSED = """
HUGE = ("pack_rows", "unpack_rows", "fill_slots")
import importlib, pkgutil, sys
from numba.core.registry import CPUDispatcher
import openmetrics_plugins
from openmetrics.app import read_settings
from openmetrics.compiling import compile_loops, is_compiled
manager = read_settings()[1]
compile_loops(manager)
assert is_compiled(manager)
loops = {
    id(value): value
    for name, module in sorted(sys.modules.items())
    if name.startswith(("openmetrics.", "openmetrics_plugins."))
    for value in vars(module).values()
    if isinstance(value, CPUDispatcher) and not value.__name__.startswith("_")
    if not value.targetoptions.get("no_cpython_wrapper")
}
assert len(loops) > 20
# A loop that only others call comes with its callers, and perhaps has no wrapper; the huge ones are for
# a million rows.
missed = [loop for loop in loops.values() if not loop.signatures and loop.__name__ not in HUGE]
print(*(f"{loop.__module__}.{loop.__name__}" for loop in missed))
"""


@pytest.mark.slow
def test_compiling_ahead_meets_every_loop() -> None:
    done = subprocess.run([sys.executable, "-c", LIST_MISSED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_nothing_is_compiled_twice() -> None:
    _, manager = read_settings({}, {})
    start_compiling(manager)(time.monotonic() + 600)
    assert start_compiling(manager)(time.monotonic())


def test_questions_wait_for_compiling_and_events_do_not() -> None:
    with running() as app:
        app.server.columns.is_compiled = lambda deadline: False
        assert app.client.simulate_post("/v1/collect", json={"name": "A", "user_id": "u"}).status_code == 202
        question = {"range": {"last": "1d"}, "interval": "day"}
        answer = app.client.simulate_post("/v1/analyses/retention", json=question)
        assert (answer.status_code, answer.json["code"]) == (503, "preparing")
        assert answer.headers["retry-after"] == "30"
        app.server.columns.is_compiled = lambda deadline: True
        assert app.client.simulate_post("/v1/analyses/retention", json=question).status_code == 200
