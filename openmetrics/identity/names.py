"""List millions of user ids in order, without sorting them again for each new one."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from openmetrics.identity.arrays import Names
from openmetrics.identity.layers import Layers


class NameList:
    """Keep the archive's ids sorted as long as it is the same one. For callers that hold the lock."""

    def __init__(self) -> None:
        self._names: Names | None = None
        self._sorted: Sequence[str] = ()

    def iterate(self, layers: Layers, prefix: str = "", after: str = "") -> Iterator[str]:
        """Yield the ids that facts name, in code point order, each once: those with a prefix, after one."""
        if self._names is not layers.archive.names:
            self._names = layers.archive.names
            self._sorted = _Texts(self._names)
        newer = sorted(layers.newer_users())
        last = after
        for name in heapq.merge(_iter_from(self._sorted, prefix, after), _iter_from(newer, prefix, after)):
            if not name.startswith(prefix):
                return
            if name != last:
                yield name
            last = name


class _Texts(Sequence[str]):
    """Arrow text in code point order, which is the order of its bytes."""

    def __init__(self, names: Names) -> None:
        import pyarrow.compute

        self._texts = names.texts.take(pyarrow.compute.sort_indices(names.texts))

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: Any) -> Any:
        return self._texts[index].as_py()


def _iter_from(names: Sequence[str], prefix: str, after: str) -> Iterator[str]:
    for place in range(max(bisect_right(names, after), bisect_left(names, prefix)), len(names)):
        yield names[place]
