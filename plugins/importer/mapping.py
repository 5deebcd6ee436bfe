"""Say which column of a table is which part of an event: given, or guessed from the names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from openmetrics.plugin import Draft, invalid_query, parse_time

PLAIN = ("time", "name", "user_id", "session_id", "event_id", "value", "source")
NAMED = ("props", "fields", "context")
SKIP = "skip"
GUESSES: dict[str, tuple[str, ...]] = {
    "time": (
        "time", "timestamp", "eventtime", "eventtimestamp", "datetime", "date", "createdat", "createdon",
        "occurredat", "happenedat", "ts", "sentat", "receivedat", "servertime",
    ),
    "name": ("name", "event", "eventname", "eventtype", "type", "action"),
    "user_id": ("userid", "user", "uid", "customerid", "customer", "distinctid", "memberid", "accountid"),
    "session_id": (
        "sessionid", "session", "anonymousid", "visitorid", "visitid", "deviceid", "clientid", "cookieid",
    ),
    "event_id": ("eventid", "insertid", "messageid", "uuid", "id"),
    "value": ("value", "revenue", "amount"),
}  # fmt: skip
"""What columns are mostly called, without case and signs; earlier names first."""

ColumnMap = Mapping[str, str]
"""Target (`time`, `props.plan`, ...) to column; a target that ends with `:` holds a text instead."""


def guess_map(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return a map by the names of the columns; others become properties.

    A column of times holds little else in the sample rows.
    """
    found: dict[str, str] = {}
    plain = {re.sub(r"[^a-z0-9]", "", column.lower()): column for column in reversed(columns)}
    for target, names in GUESSES.items():
        candidates = [plain[name] for name in names if name in plain and plain[name] not in found.values()]
        if target == "time":
            candidates = [column for column in candidates if _are_times(column, rows)]
        if candidates:
            found[target] = candidates[0]
    rest = [column for column in columns if column and column not in found.values()]
    return found | {f"props.{column}": column for column in rest}


def complete_map(
    given: ColumnMap, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the given map and the guess for all that it does not name. Raises `invalid-query`."""
    guess = guess_map(columns, rows)
    for target, column in given.items():
        _check_target(target)
        if not target.endswith(":") and column not in columns:
            detail = f"There is no column {column[:60]!r}; there are {', '.join(columns)[:500]}."
            raise invalid_query(f"/map/{target}", detail)
    named = {target.rstrip(":").partition("#")[0] for target in given}
    used = {column for target, column in given.items() if not target.endswith(":")}
    rest = {target: column for target, column in guess.items() if target not in named and column not in used}
    whole = {**given, **rest}
    missing = [name for name in ("time", "name") if name not in whole and f"{name}:" not in whole]
    if missing:
        hint = "time=COLUMN" if missing[0] == "time" else "name=COLUMN, or name:=TEXT for one name for all"
        raise invalid_query(
            "/map", f"No column is known to hold the {missing[0]}: say map {hint}. "
            f"The columns are {', '.join(columns)[:500]}.",
        )  # fmt: skip
    return whole


def parse_map(texts: Sequence[str]) -> dict[str, str]:
    """Read `target=column` pairs, several in a text apart by commas. Raises `invalid-query`."""
    found: dict[str, str] = {}
    for pair in (pair for text in texts for pair in text.split(",") if pair.strip()):
        target, sign, column = (part.strip() for part in pair.partition("="))
        if not sign or not target or not column:
            raise invalid_query(
                "/map", f"A map is target=column, such as time=created_at; not {pair[:60]!r}."
            )
        if target == SKIP:  # may be said of several columns
            target = f"{SKIP}#{column}"
        if target in found:
            raise invalid_query("/map", f"{target!r} is given twice; give it once.")
        found[target] = column
    return found


def compile_map(columns: ColumnMap) -> Callable[[Mapping[str, Any]], list[Draft]]:
    """Return what makes a draft of a row. Empty cells are absent; texts stay texts."""
    fixed = {target[:-1]: text for target, text in columns.items() if target.endswith(":")}
    plain = [(target, column) for target, column in columns.items() if target in PLAIN]
    named: dict[str, list[tuple[str, str]]] = {}
    for target, column in columns.items():
        kind, _, name = target.partition(".")
        if kind in NAMED and name:
            named.setdefault("properties" if kind == "props" else kind, []).append((name, column))
    groups = list(named.items())

    def decode(row: Mapping[str, Any]) -> list[Draft]:
        draft: dict[str, Any] = dict(fixed)
        for target, column in plain:
            if (cell := row.get(column)) is not None and cell != "":
                draft[target] = cell
        for member, pairs in groups:
            draft[member] = {
                name: cell for name, column in pairs if (cell := row.get(column)) is not None and cell != ""
            }
        return [draft]

    return decode


def _check_target(target: str) -> None:
    kind, _, name = target.rstrip(":").partition(".")
    if target.rstrip(":") in PLAIN or (kind in NAMED and name) or target.startswith(f"{SKIP}#"):
        return
    forms = ", ".join((*PLAIN, *(f"{kind}.NAME" for kind in NAMED), SKIP))
    raise invalid_query(f"/map/{target}", f"A column is mapped to one of {forms}; not to {target[:60]!r}.")


def _are_times(column: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    cells = [row.get(column) for row in rows if row.get(column) not in (None, "")]
    times = 0
    for cell in cells:
        with suppress(ValueError):
            parse_time(cell)
            times += 1
    return 2 * times >= len(cells)
