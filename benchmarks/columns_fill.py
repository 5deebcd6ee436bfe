"""How fast are columns filled and kept up to date, and what does a question over them cost?

Fills a DuckDB store with synthetic events of one month (put into its table directly: loading is measured by
`duckdb_load`), opens the columns cold, asks a five-step question, adds 10,000 events, and asks again.

    python -m benchmarks.columns_fill [--events 10000000] [--users 200000] [--folder DIR]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from openmetrics.columns.cache import ColumnCache, Limits, Question
from openmetrics.columns.slices import Plan, Slice
from openmetrics.columns.view import ColumnView
from openmetrics.identity.table import IdentityTable
from openmetrics.ingest.event import key_of
from openmetrics.query.model import All, Comparison, Did, Field
from openmetrics.settings import load_settings
from openmetrics.store.base import Store
from openmetrics.store.duckdb import ENGINE
from openmetrics.testing.journeys import make_event, to_lines

MONTH_MS = 1_793_491_200_000
SPAN_MS = 30 * 86_400_000
NAMES = ("view", "search", "cart", "checkout", "buy", *(f"other {n}" for n in range(15)))
NAME = Field("name")
BATCH = 100_000
LINE = (
    '{{"kind":"event","id":"e{n}","time":{time},"received":{time},"name":"{name}","user_id":"{user}",'
    '"user_key":{user_key},"session_id":"{session}","session_key":{session_key},"source":"web",'
    '"value":["1"],"value_num":[1.0],"active":true,'
    '"props":{{"plan":["plan {plan}"],"page":["/page/{page}"]}},'
    '"has":["plan","page"],"kinds":["plan\\u0001text","page\\u0001text"],"raw":"{{\\"value\\":1}}"}}\n'
)


@cache
def user_key(user: str) -> int:
    """Return the key of a user id."""
    return key_of("u", user)


@cache
def session_key(session: str) -> int:
    """Return the key of a session id."""
    return key_of("s", session)


def fill_store(folder: Path, events: int, users: int) -> None:
    """Put events into a new store, in the order of their times."""
    store = ENGINE.open(load_settings({"data_dir": str(folder)}, environ={}))
    store.ensure_schema()
    chance = np.random.default_rng(1)
    for first in range(0, events, BATCH):
        store.write(
            "".join(iter_lines(range(first, min(first + BATCH, events)), events, users, chance)).encode()
        )
    store.close()


def iter_lines(numbers: range, events: int, users: int, chance: np.random.Generator) -> Iterator[str]:
    """Yield spool lines of events: five sessions a user, each event with both ids."""
    count = len(numbers)
    who, which = chance.integers(users, size=count).tolist(), chance.integers(5, size=count).tolist()
    names = np.minimum(chance.integers(40, size=count), 19).tolist()
    plans, pages = chance.integers(5, size=count).tolist(), chance.integers(1000, size=count).tolist()
    for place, n in enumerate(numbers):
        user = f"u{who[place]}"
        session = f"{user}-{which[place]}"
        yield LINE.format(
            n=n, time=MONTH_MS + n * SPAN_MS // events, name=NAMES[names[place]], user=user, session=session,
            user_key=user_key(user), session_key=session_key(session), plan=plans[place], page=pages[place],
        )  # fmt: skip


def measure(label: str, work: Callable[[], Any], events: int = 0) -> Any:
    """Run some work once and print how long it took."""
    begun = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - begun
    rate = f", {events / seconds / 1e6:.1f} M events/s" if events else ""
    print(f"{label}: {seconds:.3f} s{rate}", flush=True)
    return found


def count_bits(slice: Slice) -> int:
    """Look at every event once."""
    return int(np.bitwise_count(slice.bits).sum())


def ask(view: ColumnView, plan: Plan) -> int:
    """Sum up what a plan finds."""
    return sum(view.map(plan, count_bits))


def run(store: Store, folder: Path, events: int) -> None:
    """Measure everything on a filled store."""
    identity = IdentityTable(store)

    def open_cache() -> ColumnCache:
        return ColumnCache(store, identity, folder / "columns", Limits())

    def view(cache: ColumnCache) -> ColumnView:
        return cache.view(MONTH_MS, MONTH_MS + SPAN_MS, Question(time.monotonic() + 600, lambda id: ()))

    steps = tuple(Comparison(NAME, "eq", name) for name in NAMES[:5])
    plan = Plan(steps)
    pro = Comparison(Field("props", "plan"), "eq", "plan 1")
    filtered = Plan(tuple(All((step, pro)) for step in steps))
    cache = open_cache()
    opened = measure("cold fill", lambda: view(cache), events)
    measure("five steps, first", lambda: ask(opened, plan))
    measure("five steps, again", lambda: ask(opened, plan))
    measure(
        "all events with two codes", lambda: ask(opened, Plan((None,), codes=(NAME, Field("session_id"))))
    )
    measure("property column, first", lambda: ask(opened, filtered))
    measure("property column, again", lambda: ask(opened, filtered))
    measure("did", lambda: ask(view(cache), Plan(steps, where=Did(("buy",), None, 2, None, None))))
    measure("one week", lambda: ask(view_week(cache), plan))
    measure("nothing new", lambda: ask(view(cache), plan))
    for count in range(3):
        store.write(make_news(count))
        measure("10,000 new events, five steps", lambda: ask(view(cache), plan))
        measure("the same with a property", lambda: ask(view(cache), filtered))
    cache.close()
    cache = open_cache()
    opened = measure("opened again", lambda: view(cache))
    measure("five steps", lambda: ask(opened, plan))
    cache.close()


def make_news(count: int) -> bytes:
    """Make 10,000 new events of as many users."""
    time_ms = MONTH_MS + SPAN_MS - 1
    numbers = range(10_000)
    return to_lines(
        *(make_event("view", time_ms, user_id=f"u{n * 17}", event_id=f"new {count} {n}") for n in numbers)
    )


def view_week(cache: ColumnCache) -> ColumnView:
    """Open seven days."""
    return cache.view(MONTH_MS, MONTH_MS + SPAN_MS // 4, Question(time.monotonic() + 600, lambda id: ()))


def main() -> None:
    """Fill a store (unless the folder holds one) and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="openmetrics-columns-"))
    if not (folder / "openmetrics.duckdb").exists():
        measure("filling the store", lambda: fill_store(folder, given.events, given.users))
    shutil.rmtree(folder / "columns", ignore_errors=True)
    store = ENGINE.open(load_settings({"data_dir": str(folder)}, environ={}))
    store.ensure_schema()
    run(store, folder, given.events)
    store.close()
    if given.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
