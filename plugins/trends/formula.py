"""Read and work out formulas over series: numbers, `+ - * / ( )`, and one letter a series."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from openmetrics.plugin import invalid_query

Number = int | float | None
TOKEN = re.compile(
    r"\s*(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[-+*/()]|[A-Z](?![A-Za-z0-9]))", re.ASCII
)
MAX_LENGTH = 1_000
MAX_DEPTH = 50


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


OPERATIONS: Mapping[str, Callable[[float, float], float | None]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as its text and in postfix order: numbers, places of series, and signs."""

    text: str
    steps: tuple[float | int | str, ...]

    def evaluate(self, figures: Sequence[Number]) -> Number:
        """Work it out: null where a figure is, and for a division by zero; infinite beyond any number."""
        stack: list[float | None] = []
        for step in self.steps:
            if isinstance(step, str):
                right, left = stack.pop(), stack.pop()
                is_null = left is None or right is None
                stack.append(None if is_null else OPERATIONS[step](left, right))  # type: ignore[arg-type]
            else:
                stack.append(figures[step] if isinstance(step, int) else step)
        found = stack.pop()
        return found if found is None or math.isfinite(found) else math.inf


def parse_formula(text: str, series: int, pointer: str = "/formula") -> Formula:
    """Read a formula over so many series. Raises OpenMetricsError `invalid-query`."""
    if len(text) > MAX_LENGTH:
        raise invalid_query(pointer, f"A formula has at most {MAX_LENGTH} characters; shorten it.")
    reader = _Reader(_cut(text, pointer), series, pointer)
    reader.read_sum(1)
    if reader.rest:
        raise invalid_query(pointer, f"The formula has {reader.rest[0]!r} where it should end.")
    return Formula(text.strip(), tuple(reader.steps))


def _cut(text: str, pointer: str) -> list[str]:
    tokens, end = [], 0
    while text[end:].strip():
        found = TOKEN.match(text, end)
        if found is None:
            detail = (
                f"{text[end:].strip()[:20]!r} is unknown; a formula has numbers, + - * / ( ) and A, B, ..."
            )
            raise invalid_query(pointer, detail)
        tokens.append(found[0].strip())
        end = found.end()
    return tokens


class _Reader:
    """Turn tokens into postfix order, by recursive descent."""

    def __init__(self, tokens: list[str], series: int, pointer: str) -> None:
        self.rest = tokens
        self.steps: list[float | int | str] = []
        self._series = series
        self._pointer = pointer

    def read_sum(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise invalid_query(self._pointer, f"A formula nests at most {MAX_DEPTH} levels deep.")
        self._read_product(depth)
        while self.rest and self.rest[0] in "+-":
            sign = self.rest.pop(0)
            self._read_product(depth)
            self.steps.append(sign)

    def _read_product(self, depth: int) -> None:
        self._read_factor(depth)
        while self.rest and self.rest[0] in "*/":
            sign = self.rest.pop(0)
            self._read_factor(depth)
            self.steps.append(sign)

    def _read_factor(self, depth: int) -> None:
        token = self.rest.pop(0) if self.rest else ""
        if token == "(":
            self.read_sum(depth + 1)
            if not self.rest or self.rest.pop(0) != ")":
                raise invalid_query(self._pointer, "The formula lacks a closing parenthesis; add it.")
        elif token == "-":
            if depth > MAX_DEPTH:
                raise invalid_query(self._pointer, f"A formula nests at most {MAX_DEPTH} levels deep.")
            self.steps.append(0.0)
            self._read_factor(depth + 1)
            self.steps.append("-")
        elif len(token) == 1 and "A" <= token <= "Z":
            self.steps.append(self._read_letter(token))
        elif token and token not in "+*/)":
            self.steps.append(self._read_number(token))
        else:
            place = f"before {token!r}" if token else "at its end"
            raise invalid_query(self._pointer, f"The formula lacks a number or a series {place}.")

    def _read_letter(self, letter: str) -> int:
        place = ord(letter) - ord("A")
        if place >= self._series:
            last = chr(ord("A") + self._series - 1)
            raise invalid_query(self._pointer, f"There is no series {letter}; they are A to {last}.")
        return place

    def _read_number(self, token: str) -> float:
        number = float(token)
        if not math.isfinite(number):
            raise invalid_query(self._pointer, f"The number {token[:20]} is too large.")
        return number
