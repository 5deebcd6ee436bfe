"""A naive model of identity: the law word by word, over a list of what was sent. Slow and obvious."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from openmetrics.query.times import parse_time

NOON_MS = 1_790_000_000_000
USERS = 4
SESSIONS = 3
OPS: dict[str, Any] = {
    "set": {"p": 1}, "set_once": {"p": 2, "q": "x"}, "add": {"n": 2, "q": 1}, "append": {"l": ["a", 1]},
    "union": {"l": [1, "1", "a"]}, "unset": ["p", "l"],
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One thing that was sent: an event, a link, an operation, or a merge and its undoing."""

    kind: str
    id: str
    time_ms: int
    user: str | None = None
    session: str | None = None
    other: str | None = None
    op: str = ""


@dataclass
class Model:
    """The law, word by word, over a list of facts."""

    facts: list[Fact] = field(default_factory=list)

    def of_kind(self, *kinds: str) -> list[Fact]:
        return sorted((fact for fact in self.facts if fact.kind in kinds), key=lambda f: (f.time_ms, f.id))

    def links(self, session: str) -> list[tuple[int, str]]:
        links = {(f.time_ms, f.user) for f in self.of_kind("link") if f.session == session}
        events = [f for f in self.of_kind("event") if f.session == session and f.user is not None]
        for user in {f.user for f in events}:
            links.add((min(f.time_ms for f in events if f.user == user), user))
        return sorted(links)  # type: ignore[arg-type]

    def session_user(self, session: str, time_ms: int) -> str | None:
        """Return the user whom a session has at a time, before merges."""
        links = self.links(session)
        if not links:
            return None
        before = [at for at, _ in links if at <= time_ms]
        instant = max(before) if before else links[0][0]
        return min(user for at, user in links if at == instant)

    def keepers(self) -> dict[str, str]:
        latest: dict[Any, Fact] = {}
        for fact in self.of_kind("merge", "unmerge"):
            latest[fact.user, fact.other] = fact
        found: dict[str, str] = {}
        for fact in sorted(latest.values(), key=lambda f: (f.time_ms, f.id)):
            assert fact.user is not None
            assert fact.other is not None
            if (
                fact.kind == "merge"
                and fact.other not in found
                and self.final(found, fact.user) != fact.other
            ):
                found[fact.other] = fact.user
        return found

    def final(self, keepers: dict[str, str], user: str) -> str:
        return self.final(keepers, keepers[user]) if user in keepers else user

    def owner(self, event: Fact) -> str | None:
        user = event.user
        if user is None and event.session is not None:
            user = self.session_user(event.session, event.time_ms)
        return None if user is None else self.final(self.keepers(), user)

    def family(self, user: str) -> list[str]:
        """Return the user and those merged into it, each followed by its own, earliest merge first."""
        keepers = self.keepers()  # in order of time
        members = [user]
        for other, keep in keepers.items():
            if keep == user:
                members += self.family(other)
        return members

    def profile(self, user: str) -> dict[str, Any]:
        profiles = [self.properties(self.operations(member)) for member in self.family(user)]
        return {name: value for found in reversed(profiles) for name, value in found.items()}

    def operations(self, user: str) -> list[Fact]:
        return [
            f
            for f in self.of_kind("op")
            if f.user == user or (f.user is None and self.session_user(str(f.session), f.time_ms) == user)
        ]

    def properties(self, operations: Sequence[Fact]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for fact in operations:
            content = OPS[fact.op]
            for name in content:
                if fact.op == "unset":
                    found.pop(name, None)
                elif fact.op == "set":
                    found[name] = content[name]
                elif fact.op == "set_once":
                    found.setdefault(name, content[name])
                elif fact.op == "add":
                    held = found.get(name, 0)
                    found[name] = held if isinstance(held, str) else held + content[name]
                else:
                    more = content[name]
                    held = found.get(name, [])
                    kept = [x for x in more if fact.op == "append" or x not in held]
                    found[name] = held + kept
        return found

    def erase(self, user: str) -> None:
        users = set(self.family(self.final(self.keepers(), user)))
        sessions = {str(f.session) for f in self.facts if f.session and f.user in users}
        own = {id for id in sessions if {linked for _, linked in self.links(id)} <= users}
        self.facts = [
            f
            for f in self.facts
            if f.user not in users and f.other not in users and not (f.user is None and f.session in own)
        ]

    def is_known(self, user: str) -> bool:
        return any(member in (f.user, f.other) for f in self.facts for member in self.family(user))


def draw(generator: random.Random) -> Fact:
    """Draw one fact: few users, sessions and instants, so that everything meets."""
    users = [f"u{n}" for n in range(USERS)]
    sessions = [f"s{n}" for n in range(SESSIONS)]
    id = f"-{generator.getrandbits(60):020d}"
    fact = Fact("", id, NOON_MS + generator.randint(0, 9))
    kind = generator.choice(["event"] * 5 + ["link"] * 3 + ["op"] * 4 + ["merge", "unmerge"])
    user, other = generator.sample(users, 2)
    session = generator.choice(sessions)
    if kind == "event":
        ids = generator.choice([(user, None), (None, session), (None, session), (user, session)])
        return replace(fact, kind=kind, user=ids[0], session=ids[1])
    if kind == "link":
        return replace(fact, kind=kind, user=user, session=session)
    if kind == "op":
        op = generator.choice(list(OPS))
        ids = generator.choice([(user, None), (None, session)])
        return replace(fact, kind=kind, user=ids[0], session=ids[1], op=op)
    return replace(fact, kind=kind, user=user, other=other)


def to_request(fact: Fact) -> tuple[str, dict[str, Any]]:
    """Return the path and the body that send an event, a link or an operation."""
    ids = {"user_id": fact.user, "session_id": fact.session}
    if fact.kind == "event":
        return "/v1/collect", {"event_id": fact.id, "name": "e", "time": fact.time_ms, **ids}
    if fact.kind == "link":
        return "/v1/identify", {"time": fact.time_ms, **ids}
    name = "properties" if fact.op == "set" else fact.op
    return "/v1/identify", {"id": fact.id, "time": fact.time_ms, name: OPS[fact.op], **ids}


def check_lookups(get: Callable[..., Any], model: Model, round: str) -> None:
    """Compare all that lookups say about a round's users and sessions with the model."""
    keepers = model.keepers()
    owners = {f.id: model.owner(f) for f in model.of_kind("event")}
    for user in (f"{round}u{n}" for n in range(USERS)):
        final = model.final(keepers, user)
        found = get(f"/v1/users/{user}")
        if not model.is_known(final):
            assert found is None, found
            continue
        mine = sorted(id for id, owner in owners.items() if owner == final)
        assert found["user_id"] == final
        assert found.get("merged_into") == (final if final != user else None)
        assert found["properties"] == model.profile(final)
        assert found["events"] == len(mine)
        timeline = get(f"/v1/users/{user}/timeline")["events"]
        assert sorted(event["event_id"] for event in timeline) == mine
        assert {event["user_id"] for event in timeline} <= {final}
        stays = {(stay["session_id"], parse_time(stay["linked"])) for stay in found["sessions"]}
        assert {session for session, _ in stays} == {
            id for id in (f"{round}s{n}" for n in range(SESSIONS)) for at, _ in model.links(id)
            if model.final(keepers, str(model.session_user(id, at))) == final
        }  # fmt: skip
    for session in (f"{round}s{n}" for n in range(SESSIONS)):
        events = [f for f in model.of_kind("event") if f.session == session]
        found = get(f"/v1/sessions/{session}/timeline")
        shown = {event["event_id"]: event["user_id"] for event in found["events"]} if found else {}
        assert shown == {f.id: owners[f.id] for f in events}
    listed = {row["user_id"] for row in get("/v1/users", prefix=round, page_size=1000)["users"]}
    finals = {model.final(keepers, f"{round}u{n}") for n in range(USERS)}
    assert listed == {user for user in finals if model.is_known(user)}


def rename(fact: Fact, round: str) -> Fact:
    """Put a round's name before every id."""
    ids: dict[str, Any] = {
        name: f"{round}{id}" for name in ("id", "user", "session", "other") if (id := getattr(fact, name))
    }
    return replace(fact, **ids)
