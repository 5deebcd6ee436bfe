"""Name every way in which a request can be refused.

No HTTP here: `openmetrics.http.problems` turns an `OpenMetricsError` into a response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Describe one kind of problem: its code, HTTP status and title."""

    code: str
    status: int
    title: str


PROBLEMS: dict[str, Problem] = {
    problem.code: problem
    for problem in (
        Problem("malformed-json", 400, "The body is not readable"),
        Problem("unauthenticated", 401, "A key is needed"),
        Problem("forbidden", 403, "This is not allowed"),
        Problem("not-found", 404, "There is nothing here"),
        Problem("method-not-allowed", 405, "This method is not supported here"),
        Problem("conflict", 409, "The stored version has changed"),
        Problem("payload-too-large", 413, "The body is too large"),
        Problem("unsupported-media-type", 415, "This content type is not supported"),
        Problem("schema-violation", 422, "The document breaks its schema"),
        Problem("invalid-query", 422, "The question cannot be understood"),
        Problem("query-too-large", 422, "The question asks for too much at once"),
        Problem("rate-limited", 429, "Too many requests"),
        Problem("internal", 500, "The server failed"),
        Problem("buffer-full", 503, "The buffer for new events is full"),
        Problem("store-unavailable", 503, "The store cannot be reached"),
        Problem("preparing", 503, "The answer is being prepared"),
        Problem("query-timeout", 504, "The question took too long"),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Say what is wrong with one place of a document, and how to mend it."""

    pointer: str
    detail: str


@dataclass(eq=False)
class OpenMetricsError(Exception):
    """Refuse something, with a code of `PROBLEMS` and a sentence that says how to mend it.

    `detail` is shown to the caller: it never holds SQL, paths or stack text.
    """

    code: str
    detail: str
    faults: Sequence[Fault] = ()
    retry_after_s: int | None = None
    members: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a code that the table does not know, so that a typo fails in tests."""
        if self.code not in PROBLEMS:
            raise ValueError(f"unknown problem code: {self.code}")
        Exception.__init__(self, self.detail)

    @property
    def problem(self) -> Problem:
        """Return the row of `PROBLEMS` that this error belongs to."""
        return PROBLEMS[self.code]


def invalid_query(pointer: str, detail: str) -> OpenMetricsError:
    """Build the refusal of a question, pointing at the place that is wrong."""
    return OpenMetricsError("invalid-query", detail, (Fault(pointer, detail),))
