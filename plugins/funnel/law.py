"""The rules of a funnel as one record, which is what compiled code takes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmetrics_plugins.funnel.model import FOREVER_MS, Rules

Ints = NDArray[np.int64]
Law = Any
"""A record of `LAW`."""

NEVER = np.int64(-FOREVER_MS)
FOREVER = np.int64(FOREVER_MS)
NOTHING = np.int64(0)
ORDERS = ("ordered", "strict", "any")
ORDERED, STRICT, ANY = range(3)
MAX_STEPS = 50
MAX_BITS = 63
"""Steps and exclusions share one word of flags, whose sign is left alone."""

LAW = np.dtype(
    (
        np.record,
        [
            *((name, np.int64) for name in ("steps", "exclusions", "required", "order", "window", "grace")),
            *((name, np.int64) for name in ("is_first_entry", "is_total", "has_hops", "start", "end")),
            *((name, np.int64) for name in ("optional", "drops", "removers", "attributed")),
            *((name, np.int64, (MAX_STEPS,)) for name in ("within", "rank")),
            *((name, np.int64, (MAX_BITS,)) for name in ("from_step", "to_step")),
        ],
    )
)
"""`optional`, `drops` and `removers` are masks of flags; `rank[k]` counts the required steps up to step k.

A step without a bound has `within` `FOREVER`; `attributed` is the step whose values make groups, or -1.
"""

_FOLDING = 0x03F79D71B4CB0A89
"""A de Bruijn sequence: multiplied by a power of two its top six bits tell which one it was."""
_PLACES = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    _PLACES[(_FOLDING << _bit) % (1 << 64) >> 58] = _bit

_SOURCES = [path.read_bytes() for path in Path(__file__).parent.glob("*.py")]
_VERSION = sum(zlib.crc32(source) for source in _SOURCES if b"inner" in source)

inner: Callable[..., Any] = njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what only compiled code calls: half the time to compile."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function, once an installation."""
    # NOTE: numba keeps what it compiled by name, and asks only whether the function's own file has changed,
    # not those of the functions that went into it.
    function.__qualname__ += f"-{_VERSION:x}"
    made: Callable[..., Any] = njit(nogil=True, cache=True)(function)
    return made


def compile_rules(rules: Rules) -> Law:
    """Return the rules as compiled code sees them."""
    law = np.zeros(1, dtype=LAW)[0]
    law.steps, law.exclusions, law.required = rules.steps, len(rules.exclusions), len(rules.required)
    law.order, law.window, law.grace = ORDERS.index(rules.order), rules.window_ms, rules.grace_ms
    law.is_first_entry, law.is_total = rules.is_first_entry, rules.is_total
    law.start, law.end = rules.start_ms, rules.end_ms
    law.attributed = rules.attributed if rules.attribution == "step" else -1
    for step in range(rules.steps):
        within = rules.within[step]
        law.within[step] = FOREVER if within is None else within
        law.optional |= rules.optional[step] << step
        law.rank[step] = sum(1 for other in rules.required if other <= step)
    for number, exclusion in enumerate(rules.exclusions):
        flag = 1 << rules.steps + number
        law.drops |= flag if exclusion.is_drop else 0
        law.removers |= 0 if exclusion.is_drop else flag
        law.from_step[number], law.to_step[number] = exclusion.from_step, exclusion.to_step
    has_bounds = any(within is not None for within in rules.within)
    law.has_hops = law.order == STRICT or law.drops != 0 or has_bounds
    return law


@inner
def lowest_bit(mask: int) -> int:
    """Return the number of the lowest flag that is set; the mask is not 0."""
    return _PLACES[np.uint64(np.uint64(mask & -mask) * np.uint64(_FOLDING)) >> np.uint64(58)]


@inner
def required_rows(depth: int, law: Law) -> int:
    """Return the flags of the first so many required steps."""
    rows = 0
    for step in range(law.steps):
        if law.rank[step] <= depth and not law.optional >> step & 1:
            rows |= 1 << step
    return rows


@inner
def find_place(times: Ints, time: int) -> int:
    """Return the first place in ascending times at or after a time."""
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle] < time:
            low = middle + 1
        else:
            high = middle
    return low
