"""Files come in through `POST /v1/import`, once, with every bad record named by its line."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from openmetrics.testing.client import Running, running

EVENTS = [
    {"name": "buy", "time": "2024-03-01T10:00:00Z", "user_id": "ada", "properties": {"plan": "pro", "n": 1}},
    {"name": "view", "time": "2024-03-02T10:00:00Z", "session_id": "s1", "value": 2.5},
    {"name": "view", "time": "2024-03-02T10:00:00Z", "session_id": "s1", "value": 2.5},
]
LINES = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)
TABLE = "Created At,Event,User ID,plan\n2024-03-01 10:00:00,buy,ada,pro\n2024-03-02 10:00:00,view,bob,\n"


def count(app: Running) -> dict[str, int]:
    rows = app.client.simulate_get("/v1/catalog/events").json["events"]
    return {row["name"]: row["count"] for row in rows}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(LINES, id="lines"),
        pytest.param(b"\xef\xbb\xbf" + LINES, id="byte-order-mark"),
        pytest.param(gzip.compress(LINES), id="gzip"),
        pytest.param(json.dumps(EVENTS, indent=1).encode(), id="list"),
    ],
)
def test_events_as_collect_takes_them(app: Running, bring: Any, content: bytes) -> None:
    job = bring(app, content)
    assert (job["state"], job["format"], job["accepted"], job["refused"]) == ("done", "collect", 3, 0), job
    assert count(app) == {"view": 2, "buy": 1}, "two equal records are two events"
    assert bring(app, content)["accepted"] == 3
    assert count(app) == {"view": 2, "buy": 1}, "importing again adds nothing"


def test_a_table_with_guessed_columns(app: Running, bring: Any) -> None:
    job = bring(app, TABLE.encode())
    assert job["map"] == {
        "time": "Created At", "name": "Event", "user_id": "User ID", "props.plan": "plan"
    }  # fmt: skip
    [event] = app.client.simulate_get("/v1/users/ada/timeline").json["events"]
    assert event["properties"] == {"plan": "pro"}
    assert event["time"] == "2024-03-01T10:00:00.000Z"
    [event] = app.client.simulate_get("/v1/users/bob/timeline").json["events"]
    assert event["properties"] == {}, "an empty cell is absent"


def test_a_table_with_a_map(app: Running, bring: Any) -> None:
    job = bring(app, TABLE.encode(), map="name:=order,props.kind=Event,skip=plan")
    assert job["state"] == "done"
    [event] = app.client.simulate_get("/v1/users/ada/timeline").json["events"]
    assert (event["name"], event["properties"]) == ("order", {"kind": "buy"})


def test_a_parquet_table(app: Running, bring: Any) -> None:
    table = pyarrow.table(
        {
            "timestamp": pyarrow.array([1_709_287_200_000_000_123], pyarrow.timestamp("ns")),
            "event": ["buy"], "user": [7], "amount": [2.5], "tags": [["a", "b"]],
            "day": pyarrow.array([20000], "date32"),
        }
    )  # fmt: skip
    content = io.BytesIO()
    parquet.write_table(table, content)
    job = bring(app, content.getvalue())
    assert (job["state"], job["accepted"]) == ("done", 1), job
    [event] = app.client.simulate_get("/v1/users/7/timeline").json["events"]
    assert event["time"] == "2024-03-01T10:00:00.000Z"
    assert event["value"] == 2.5
    assert event["properties"] == {"tags": ["a", "b"], "day": "2024-10-04"}


BROKEN = LINES + b'{"name": "view", "time": "tomorrow", "session_id": "s"}\n{"name": \n' + LINES


def test_stop_imports_nothing_of_a_file_with_a_bad_record(app: Running, bring: Any) -> None:
    job = bring(app, BROKEN)
    assert job["state"] == "failed"
    assert job["detail"].startswith("Line 4: /time 'tomorrow' is no time that exists")
    assert count(app) == {}


def test_skip_imports_the_rest(app: Running, bring: Any) -> None:
    job = bring(app, BROKEN, on_error="skip")
    assert (job["state"], job["accepted"], job["refused"]) == ("done", 6, 2), job
    assert [(row["line"], row["code"], row["pointer"]) for row in job["refusals"]] == [
        (4, "schema-violation", "/time"), (5, "malformed-json", "")
    ]  # fmt: skip
    assert count(app) == {"view": 4, "buy": 2}


def test_a_dry_run_imports_nothing(app: Running, bring: Any) -> None:
    job = bring(app, BROKEN, dry_run="true", on_error="skip")
    assert (job["state"], job["accepted"], job["refused"]) == ("done", 6, 2)
    assert count(app) == {}


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        pytest.param({"name": "a", "user_id": "u"}, "/time", id="no-time"),
        pytest.param({"name": "a", "time": "2999-01-01"}, "/time", id="future"),
        pytest.param({"name": "", "time": 1}, "/name", id="no-name"),
        pytest.param({"session_id": "s", "user_id": "u"}, "/time", id="link-without-time"),
        pytest.param({"name": "a", "time": 1, "properties": 3}, "/properties", id="properties"),
    ],
)
def test_bad_records_are_pointed_at(busy: Running, bring: Any, event: Any, pointer: str) -> None:
    job = bring(busy, json.dumps(event).encode(), format="collect", on_error="skip")
    assert (job["accepted"], job["refused"]) == (0, 1)
    assert (job["refusals"][0]["line"], job["refusals"][0]["pointer"]) == (1, pointer)


@pytest.mark.parametrize(
    ("content", "query", "detail"),
    [
        pytest.param(b"", {}, "The body is empty", id="empty"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0", {}, "neither JSON", id="picture"),
        pytest.param(b"PK\x03\x04....", {}, "unpack it", id="zip"),
        pytest.param(b"PAR1 no more", {}, "Parquet file is damaged", id="parquet"),
        pytest.param('a,b\n"'.encode("utf-16"), {}, "save it as UTF-8", id="utf-16"),
        pytest.param(b'{"a": 1}\n', {}, "look like none of", id="unknown"),
        pytest.param(LINES, {"format": "nonsense"}, "There is no format", id="format"),
        pytest.param(LINES, {"map": "time=a"}, "A map is for the format table", id="map-of-json"),
        pytest.param(b"a,b\n1,2\n", {}, "No column is known to hold the time", id="no-time"),
        pytest.param(TABLE.encode(), {"map": "time=nope"}, "There is no column", id="column"),
        pytest.param(TABLE.encode(), {"map": "when=Event"}, "A column is mapped to one of", id="target"),
        pytest.param(TABLE.encode(), {"map": "time"}, "A map is target=column", id="pair"),
        pytest.param(LINES, {"on_error": "cry"}, "on_error is one of", id="on-error"),
        pytest.param(LINES, {"path": "x"}, "importer_folder", id="path"),
    ],
)
def test_files_that_cannot_be_read_begin_no_job(
    busy: Running, content: bytes, query: dict[str, str], detail: str
) -> None:
    before = len(list((busy.server.settings.data_path / "imports").glob("*")))
    answer = busy.client.simulate_post("/v1/import", body=content, params=query)
    assert 400 <= answer.status_code < 500, answer.text
    assert detail in answer.json["detail"]
    assert len(list((busy.server.settings.data_path / "imports").glob("*"))) == before


def test_problem_of_an_unknown_job(busy: Running) -> None:
    assert busy.client.simulate_get("/v1/import/nope").status_code == 404
    assert busy.client.simulate_get("/v1/import/..%2F..").status_code == 404


def test_files_of_the_servers_folder(bring: Any, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(LINES)
    (tmp_path / "secret.ndjson").write_bytes(LINES)
    (folder / "link.ndjson").symlink_to(tmp_path / "secret.ndjson")
    with running(importer_folder=str(folder)) as app:
        assert bring(app, b"", path="a.ndjson")["accepted"] == 3
        for path in ("../secret.ndjson", "link.ndjson", str(tmp_path / "secret.ndjson"), "none", "."):
            answer = app.client.simulate_post("/v1/import", params={"path": path})
            assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/path")


def test_an_upload_over_the_limit_is_refused(bring: Any) -> None:
    with running(importer_upload_bytes=10) as app:
        assert app.client.simulate_post("/v1/import", body=LINES).status_code == 413


def test_register_importers_adds_a_format(bring: Any, write: Callable[[str, str], Path]) -> None:
    write(
        "diary.py",
        "from openmetrics.plugin import Importer, hookimpl\n"
        "@hookimpl\n"
        "def register_importers():\n"
        "    def decode(row):\n"
        "        return [{'name': row['what'], 'time': row['when'], 'user_id': row['who']}]\n"
        "    return [Importer('diary', 'A diary', lambda row: 'what' in row, decode)]\n",
    )
    path = write("d.csv", "what,when,who\nslept,2024-03-01,ada\n")
    with running(plugins_dir=str(path.parent)) as app:
        job = bring(app, path.read_bytes())
        assert (job["format"], job["accepted"]) == ("diary", 1)
        assert count(app) == {"slept": 1}
