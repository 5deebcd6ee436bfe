"""One dictionary-coded column: a code a row, and the texts that the codes stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openmetrics.columns.kernels import freeze, split_lists, spread_codes
from openmetrics.query.values import numeric_value

if TYPE_CHECKING:
    import pyarrow

NUMBER_PATTERN = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\z"
NO_LISTS = (freeze(np.zeros(1, dtype=np.int64)), freeze(np.empty(0, dtype=np.int32)))


class Column:
    """Codes of rows and their dictionary. Immutable; what is derived from it is kept.

    A code from 0 is an index of `texts`; -1 is missing; -2 - k is the list `flat[offsets[k]:offsets[k + 1]]`
    of distinct codes. A text may stand twice in the dictionary.
    """

    def __init__(self, codes: NDArray[np.int32], texts: pyarrow.Array, lists: Any = NO_LISTS) -> None:
        self.codes: NDArray[np.int32] = freeze(codes)
        self.texts = texts
        self.offsets: NDArray[np.int64] = freeze(lists[0])
        self.flat: NDArray[np.int32] = freeze(lists[1])
        self._numbers: NDArray[np.float64] | None = None

    @property
    def numbers(self) -> NDArray[np.float64]:
        """Return the number that each text of the dictionary stands for, or NaN."""
        if self._numbers is None:
            self._numbers = freeze(_read_numbers(self.texts))
        return self._numbers

    @property
    def nbytes(self) -> int:
        """Return the size of all arrays."""
        return int(self.codes.nbytes + self.texts.nbytes + self.offsets.nbytes + self.flat.nbytes)

    def take(self, rows: NDArray[np.int64]) -> Column:
        """Return the column of some rows, with the same dictionary."""
        return Column(self.codes[rows], self.texts, (self.offsets, self.flat))

    def slice(self, start: int, end: int) -> Column:
        """Return the column of a stretch of rows, with the same dictionary."""
        return Column(self.codes[start:end], self.texts, (self.offsets, self.flat))

    def table(self, found: NDArray[np.bool_], is_missing: bool = False) -> NDArray[np.bool_]:
        """Turn an answer for each text into one for each code; negative codes wrap to its end.

        A list has the answer yes where one of its elements has.
        """
        lists = _any_of(found, self.offsets, self.flat)
        return np.concatenate((found, lists[::-1], np.array([is_missing])))

    def has_lists(self) -> bool:
        """Say whether any row has several values."""
        return len(self.offsets) > 1


def read_column(chunks: Sequence[pyarrow.Array]) -> Column:
    """Build a column from arrays of text, dictionaries of text, or lists of text."""
    import pyarrow
    import pyarrow.compute as pc

    if not chunks:
        return empty_column(0)
    if not pyarrow.types.is_list(chunks[0].type):
        return _encode(chunks)
    flat = _encode([chunk.flatten() for chunk in chunks])
    sizes = [pc.fill_null(pc.list_value_length(chunk), 0).to_numpy(zero_copy_only=False) for chunk in chunks]
    starts = np.zeros(sum(map(len, sizes)) + 1, dtype=np.int64)
    np.cumsum(np.concatenate(sizes), out=starts[1:])
    codes, offsets, distinct = split_lists(freeze(starts), flat.codes, len(flat.texts))
    return Column(codes, flat.texts, (offsets, distinct))


def empty_column(rows: int) -> Column:
    """Build a column in which every row is missing."""
    return Column(np.full(rows, -1, dtype=np.int32), to_texts(()))


def to_texts(texts: Sequence[str | None]) -> pyarrow.Array:
    """Build a dictionary."""
    import pyarrow

    return pyarrow.array(texts, pyarrow.large_string())


def join_texts(arrays: Sequence[pyarrow.Array]) -> pyarrow.Array:
    """Put dictionaries one after another."""
    import pyarrow

    return pyarrow.concat_arrays(arrays) if len(arrays) > 1 else arrays[0]


def join_columns(columns: Sequence[Column]) -> Column:
    """Put columns one after another; their dictionaries too, each dictionary once."""
    if len(columns) == 1:
        return columns[0]
    codes, offsets, flat = [], [np.zeros(1, dtype=np.int64)], []
    begins: dict[int, int] = {}
    dictionaries: list[Any] = []
    lists = elements = 0
    for column in columns:
        begin = begins.get(id(column.texts))
        if begin is None:
            begin = begins[id(column.texts)] = sum(map(len, dictionaries))
            dictionaries.append(column.texts)
        shifts = np.where(column.codes >= 0, begin, np.where(column.codes < -1, -lists, 0))
        codes.append((column.codes + shifts).astype(np.int32))
        offsets.append(column.offsets[1:] + elements)
        flat.append(column.flat + np.int32(begin))
        lists += len(column.offsets) - 1
        elements += len(column.flat)
    joined = (np.concatenate(offsets), np.concatenate(flat)) if lists else NO_LISTS
    return Column(np.concatenate(codes), join_texts(dictionaries), joined)


def compact(column: Column) -> Column:
    """Return the same column without texts and lists that no row has, each text once."""
    codes, lists = column.codes, (column.offsets, column.flat)
    if column.has_lists():
        starts, flat = spread_codes(codes, *lists)
        codes, *lists = split_lists(freeze(starts), freeze(flat), len(column.texts))
    used = np.zeros(len(column.texts) + 1, dtype=np.bool_)
    used[np.maximum(codes, -1)] = True
    used[lists[1]] = True
    rows = np.flatnonzero(used[:-1])
    encoded = _encode([column.texts.take(rows)])
    mapped = np.full(len(column.texts), -1, dtype=np.int32)
    mapped[rows] = encoded.codes
    found = np.where(codes >= 0, mapped[np.maximum(codes, 0)], codes) if len(mapped) else codes
    return Column(found.astype(np.int32), encoded.texts, (lists[0], mapped[lists[1]]))


def _encode(chunks: Sequence[pyarrow.Array]) -> Column:
    import pyarrow

    text = pyarrow.large_string()
    encoded = [
        chunk.cast(pyarrow.dictionary(pyarrow.int32(), text))
        if pyarrow.types.is_dictionary(chunk.type)
        else chunk.cast(text).dictionary_encode()
        for chunk in chunks
    ]
    unified = pyarrow.chunked_array(encoded).unify_dictionaries()
    parts = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in unified.chunks]
    return Column(np.concatenate(parts).astype(np.int32), unified.chunk(0).dictionary)


def _any_of(found: NDArray[np.bool_], offsets: Any, flat: Any) -> NDArray[np.bool_]:
    if len(offsets) < 2:
        return np.empty(0, dtype=np.bool_)
    answers: NDArray[np.bool_] = np.logical_or.reduceat(found[flat], offsets[:-1])
    return answers


def _read_numbers(texts: pyarrow.Array) -> NDArray[np.float64]:
    import pyarrow.compute as pc

    numbers = np.full(len(texts), np.nan)
    looks = pc.fill_null(pc.match_substring_regex(texts, NUMBER_PATTERN), False)
    rows = np.flatnonzero(looks.to_numpy(zero_copy_only=False))
    for row, text in zip(rows.tolist(), texts.take(rows).to_pylist(), strict=True):
        number = numeric_value(text)
        if number is not None:
            numbers[row] = number
    return numbers
