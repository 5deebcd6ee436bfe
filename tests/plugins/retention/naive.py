"""Retention worked out the long way, from the events as they were sent and from local dates.

Written from the rules, apart from the plugin: it shares neither code nor ideas with it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

Sent = dict[str, Any]
LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}


def parse(text: str, zone: str = "UTC") -> datetime:
    """Read an ISO time; without a zone it is local."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def show(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Calendar:
    """Numbers every interval, so that the next one has the next number."""

    def __init__(self, question: Sent) -> None:
        self.unit = question.get("interval", "day")
        self.zone = ZoneInfo(question.get("timezone", "UTC"))
        self.first_weekday = 6 if question.get("week_start") == "sunday" else 0

    def number(self, moment: datetime) -> int:
        local = moment.astimezone(self.zone)
        if self.unit in ("minute", "hour"):
            offset = local.utcoffset() % LENGTHS[self.unit]
            return (moment + offset - datetime(1, 1, 1, tzinfo=UTC)) // LENGTHS[self.unit]
        if self.unit == "day":
            return local.date().toordinal()
        if self.unit == "week":
            return (local.date().toordinal() - 1 - self.first_weekday) // 7
        return local.year * 12 + local.month - 1

    def begin(self, number: int, near: datetime) -> datetime:
        """Return the first instant of an interval; `near` tells the zone's offset for clock units."""
        if self.unit in ("minute", "hour"):
            offset = near.astimezone(self.zone).utcoffset() % LENGTHS[self.unit]
            return datetime(1, 1, 1, tzinfo=UTC) + number * LENGTHS[self.unit] - offset
        if self.unit == "day":
            day = date.fromordinal(number)
        elif self.unit == "week":
            day = date.fromordinal(number * 7 + 1 + self.first_weekday)
        else:
            day = date(number // 12, number % 12 + 1, 1)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


def has(event: Sent, condition: Sent | None) -> bool:
    """Apply the one form of filter that the tests use: a property equals a text."""
    if condition is None:
        return True
    found = event["properties"].get(condition["field"].removeprefix("props."), [])
    return condition["value"] in (found if isinstance(found, list) else [found])


def is_named(event: Sent, choice: Sent) -> bool:
    wanted = choice.get("event")
    return wanted is None or event["name"] in ([wanted] if isinstance(wanted, str) else wanted)


def is_meant(event: Sent, choice: Sent) -> bool:
    return is_named(event, choice) and has(event, choice.get("filter"))


def values_at(event: Sent, path: str) -> list[str | None]:
    found = event["properties"].get(path.removeprefix("props."))
    values = found if isinstance(found, list) else [] if found is None else [found]
    return list(dict.fromkeys(values)) or [None]


class Question:
    """A question with its defaults, worked on one unit after the other."""

    def __init__(self, asked: Sent, now: datetime) -> None:
        self.asked = asked
        self.now = now
        self.calendar = Calendar(asked)
        zone = asked.get("timezone", "UTC")
        self.start, self.end = parse(asked["range"]["from"], zone), parse(asked["range"]["to"], zone)
        brackets = asked.get("brackets")
        if brackets is None:
            self.spans = [(k, k) for k in range(asked.get("periods", 11) + 1)]
        else:
            self.spans = [(0, 0)]
            for size in brackets:
                self.spans.append((self.spans[-1][1] + 1, self.spans[-1][1] + size))
        self.first_row = self.calendar.number(self.start)
        self.rows = range(self.first_row, self.calendar.number(self.end - timedelta(milliseconds=1)) + 1)
        self.is_rolling = asked.get("mode") == "rolling"

    def within(self, event: Sent) -> bool:
        return self.start <= event["at"] < self.end

    def starts_of(self, events: list[Sent]) -> list[Sent]:
        """Return the start events that put a unit into its rows."""
        choice = self.asked.get("start", {})
        cohort = self.asked.get("cohort", "recurring")
        if cohort == "recurring" and not self.is_rolling:
            return [e for e in events if is_meant(e, choice) and self.within(e)]
        if cohort == "recurring":
            candidates = [e for e in events if is_meant(e, choice) and self.within(e)]
        elif cohort == "first_time":
            candidates = [e for e in events if is_meant(e, choice)]
        else:
            candidates = [e for e in events if is_named(e, choice)]
        if not candidates:
            return []
        first = min(e["at"] for e in candidates)
        return [e for e in candidates if e["at"] == first and is_meant(e, choice) and self.within(e)]

    def returns_of(
        self, events: list[Sent], row: int, origin: datetime, span: tuple[int, int | None]
    ) -> list[Sent]:
        """Return the return events in the intervals of a span (to the end of the range: None)."""
        found = []
        for event in events:
            if not self.within(event) or not is_meant(event, self.asked.get("return", {})):
                continue
            if self.is_rolling:
                k = (event["at"] - origin) // LENGTHS[self.calendar.unit]
            else:
                k = self.calendar.number(event["at"]) - row
            if k >= span[0] and (span[1] is None or k <= span[1]):
                found.append(event)
        return found

    def is_retained(self, events: list[Sent], row: int, origin: datetime, cell: int) -> bool:
        least = self.asked.get("min_count", 1)

        def enough(first: int, last: int | None) -> bool:
            return len(self.returns_of(events, row, origin, (first, last))) >= least

        first, last = self.spans[cell]
        if cell == 0:
            return self.asked.get("zero", "cohort") == "cohort" or enough(0, 0)
        match self.asked.get("retained", "on"):
            case "on":
                return enough(first, last)
            case "on_or_after":
                return enough(first, None)
            case "on_or_before":
                return enough(1, last)
            case _:
                return all(enough(*self.spans[k]) for k in range(1, cell + 1))

    def bounds(self, row: int, cell: int) -> tuple[datetime, datetime]:
        """Return when a cell's interval begins and when it is over for all."""
        first, last = self.spans[cell]
        if self.is_rolling:
            length = LENGTHS[self.calendar.unit]
            begin, end = self.calendar.begin(row, self.start), self.calendar.begin(row + 1, self.start)
            return begin + first * length, end + (last + 1) * length
        return self.calendar.begin(row + first, self.start), self.calendar.begin(row + last + 1, self.start)

    def cells(self, row: int) -> list[int]:
        return [cell for cell in range(len(self.spans)) if self.bounds(row, cell)[0] < self.end]


def answer(asked: Sent, sent: list[Sent], now: datetime) -> Sent:
    """Return the whole answer, but for what every analysis adds."""
    question = Question(asked, now)
    events = [{**e, "at": parse(e["time"])} for e in sent if has(e, asked.get("filter"))]
    units = group_by_unit(events, asked.get("unit", "user"))
    members = [
        (unit, row, [e for e in starts if question.calendar.number(e["at"]) == row])
        for unit, own in units.items()
        for starts in [question.starts_of(own)]
        for row in sorted({question.calendar.number(e["at"]) for e in starts})
    ]
    result = {
        "labels": [str(a) if a == b else f"{a}-{b}" for a, b in question.spans],
        **table(question, units, members),
    }
    if "breakdown" not in asked:
        return result
    sizes: dict[str | None, int] = {}
    for _, _, starts in members:
        for value in {v for e in starts for v in values_at(e, asked["breakdown"])}:
            sizes[value] = sizes.get(value, 0) + 1
    ranked = sorted(sizes, key=lambda value: (-sizes[value], value is None, value or ""))
    shown, hidden = ranked[: asked.get("limit", 25)], set(ranked[asked.get("limit", 25) :])
    parts = [(value, False, {value}) for value in shown] + ([(None, True, hidden)] if hidden else [])
    result["groups"] = [
        {
            "value": value,
            "other": is_other,
            **table(question, units, [m for m in members if is_in(m, group, asked)]),
        }
        for value, is_other, group in parts
    ]
    return result


def is_in(member: tuple[str, int, list[Sent]], values: set[str | None], asked: Sent) -> bool:
    return any(v in values for e in member[2] for v in values_at(e, asked["breakdown"]))


def group_by_unit(events: list[Sent], unit: str) -> dict[str, list[Sent]]:
    units: dict[str, list[Sent]] = {}
    for event in events:
        if unit == "user":
            keys = [event.get("user_id") or event["session_id"]]
        elif unit == "session":
            keys = [event["session_id"]] if event.get("session_id") else []
        else:
            keys = [value for value in values_at(event, unit) if value is not None]
        for key in keys:
            units.setdefault(key, []).append(event)
    return units


def table(
    question: Question, units: dict[str, list[Sent]], members: list[tuple[str, int, list[Sent]]]
) -> Sent:
    cohorts = []
    for row in question.rows:
        own = [(units[unit], min(e["at"] for e in starts)) for unit, at, starts in members if at == row]
        begin = question.calendar.begin(row, question.start)
        cohort = {"time": show(begin), "size": len(own)}
        if begin < question.start:
            cohort["partial"] = True
        cohort["cells"] = [judge(question, own, row, cell) for cell in question.cells(row)]
        cohorts.append(cohort)
    return {
        "cohorts": cohorts,
        "average": [average(question, cohorts, k) for k in range(len(question.spans))],
    }


def judge(question: Question, own: list[tuple[list[Sent], datetime]], row: int, cell: int) -> Sent:
    begin, end = question.bounds(row, cell)
    value = question.asked.get("value")
    result: Sent = {"period": cell, "count": None, "share": None}
    result |= {"value": None} if value else {}
    result["complete"] = end <= question.end and end <= question.now
    if begin >= question.now:
        return result
    result["count"] = sum(question.is_retained(events, row, origin, cell) for events, origin in own)
    result["share"] = result["count"] / len(own) if own else None
    if value:
        returned = [question.returns_of(events, row, origin, question.spans[cell]) for events, origin in own]
        numbers = [number_of(e, value["of"]) for events in returned for e in events]
        total = float(sum(Fraction(number) for number in numbers if number is not None))
        sizes = {"sum": 1, "avg_per_member": len(own), "avg_per_returned": sum(map(bool, returned))}
        size = sizes[value["measure"]]
        result["value"] = total / size if size else None
    return result


def number_of(event: Sent, path: str) -> float | None:
    found = event.get("value", 1) if path == "value" else event["properties"].get(path.removeprefix("props."))
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def average(question: Question, cohorts: list[Sent], cell: int) -> Sent:
    done = []
    for cohort in cohorts:
        if len(cohort["cells"]) > cell and cohort["cells"][cell]["complete"] and cohort["size"]:
            done.append((cohort["cells"][cell]["count"], cohort["size"]))
    if not done:
        return {"period": cell, "share": None}
    if question.asked.get("average", "pooled") == "simple":
        return {"period": cell, "share": sum(count / size for count, size in done) / len(done)}
    return {"period": cell, "share": sum(count for count, _ in done) / sum(size for _, size in done)}
