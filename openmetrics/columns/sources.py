"""Where each column comes from: what to scan, and how to read texts from it.

A column is named by the path of its field (`name`, `source`, `value`, `props.X`, `fields.X`,
`context.X`); `kinds.X` holds the JSON kind of the property X (of the value, where X is empty), and
`has.fields.X` whether that path is present.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openmetrics.ingest.event import iter_paths
from openmetrics.query.model import Field
from openmetrics.query.values import KINDS, index_value, is_indexable_name

if TYPE_CHECKING:
    import pyarrow

TRUE = "true"


@dataclass(frozen=True, slots=True)
class Source:
    """A column of a scan, and what makes texts (or lists of texts) of it."""

    scanned: str
    read: Callable[[Any], pyarrow.Array]


def source_of(name: str) -> Source:
    """Return the source of a column by its name."""
    kind, _, rest = name.partition(".")
    if kind == "kinds":
        return Source("kinds", lambda array: _read_kinds(array, rest))
    if kind in ("fields", "context"):
        return Source("raw", lambda array: _read_paths(array, kind, rest))
    if kind == "has":
        member, _, path = rest.partition(".")
        return Source("raw", lambda array: _read_presence(array, member, path))
    return Source(name, _read_texts)


def presence_of(field: Field) -> str | None:
    """Return the column that says where a field is present, where its own texts do not."""
    if field.kind == "props":
        return f"kinds.{field.name}"
    return f"has.{field}" if field.kind in ("fields", "context") else None


def _read_texts(array: Any) -> pyarrow.Array:
    """Take texts as they are, few different ones as a dictionary."""
    import pyarrow

    return array if pyarrow.types.is_list(array.type) else array.dictionary_encode()


def _read_kinds(array: Any, name: str) -> pyarrow.Array:
    import pyarrow
    import pyarrow.compute as pc

    wanted = pyarrow.array([f"{name}\x01{kind}" for kind in KINDS])
    found = pc.index_in(array.flatten(), value_set=wanted)
    rows = pc.list_parent_indices(array).filter(found.is_valid()).to_numpy()
    kinds = np.full(len(array), len(KINDS))
    kinds[rows] = found.drop_null().to_numpy()
    codes = pyarrow.array(kinds.astype(np.int32), mask=kinds == len(KINDS))
    return pyarrow.DictionaryArray.from_arrays(codes, pyarrow.array(KINDS))


def _read_paths(array: Any, member: str, path: str) -> pyarrow.Array:
    import pyarrow

    texts = []
    for values in _iter_values(array, member, path):
        found = [text for value in values for text in index_value(value)[0] if "\0" not in text]
        texts.append(found)
    return pyarrow.array(texts, pyarrow.list_(pyarrow.string()))


def _read_presence(array: Any, member: str, path: str) -> pyarrow.Array:
    import pyarrow

    found = [TRUE if values else None for values in _iter_values(array, member, path)]
    return pyarrow.array(found, pyarrow.string()).dictionary_encode()


def _iter_values(array: Any, member: str, path: str) -> Any:
    """Yield for each event the values that it has under a dotted path."""
    mark = f'"{member}":'
    for raw in array.to_pylist():
        if mark in raw and is_indexable_name(path):
            members = json.loads(raw).get(member) or {}
            yield [value for found, value in iter_paths(members) if found == path]
        else:
            yield []
