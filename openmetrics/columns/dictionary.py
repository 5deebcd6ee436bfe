"""One dictionary for a whole view, from those of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.column import Column, join_texts
from openmetrics.columns.kernels import freeze

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """Texts, each once, and for the dictionary of each part the code that its texts have here."""

    texts: Sequence[str]
    maps: Mapping[int, NDArray[np.int32]]

    def map_of(self, column: Column) -> NDArray[np.int32]:
        """Return the codes here of a column's texts."""
        return self.maps[id(column.texts)]


def unify_texts(arrays: Sequence[pyarrow.Array]) -> Dictionary:
    """Join dictionaries; equal texts get one code, a null none."""
    distinct = {id(array): array for array in arrays}
    if not distinct:
        return Dictionary([], {})
    encoded = join_texts(list(distinct.values())).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    ends = np.cumsum([len(array) for array in distinct.values()])
    parts = np.split(codes, ends[:-1])
    maps = {key: freeze(part) for key, part in zip(distinct, parts, strict=True)}
    return Dictionary(encoded.dictionary.to_pylist(), maps)
