"""Documents that people save: segments, metrics, dashboards. Each has an id and a version."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openmetrics.errors import OpenMetricsError
from openmetrics.store.base import Store

ID = re.compile(r"[a-z0-9_-]{1,64}")
ID_RULE = "An id is 1 to 64 of a-z, 0-9, _ and -."


@dataclass(frozen=True, slots=True)
class SavedKind:
    """A kind of saved document, such as `segment`.

    `name` is its name in the store and in sentences, and that of the schema of what is put.
    `check(id, document)` returns what is to be stored of a document that its schema has passed; it raises
    `invalid-query` with pointers. `refers(document)` yields the name and id of every saved document that
    one names: what is named by another is not deleted.
    """

    name: str
    plural: str
    check: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
    refers: Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]]


def check_unused(store: Store, kinds: Iterable[SavedKind], name: str, id: str) -> None:
    """Refuse to lose a document that others name. Raises OpenMetricsError `conflict`, naming them."""
    users = [
        f"{kind.name} {document.id}"
        for kind in kinds
        for document in store.control_list(kind.name)
        if (name, id) in kind.refers(document.body)
    ]
    if users:
        named = ", ".join(users[:20]) + (f" and {len(users) - 20} more" if len(users) > 20 else "")
        detail = f"The {name} {id} is used by {named}; change or delete these first."
        raise OpenMetricsError("conflict", detail, members={"used_by": users})


def iter_segments(document: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield the segments that a filter or a question names, each with its place."""
    if isinstance(document, list):
        for number, part in enumerate(document):
            yield from iter_segments(part, f"{pointer}/{number}")
    elif isinstance(document, Mapping):
        for name, part in document.items():
            if name == "segment" and isinstance(part, str):
                yield f"{pointer}/segment", part
            elif name == "compare_segments" and isinstance(part, list):
                yield from ((f"{pointer}/{name}/{n}", id) for n, id in enumerate(part) if isinstance(id, str))
            else:
                yield from iter_segments(part, f"{pointer}/{name}")
