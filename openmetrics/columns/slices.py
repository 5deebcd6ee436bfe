"""What a kernel sees: the events of a run of units, as contiguous columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmetrics.query.model import Field, Filter


@dataclass(frozen=True, slots=True)
class Plan:
    """Say which events a kernel wants to see, and what of them.

    `bits`: up to 64 conditions; bit i of `Slice.bits` is set where `bits[i]` matches (None matches all).
    `where`: events that do not match are left out altogether (semantics F7).
    `keeps_unmatched`: also events of which no bit is set (strict funnels need them).
    `codes`: fields whose canonical text is wanted as a code; `numbers`: fields whose number is wanted.
    `unit`: `user` (the resolved actor), `session`, or a property (each list element is a unit).
    """

    bits: tuple[Filter | None, ...]
    where: Filter | None = None
    keeps_unmatched: bool = False
    codes: tuple[Field, ...] = ()
    numbers: tuple[Field, ...] = ()
    unit: str | Field = "user"


@dataclass(frozen=True, slots=True)
class Codes:
    """A field of the events of a slice, dictionary-coded: event i has `flat[offsets[i]:offsets[i + 1]]`.

    A scalar has one code, a list one for each distinct element, missing and unfilterable none. Codes index
    `View.texts(field)`, the same dictionary for all slices of a view.
    """

    offsets: NDArray[np.int64]
    flat: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Slice:
    """The events of consecutive units: unit u has the events `offsets[u]:offsets[u + 1]`.

    Within a unit they are ordered by time, then arrival. `time` is Unix ms; `units` are the keys that
    `View.describe` turns into ids; `numbers[j]` is NaN where the event has no number in `Plan.numbers[j]`.
    """

    units: NDArray[np.int64]
    offsets: NDArray[np.int64]
    time: NDArray[np.int64]
    bits: NDArray[np.uint64]
    codes: Sequence[Codes] = field(default=())
    numbers: Sequence[NDArray[np.float64]] = field(default=())
