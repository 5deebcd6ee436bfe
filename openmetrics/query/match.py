"""What a filter means, in plain Python: every engine and the columns must agree with this.

It works on a *parsed spool line* (see `openmetrics.ingest.event`), so it sees exactly what engines see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openmetrics.query.model import (
    NEGATIONS,
    All,
    AnyOf,
    Comparison,
    Field,
    Filter,
    HasKind,
    Not,
    Sent,
    SessionSpans,
)

Line = Mapping[str, Any]

TEXT_TESTS: dict[str, Callable[[str, Any], bool]] = {
    "eq": lambda text, operand: text == operand,
    "in": lambda text, operand: text in operand,
    "contains": lambda text, operand: operand in text,
    "starts_with": lambda text, operand: text.startswith(operand),
    "ends_with": lambda text, operand: text.endswith(operand),
}
NUMBER_TESTS: dict[str, Callable[[float, Any], bool]] = {
    "gt": lambda number, operand: number > operand,
    "gte": lambda number, operand: number >= operand,
    "lt": lambda number, operand: number < operand,
    "lte": lambda number, operand: number <= operand,
    "between": lambda number, operand: operand[0] <= number <= operand[1],
}


def texts_of(line: Line, field: Field) -> list[str]:
    """Return the canonical texts that a line has under a field; none where it is missing."""
    if field.kind in ("props", "fields", "context"):
        texts: list[str] = line.get(field.kind, {}).get(field.name, [])
        return texts
    if field.kind == "value":
        return list(line["value"])
    if field.kind == "active":
        return ["true" if line["active"] else "false"]
    text = line.get(field.kind)
    return [] if text is None else [text]


def numbers_of(line: Line, field: Field) -> list[float]:
    """Return the numbers that a line has under a field."""
    if field.kind == "props":
        numbers: list[float] = line.get("num", {}).get(field.name, [])
        return numbers
    return list(line["value_num"]) if field.kind == "value" else []


def number_of(line: Line, field: Field) -> float | None:
    """Return the numeric value of a field: None where there is none, and for a list."""
    name = field.name if field.kind == "props" else ""
    if f"{name}\x01list" in line.get("kinds", ()):
        return None
    numbers = numbers_of(line, field)
    return numbers[0] if numbers else None


def has_field(line: Line, field: Field) -> bool:
    """Say whether the field is present, whatever its value (a null or an empty list is present)."""
    if field.kind == "props":
        return field.name in line.get("has", ())
    if field.kind in ("fields", "context"):
        return f"{field.kind}\x01{field.name}" in line.get("has", ())
    return field.kind == "value" or line.get(field.kind) is not None


def matches(line: Line, node: Filter | None) -> bool:
    """Say whether an event line matches a filter; None matches everything.

    `InSegment`, `Did` and fields of kind `user` need an actor's history: resolve them before.
    """
    if node is None:
        return True
    match node:
        case All(parts):
            return all(matches(line, part) for part in parts)
        case AnyOf(parts):
            return any(matches(line, part) for part in parts)
        case Not(part):
            return not matches(line, part)
        case Comparison():
            return compares(line, node)
        case Sent(user_ids):
            return line.get("user_id") in user_ids
        case SessionSpans(spans):
            return line.get("user_id") is None and any(
                line.get("session_id") == span.session_id
                and (span.start_ms is None or line["time"] >= span.start_ms)
                and (span.end_ms is None or line["time"] < span.end_ms)
                for span in spans
            )
        case HasKind(name, kind):
            if not name and kind == "number":
                return not any(entry.startswith("\x01") for entry in line.get("kinds", ()))
            return f"{name}\x01{kind}" in line.get("kinds", ())
        case _:
            raise TypeError(f"{type(node).__name__} must be resolved before it is matched")


def compares(line: Line, comparison: Comparison) -> bool:
    """Apply one comparison: any element of a list may satisfy it, a negation means none does."""
    op = comparison.op
    if op in NEGATIONS:
        return not compares(line, Comparison(comparison.field, NEGATIONS[op], comparison.operand))
    if op == "exists":
        return has_field(line, comparison.field)
    if op in NUMBER_TESTS:
        test = NUMBER_TESTS[op]
        return any(test(number, comparison.operand) for number in numbers_of(line, comparison.field))
    text_test = TEXT_TESTS[op]
    return any(text_test(text, comparison.operand) for text in texts_of(line, comparison.field))
