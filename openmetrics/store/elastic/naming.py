"""Name indices and documents of a project."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

from openmetrics.settings import SettingsError

MAX_ID_BYTES = 512
PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Names:
    """The index names of a project, all beginning with its prefix."""

    prefix: str

    def __post_init__(self) -> None:
        """Refuse a prefix that cannot begin an index name."""
        if not PREFIX.fullmatch(self.prefix):
            raise SettingsError(
                f"setting elasticsearch_index_prefix takes lower-case letters, digits, dots, hyphens and "
                f"underscores, a letter or digit first, not {self.prefix!r}"
            )

    @property
    def events(self) -> str:
        """The alias of all months of events."""
        return f"{self.prefix}-events"

    @property
    def facts(self) -> str:
        """The index of links, profile operations, merges and tombstones."""
        return f"{self.prefix}-facts"

    @property
    def control(self) -> str:
        """The index of control documents."""
        return f"{self.prefix}-control"

    def month(self, period: str) -> str:
        """Return the index of one period of events."""
        return f"{self.events}-{period}"

    def period(self, index: str) -> str:
        """Return the period of an index of events."""
        return index.removeprefix(f"{self.events}-")


def document_id(kind: str, id: str) -> str:
    """Return the `_id` of what is named by kind and id; a hash where it would be too long for one."""
    name = f"{kind}:{id}"
    if len(name.encode()) <= MAX_ID_BYTES:
        return name
    return f"{kind}:{blake2b(id.encode(), digest_size=32).hexdigest()}"
