"""What is erased stays out of the store, whoever has it in hand at that moment."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from openmetrics.ingest.cleaning import Marks, clean_files
from openmetrics.ingest.delivery import Door
from openmetrics.ingest.eraser import read_folder_id
from openmetrics.ingest.erasures import NOTHING, Erasure, Erasures
from openmetrics.ingest.event import Event, link_line, merge_line, tombstone_line
from openmetrics.ingest.line import event_line
from openmetrics.ingest.names import Names
from openmetrics.ingest.seen import SeenLinks
from openmetrics.ingest.spool import Spool
from openmetrics.store.base import Capability
from openmetrics.store.memory import MemoryStore


class SharedStore(MemoryStore):
    """A store that several processes may write to."""

    capabilities = frozenset({Capability.MULTI_PROCESS})


def event(id: str, received_ms: int, user_id: str | None = None, session_id: str | None = None) -> bytes:
    return event_line(Event(id, 5, received_ms, "e", user_id, session_id, {"received": 3, "u": '"u1"'}))


def ids_of(lines: bytes) -> list[str]:
    return [orjson.loads(line)["id"] for line in lines.splitlines()]


ONE = Erasure(1, "u1", frozenset({"u1"}), frozenset({"s1"}), 10)
COVERAGE = NOTHING.joined([ONE])


def test_strip_takes_out_what_is_erased_and_nothing_else() -> None:
    lines = [
        event("a", 10, "u1"), event("b", 10, None, "s1"), merge_line("merge", "c", "x", "u1", 10),
        link_line("d", "u1", "s2", 5, 10, True),
        event("later", 11, "u1"), event("other", 10, "u2", "s1"), event("free", 10, None, "s2"),
        event("nobody", 10), merge_line("merge", "m", "x", "y", 10), tombstone_line(1, ["u1"], ["s1"], 10),
    ]  # fmt: skip
    kept = COVERAGE.strip(b"".join(lines) + b'{"kind":"event", damaged\n')
    assert kept == b"".join(lines[4:]) + b'{"kind":"event", damaged\n'
    assert COVERAGE.strip(b"".join(lines[:4])) == b""
    assert NOTHING.strip(b"".join(lines)) == b"".join(lines)


def test_later_erasure_of_the_same_user_covers_more() -> None:
    later = COVERAGE.joined([Erasure(2, "u1", frozenset({"u1"}), frozenset(), 20), ONE])
    assert ids_of(later.strip(event("a", 20, "u1") + event("b", 21, "u1"))) == ["b"]


def test_links_of_who_came_back_are_written_again() -> None:
    lines = event("a", 11, "u1", "s1") + event("b", 11, "u2", "s1") + event("c", 11, "u1")
    [link] = COVERAGE.links_again(lines).splitlines()
    found = orjson.loads(link)
    assert (found["kind"], found["user_id"], found["session_id"], found["time"]) == ("link", "u1", "s1", 5)
    assert COVERAGE.links_again(event("a", 10 + 700_000, "u1", "s1")) == b""


def test_seen_links_of_erased_users_are_new_for_ever() -> None:
    seen = SeenLinks()
    seen.remember({("s1", "u1"): 1, ("s1", "u2"): 1})
    seen.forget(["u1"])
    assert (seen.is_new("s1", "u1", 5), seen.is_new("s1", "u2", 5)) == (True, False)
    seen.remember({("s1", "u1"): 1})
    assert seen.is_new("s1", "u1", 5)


def test_numbers_of_many_processes_are_all_different() -> None:
    store = SharedStore()
    numbers: list[int] = []

    def add(user: str) -> None:
        erasures = Erasures(store)
        numbers.extend(erasures.add(user, [f"{user}{n}"], [], 1) for n in range(5))

    threads = [threading.Thread(target=add, args=(f"u{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(numbers) == list(range(1, 31))
    known = Erasures(store).sync()
    assert [erasure.number for erasure in known] == list(range(1, 31))
    assert {id for erasure in known for id in erasure.user_ids} == {
        f"u{n}{m}" for n in range(6) for m in range(5)
    }


def test_erasure_that_comes_while_lines_are_stored_takes_them() -> None:
    class Slow(SharedStore):
        def write(self, lines: bytes) -> Any:
            """Let another process erase, just before the lines are there."""
            if b'"u1"' in lines:
                Erasures(self).add("u1", ["u1"], [], 10)
            return super().write(lines)

    store = Slow()
    door = Door(store, Names(store, 10))
    door.deliver(event("a", 10, "u1") + event("b", 11, "u1") + event("c", 10, "u2"))
    kept = {fact["id"] for facts in store._facts.values() for fact in facts.values()}
    assert {"b", "c"} <= kept
    assert "a" not in kept


@pytest.mark.parametrize("count", [1, 100])
def test_clean_files_rewrites_what_holds_erased_lines(tmp_path: Path, count: int) -> None:
    hour = tmp_path / "journal" / "20261125T10"
    hour.mkdir(parents=True)
    (tmp_path / "dead").mkdir()
    contents = {
        "1-a.ndjson": event("a", 10, "u1") + event("b", 10, "u2"),
        "2-b.ndjson": event("c", 10, "u2"),
        "3-c.ndjson": event("d", 10, None, "s1"),
    }
    for name, content in contents.items():
        (hour / name).write_bytes(content)
    erasure = Erasure(1, "u1", frozenset({"u1", *(f"x{n}" for n in range(count))}), frozenset({"s1"}), 10)
    assert clean_files(tmp_path, [erasure]) == 2
    assert {path.name: ids_of(path.read_bytes()) for path in hour.iterdir()} == {
        "1-a.ndjson": ["b"], "2-b.ndjson": ["c"],
    }  # fmt: skip
    assert clean_files(tmp_path, [erasure]) == 0


def test_marks_are_passed_when_the_spool_has_been_stored(settings: Any, line: Any) -> None:
    spool = Spool(settings)
    spool.append(line(1))
    marks = Marks(settings.data_path)
    assert not marks.are_passed()
    spool.seal_if_due()
    assert spool.folder.files, "marks ask for a seal"
    spool.append(line(2))
    spool.folder.files.popleft().path.unlink()
    assert marks.are_passed()
    spool.close()


def test_folder_keeps_its_id(tmp_path: Path) -> None:
    assert read_folder_id(tmp_path) == read_folder_id(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["folder-id"]
