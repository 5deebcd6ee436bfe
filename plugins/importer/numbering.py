"""Give records ids that follow from what they hold, so that importing them again adds nothing."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from struct import unpack

WIDTH = 1 << 22
DEPTH = 4


class Numbering:
    """Number equal records of a file, in memory that does not grow.

    A record's id is a hash of what it holds and of how many equal ones came before, so equal rows stay
    apart and a file gives the same ids each time. The count is a sketch (count-min): where it is too high,
    which it is for one of a thousand records once a file has several million, ids are still unique and
    still the same each time; only another file that holds the same record may then give it another id.
    """

    def __init__(self, format: str) -> None:
        self._format = format.encode()[:16]
        self._rows = [array("I", bytes(4 * WIDTH)) for _ in range(DEPTH)]

    def next_id(self, key: bytes) -> str:
        """Return the id of the next record that holds `key`."""
        digest = blake2b(key, digest_size=16, person=self._format).digest()
        cells = [(row, place % WIDTH) for row, place in zip(self._rows, unpack("<4I", digest), strict=True)]
        count = min(row[place] for row, place in cells)
        for row, place in cells:
            if row[place] == count:
                row[place] = count + 1
        if count:
            digest = blake2b(digest + count.to_bytes(8, "little"), digest_size=16).digest()
        return digest.hex()
