"""Keep a spool folder's progress where every process can read it: a small memory-mapped record.

Positions count bytes ever appended to the folder. They are advice for readers: after a crash the
files themselves say what is there.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_ACKED, _STORED, _SEAL, _LINES, _TROUBLE = range(5)
_SIZE = 64


class Positions:
    """Read and write one folder's record.

    SAFETY: each number is one aligned word of 8 bytes, so a reader in another process never sees half
    of it. The owner writes all of them; others write `seal` alone.
    """

    def __init__(self, path: Path) -> None:
        """Map an existing record. Raises OSError or ValueError where there is none yet."""
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, _SIZE)
        finally:
            os.close(fd)
        self._words = memoryview(self._map).cast("Q")

    @classmethod
    def create(cls, path: Path) -> Positions:
        """Make the record if it is missing and map it. Idempotent."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            missing = _SIZE - os.fstat(fd).st_size
            if missing > 0:
                # SAFETY: real zeros, no hole: a full disk must fail here, not by SIGBUS at a later store.
                os.pwrite(fd, bytes(missing), _SIZE - missing)
                os.fsync(fd)
        finally:
            os.close(fd)
        return cls(path)

    @property
    def acked(self) -> int:
        """Return the bytes that survive a crash."""
        return self._words[_ACKED]

    @acked.setter
    def acked(self, value: int) -> None:
        """Publish the bytes that survive a crash."""
        self._words[_ACKED] = value

    @property
    def stored(self) -> int:
        """Return the bytes that the store has confirmed."""
        return self._words[_STORED]

    @stored.setter
    def stored(self, value: int) -> None:
        """Publish the bytes that the store has confirmed."""
        self._words[_STORED] = value

    @property
    def seal(self) -> int:
        """Return the position up to which somebody asks for sealed files."""
        return self._words[_SEAL]

    @seal.setter
    def seal(self, value: int) -> None:
        """Ask for sealed files up to a position."""
        self._words[_SEAL] = value

    @property
    def lines(self) -> int:
        """Return the lines ever appended."""
        return self._words[_LINES]

    @lines.setter
    def lines(self, value: int) -> None:
        """Publish the lines ever appended."""
        self._words[_LINES] = value

    @property
    def is_troubled(self) -> bool:
        """Say whether the last attempt to store failed."""
        return bool(self._words[_TROUBLE])

    @is_troubled.setter
    def is_troubled(self, value: bool) -> None:
        """Publish whether the last attempt to store failed."""
        self._words[_TROUBLE] = int(value)

    @property
    def backlog_bytes(self) -> int:
        """Return the bytes acknowledged and not yet stored."""
        stored = self.stored  # read first: the other order could give less than nothing
        return max(0, self.acked - stored)

    @property
    def backlog_events(self) -> int:
        """Estimate the events acknowledged and not yet stored, by the mean length of a line."""
        acked = self.acked
        return -(-self.backlog_bytes * self.lines // acked) if acked else 0
