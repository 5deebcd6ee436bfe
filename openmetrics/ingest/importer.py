"""A format of files whose records are events and other facts: what `register_importers` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from openmetrics.ingest.receipt import Draft


@dataclass(frozen=True, slots=True)
class Importer:
    """A format. A record is one JSON object, or one row of a table by its column names.

    `recognise` says whether a record looks like one of this format, of no other; the first records of a
    file are shown to it where nobody names the format. `decode` gives the drafts that a record stands for,
    `Refused` for what it cannot read; a draft without an id gets one that follows from the record, so
    that importing a file again adds nothing.
    """

    name: str
    title: str
    recognise: Callable[[Mapping[str, Any]], bool]
    decode: Callable[[Mapping[str, Any]], Iterable[Draft]]
