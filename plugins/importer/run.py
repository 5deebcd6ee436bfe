"""Bring the records of a file into the store, from a mark on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from openmetrics.plugin import (
    Draft,
    Identify,
    Importer,
    OpenMetricsError,
    Origin,
    Receipt,
    Refused,
    Restored,
    Server,
)
from openmetrics_plugins.importer.documents import check_document, is_document, keep_document
from openmetrics_plugins.importer.numbering import Numbering
from openmetrics_plugins.importer.plan import Plan
from openmetrics_plugins.importer.source import Row, Source

BATCH = 2_000
MAX_REFUSALS = 1_000
SAVE_S = 0.25
State = Literal["queued", "checking", "importing", "storing", "done", "failed"]


@dataclass(slots=True)
class Progress:
    """How far an import is: all that a resumption needs beside the plan."""

    state: State = "queued"
    share: float = 0.0
    """How much of the file was passed in this state, from 0 to 1."""
    records: int = 0
    """The mark: records that are durably taken in, or refused."""
    accepted: int = 0
    """Events, links and changes of profiles among them."""
    refused: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)
    """The first of them: line, code, detail and pointer."""
    detail: str = ""
    """Why it failed."""
    eta_s: float | None = None
    rate: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all members."""
        return asdict(self)


class RefusedError(Exception):
    """Say that a record was refused where none may be."""


class Run:
    """One pass of a file through a lane. Ids follow from the file, so any part may be taken in again."""

    def __init__(
        self, plan: Plan, importer: Importer, server: Server, progress: Progress, origin: Origin
    ) -> None:
        self._plan = plan
        self._importer = importer
        self._server = server
        self._lane = server.lane()
        self._origin = origin
        self.progress = progress
        self.save: Callable[[], None] = lambda: None
        self.is_stopped: Callable[[], bool] = lambda: False
        self._saved_s = 0.0
        self._source: Source | None = None
        self._numbering: Numbering | None = None
        self._begun = (0.0, 0.0, 0)

    def work(self) -> None:
        """Check the file where it must be wholly right, then import it, and wait until it is stored.

        Raises InterruptedError where it is stopped; the progress then says from where to go on.
        """
        progress = self.progress
        try:
            if progress.state in ("queued", "checking"):
                if self._plan.on_error == "stop" or self._plan.is_dry:
                    self._check()
                progress.state = "done" if self._plan.is_dry else "importing"
                if self._plan.is_dry:
                    return
                self._restart()
            self._load()
        except RefusedError:
            row = progress.refusals[0]
            self._fail(f"Line {row['line']}: {row['pointer']} {row['detail']}".replace("  ", " "))
        except OpenMetricsError as error:
            self._fail(error.detail)
        finally:
            self.save()

    def _restart(self) -> None:
        progress = self.progress
        progress.share, progress.records, progress.accepted, progress.refused = 0.0, 0, 0, 0
        progress.refusals.clear()

    def _check(self) -> None:
        """Look at all records without keeping any."""
        self._restart()
        self.progress.state = "checking"
        for lines, drafts in self._iter_batches(0):
            if self.is_stopped():
                raise InterruptedError("the import was stopped")
            lines, drafts = self._take_documents(lines, drafts, is_kept=False)
            self._note(lines, self._lane.check(drafts, self._origin))
            if self.progress.refused and not self._plan.is_dry:
                raise RefusedError

    def _load(self) -> None:
        progress = self.progress
        progress.state = "importing"
        for lines, drafts in self._iter_batches(progress.records):
            lines, drafts = self._take_documents(lines, drafts, is_kept=True)
            self._note(lines, self._lane.accept(drafts, self._origin, self.is_stopped))
            if progress.refused and self._plan.on_error == "stop":
                raise RefusedError
        progress.state, progress.share = "storing", 1.0
        self.save()
        self._lane.wait_stored(self.is_stopped)
        self._server.store.refresh()
        progress.state, progress.eta_s = "done", None

    def _take_documents(
        self, lines: list[int], drafts: list[Draft], is_kept: bool
    ) -> tuple[list[int], list[Draft]]:
        """Return a batch without the documents that are no facts, once these are kept."""
        if not any(map(is_document, drafts)):
            return lines, drafts
        rest: list[tuple[int, Draft]] = []
        for line, draft in zip(lines, drafts, strict=True):
            if not is_document(draft):
                rest.append((line, draft))
            elif (fault := check_document(self._server, draft)) is not None:
                rest.append((line, fault))
            else:
                self.progress.accepted += 1
                if is_kept:
                    keep_document(self._server, draft)
        return [line for line, _ in rest], [draft for _, draft in rest]

    def _fail(self, detail: str) -> None:
        """End with a reason; what was taken in until then is stored all the same."""
        progress = self.progress
        if progress.state == "importing":
            self._lane.wait_stored(self.is_stopped)
        progress.state, progress.detail, progress.eta_s = "failed", detail, None

    def _iter_batches(self, mark: int) -> Iterator[tuple[list[int], list[Draft]]]:
        """Yield drafts with their lines; asking for the next ones moves the mark behind these."""
        self._source = source = Source(self._plan.path, self._plan.line_bytes)
        self._begun = (time.monotonic(), -1.0, mark)
        self._numbering = None
        lines: list[int] = []
        drafts: list[Draft] = []
        number = line = 0
        try:
            for number, row in enumerate(source.iter_rows(), 1):
                line = row.line
                found = self._decode(row)
                if number <= mark:
                    continue
                drafts += found
                lines += [line] * len(found)
                if len(drafts) >= BATCH:
                    yield lines, drafts
                    self._pass(number)
                    lines, drafts = [], []
            yield lines, drafts
            self._pass(max(number, mark))
        except OpenMetricsError as error:
            if drafts and error.code != "internal":
                yield lines, drafts
                self._pass(number)
            raise OpenMetricsError(error.code, f"After line {line}: {error.detail}") from error
        finally:
            source.close()

    def _decode(self, row: Row) -> list[Draft]:
        if row.content is None:
            return [Refused(row.code, row.detail)]
        try:
            found = list(self._importer.decode(row.content))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            detail = f"has not the form of the format {self._importer.name} ({type(error).__name__}: {error})"
            return [Refused("schema-violation", detail[:300])]
        if any(map(_needs_id, found)):
            if self._numbering is None:
                self._numbering = Numbering(self._importer.name)
            return _add_ids(found, self._numbering.next_id(row.key))
        return found

    def _pass(self, records: int) -> None:
        """Move the mark behind a batch that was taken in."""
        progress = self.progress
        progress.records = records
        assert self._source is not None
        progress.share = self._source.progress()
        now = time.monotonic()
        begun_s, begun_share, begun_records = self._begun
        if begun_share < 0:
            self._begun = (now, progress.share, records)
        elif progress.share > begun_share:
            progress.rate = round((records - begun_records) / max(1e-9, now - begun_s), 1)
            left = (1 - progress.share) / (progress.share - begun_share)
            progress.eta_s = round((now - begun_s) * left, 1)
        if now - self._saved_s > SAVE_S:
            self._saved_s = now
            self.save()

    def _note(self, lines: list[int], receipt: Receipt) -> None:
        progress = self.progress
        progress.accepted += receipt.accepted
        progress.refused += len(receipt.rejected)
        for rejection in receipt.rejected[: max(0, MAX_REFUSALS - len(progress.refusals))]:
            row = {"line": lines[rejection.index], "code": rejection.code}
            progress.refusals.append({**row, "detail": rejection.detail, "pointer": rejection.pointer})


def _needs_id(draft: Draft) -> bool:
    if isinstance(draft, Refused | Restored):
        return False
    body, name = (draft.body, "id") if isinstance(draft, Identify) else (draft, "event_id")
    return body.get(name) is None


def _add_ids(drafts: list[Draft], id: str) -> list[Draft]:
    """Give drafts of one record the ids that follow from it."""
    found: list[Draft] = []
    for place, draft in enumerate(drafts):
        own = f"{id}-{place}" if place else id
        if not _needs_id(draft):
            found.append(draft)
        elif isinstance(draft, Identify):
            found.append(Identify({**draft.body, "id": own}, draft.target))
        else:
            assert isinstance(draft, Mapping)
            found.append({**draft, "event_id": own})
    return found
