"""Hand spool lines to the store: the one place through which stored facts pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from openmetrics.ingest.dead_letters import DeadLetter
from openmetrics.ingest.erasures import Erasures
from openmetrics.ingest.folder import is_readable
from openmetrics.ingest.names import Names
from openmetrics.store.base import Store, StoreUnavailableError, WriteReport

_MAX_FAILURES = 500


@dataclass(slots=True)
class Delivery:
    """What became of lines: how many the store holds, and which it refused."""

    stored: int = 0
    duplicate: int = 0
    letters: list[DeadLetter] = field(default_factory=list)

    def add(self, other: Delivery) -> None:
        """Add the outcome of further lines."""
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.letters.extend(other.letters)


class Door:
    """Leave out what is erased, agree the names and write. Thread-safe because all parts are.

    NOTE: whatever must look at facts before they are stored belongs here: the pump and every replay come
    through.
    """

    def __init__(self, store: Store, names: Names) -> None:
        self._store = store
        self._names = names
        self.erasures = Erasures(store)

    def deliver(self, lines: bytes, is_foreign: bool = False) -> Delivery:
        """Store lines. Raises StoreUnavailableError and whatever the engine raises; a repeat is harmless.

        `is_foreign` lines may come from before this store: see `Names.agree`.
        """
        if not lines:
            return Delivery()
        known = self.erasures.sync()
        kept = self.erasures.strip(lines)
        if not kept:
            return Delivery()
        report = self._store.write(self._names.agree(kept, is_foreign))
        # SAFETY: who is erased while lines are being stored was perhaps deleted before they were there.
        for erasure in self.erasures.sync()[len(known) :]:
            self._store.erase(sorted(erasure.user_ids), sorted(erasure.session_ids), erasure.until_ms)
        return Delivery(report.stored, report.duplicate, _to_letters(report, kept))

    def deliver_apart(self, lines: bytes, is_foreign: bool = False) -> Delivery:
        """Store lines of which some break the engine, and make letters of those.

        A line is blamed only if the engine takes others meanwhile; else the engine's error is raised.
        """
        outcome = Delivery()
        pending = [_take_readable(lines, outcome)]
        blamed: list[DeadLetter] = []
        failures = 0
        has_succeeded = False
        while pending:
            part = pending.pop()
            try:
                outcome.add(self.deliver(b"".join(part), is_foreign))
                has_succeeded = True
            except StoreUnavailableError:
                raise
            except Exception as error:
                failures += 1
                is_engine = failures > _MAX_FAILURES or (len(part) == 1 and not pending and not has_succeeded)
                if is_engine:
                    raise
                if len(part) == 1:
                    detail = f"The store fails on this line: {error}"
                    blamed.append(DeadLetter("engine-error", detail, part[0][:-1]))
                else:
                    middle = len(part) // 2
                    pending += (part[middle:], part[:middle])
        outcome.letters.extend(blamed)
        return outcome


def _take_readable(lines: bytes, outcome: Delivery) -> list[bytes]:
    readable = []
    for line in lines.split(b"\n")[:-1]:
        if is_readable(line):
            readable.append(line + b"\n")
        else:
            outcome.letters.append(DeadLetter("malformed-json", "The line is damaged.", line))
    return readable


def _to_letters(report: WriteReport, lines: bytes) -> list[DeadLetter]:
    if not report.refused:
        return []
    split: Sequence[bytes] = lines.split(b"\n")
    return [DeadLetter(refusal.code, refusal.detail, split[refusal.index]) for refusal in report.refused]
