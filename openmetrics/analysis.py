"""What an analysis is, and how a question to it is answered."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from openmetrics.errors import OpenMetricsError, invalid_query
from openmetrics.identity.table import IdentityTable
from openmetrics.query.model import Filter
from openmetrics.query.parse import parse_filter
from openmetrics.query.ranges import Moment
from openmetrics.query.times import format_time
from openmetrics.saved import iter_segments
from openmetrics.schemas import Schemas
from openmetrics.store.base import Store

if TYPE_CHECKING:
    from openmetrics.columns.view import ColumnView

log = logging.getLogger("openmetrics.analysis")
MIN_UNITS = 30
"""Below so many units on a side a p-value says nothing (semantics section 9)."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The circumstances of one question: what parsing and running may need.

    `store()` waits until everything acknowledged before is visible; `view(start_ms, end_ms)` gives synced
    columns of a range (None: unbounded). `segment(id)` gives a saved segment's filter, or raises
    `invalid-query`.
    """

    now_ms: int
    deadline: float
    timezone: str
    identity: IdentityTable
    store: Callable[[], Store]
    view: Callable[[int | None, int | None], ColumnView]
    segment: Callable[[str], Segment]
    warnings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class People:
    """Who is behind a number: how many, and their unit keys in ascending order, made on demand."""

    total: int
    keys: Any  # NDArray[np.int64], sorted
    view: ColumnView


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share that two sides can be compared by: `hits` of `size`, at a place of the answer."""

    at: str
    hits: int
    size: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """A kind of question. All members but `people`, `panel` and `proportions` are needed.

    `params_schema` and `result_schema` name files of `register_schemas` folders, without `.schema.json`.
    `parse(document, asking)` checks and resolves a question that its schema has passed, to parameters with
    a member `definition` (the whole resolved question as JSON, echoed in the answer) and `start_ms`,
    `end_ms`; it raises OpenMetricsError `invalid-query` with pointers. `run(params, asking)` gives the
    members of the answer; a member `exact` there overrules the true that answers have without it.
    `people(params, pick, asking)` gives who is behind the number that `pick` names.
    `proportions(answer)` gives the shares by which `compare_segments` compares two answers.
    """

    name: str
    title: str
    params_schema: str
    result_schema: str
    parse: Callable[[Mapping[str, Any], Asking], Any]
    run: Callable[[Any, Asking], Mapping[str, Any]]
    people: Callable[[Any, Mapping[str, Any], Asking], People] | None = None
    panel: str | None = None
    proportions: Callable[[Mapping[str, Any]], Iterable[Proportion]] | None = None


Segment = Filter | tuple[str, ...]
"""What a saved segment means: a filter on actors, or the ids of its users."""


def run_analysis(analysis: Analysis, document: Any, asking: Asking, schemas: Schemas) -> dict[str, Any]:
    """Answer a question: checked, resolved, run, with its definition, range and time taken.

    Raises OpenMetricsError `invalid-query` for what the schema or the analysis refuses, and `internal`,
    naming the analysis, where its code fails.
    """
    document, sides = _take_sides(document)
    if sides is not None:
        return _compare(analysis, document, sides, (asking, schemas))
    started = time.monotonic()
    params = parse_params(analysis, document, asking, schemas)
    engine = asking.store().name
    members = _guard(analysis, lambda: analysis.run(params, asking))
    head = {
        "definition": params.definition,
        "exact": True,
        "engine": engine,
        "took_ms": round((time.monotonic() - started) * 1000),
        "range": {"from": to_time(params.start_ms), "to": to_time(params.end_ms)},
    }
    tail = {"warnings": list(asking.warnings)} if asking.warnings else {}
    return {**head, **members, **tail}


def find_people(analysis: Analysis, document: Any, asking: Asking, schemas: Schemas) -> People:
    """Return who is behind the number that the member `pick` names. Raises as `run_analysis` does."""
    if analysis.people is None:
        raise OpenMetricsError(
            "not-found", f"The analysis {analysis.name!r} has no people behind its numbers."
        )
    asked = dict(document) if isinstance(document, Mapping) else document
    pick = asked.pop("pick", None) if isinstance(asked, dict) else None
    if isinstance(asked, dict) and "compare_segments" in asked:
        detail = "People are listed for one side; put the segment into `filter` instead."
        raise invalid_query("/compare_segments", detail)
    params = parse_params(analysis, asked, asking, schemas)
    if not isinstance(pick, Mapping):
        raise invalid_query("/pick", "`pick` is an object that names a number of the answer; add it.")
    find = analysis.people
    found: People = _guard(analysis, lambda: find(params, pick, asking))
    return found


def parse_params(analysis: Analysis, document: Any, asking: Asking, schemas: Schemas) -> Any:
    """Check a question by its schema and resolve it. Raises OpenMetricsError `invalid-query`."""
    schema = schemas[analysis.params_schema]
    if not schema.is_valid(document):
        faults = schema.explain(document)
        detail = f"{faults[0].pointer or 'The question'}: {faults[0].detail}."
        raise OpenMetricsError("invalid-query", detail, faults)
    return _guard(analysis, lambda: analysis.parse(document, asking))


def check_question(analysis: Analysis, document: Any, asking: Asking, schemas: Schemas) -> None:
    """Refuse what `run_analysis` refuses of a question, without answering it."""
    document, sides = _take_sides(document)
    for index, id in enumerate(sides or ()):
        check_segment(asking, id, f"/compare_segments/{index}")
    parse_params(analysis, document, asking, schemas)


def check_segment(asking: Asking, id: str, pointer: str) -> None:
    """Refuse a segment that is not there, pointing at its place. Raises OpenMetricsError `invalid-query`."""
    try:
        asking.segment(id)
    except OpenMetricsError as error:
        if error.code == "invalid-query":
            raise invalid_query(pointer, error.detail) from error
        raise


def read_filter(document: Mapping[str, Any], pointer: str, asking: Asking) -> Filter | None:
    """Return the member `filter` of a question, all of whose segments exist; None where there is none."""
    if "filter" not in document:
        return None
    filter = parse_filter(document["filter"], pointer, Moment(asking.now_ms, asking.timezone))
    for place, id in iter_segments(document["filter"], pointer):
        check_segment(asking, id, place)
    return filter


def p_value(left: Proportion, right: Proportion) -> float | None:
    """Return how likely two proportions differ that much by chance; None below 30 units on a side.

    The two-sided two-proportion z-test with the pooled share.
    """
    if min(left.size, right.size) < MIN_UNITS:
        return None
    pooled = (left.hits + right.hits) / (left.size + right.size)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / left.size + 1 / right.size)) if 0 < pooled < 1 else 0.0
    if spread == 0:
        return 1.0
    return math.erfc(abs(left.hits / left.size - right.hits / right.size) / spread / math.sqrt(2))


def to_time(time_ms: int | None) -> str | None:
    """Write a bound of a range; None is unbounded."""
    return None if time_ms is None else format_time(time_ms)


def _take_sides(document: Any) -> tuple[Any, tuple[str, str] | None]:
    if not isinstance(document, Mapping) or "compare_segments" not in document:
        return document, None
    rest = {name: value for name, value in document.items() if name != "compare_segments"}
    sides = document["compare_segments"]
    if not isinstance(sides, list) or len(sides) != 2 or not all(isinstance(id, str) for id in sides):
        raise invalid_query("/compare_segments", 'Name the ids of two segments: ["a", "b"].')
    return rest, (sides[0], sides[1])


def _compare(
    analysis: Analysis, document: Any, sides: tuple[str, str], around: tuple[Asking, Schemas]
) -> dict[str, Any]:
    asking, schemas = around
    answers = []
    for index, id in enumerate(sides):
        check_segment(asking, id, f"/compare_segments/{index}")
        both = [{"segment": id}, *([document["filter"]] if document.get("filter") is not None else [])]
        filter = both[0] if len(both) == 1 else {"all": both}
        side = replace(asking, warnings=[])
        answers.append(run_analysis(analysis, {**document, "filter": filter}, side, schemas))
    difference = []
    if analysis.proportions is not None:
        shares = [{share.at: share for share in analysis.proportions(answer)} for answer in answers]
        difference = [
            {"at": at, "p": p_value(shares[0][at], shares[1][at])} for at in shares[0] if at in shares[1]
        ]
    return {"sides": answers, "difference": difference}


def _guard(analysis: Analysis, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except OpenMetricsError:
        raise
    except Exception as error:
        log.exception("analysis %s failed", analysis.name)
        detail = f"The analysis {analysis.name!r} failed; the server's log says why."
        raise OpenMetricsError("internal", detail) from error
