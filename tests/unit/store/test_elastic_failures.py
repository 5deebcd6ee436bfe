"""What the store does when the cluster is slow, busy, away, or no cluster at all."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from openmetrics.query.model import AggregateQuery, EventsQuery, Measure, ValuesQuery
from openmetrics.settings import load_settings
from openmetrics.store.base import (
    QueryTimeoutError,
    QueryTooLargeError,
    Refusal,
    Store,
    StoreUnavailableError,
    WriteReport,
)
from openmetrics.store.elastic import ENGINE, writer
from openmetrics.testing.journeys import make_event, to_lines
from openmetrics.testing.store_contract import CALLS

Reply = tuple[int, Any]
COUNT = AggregateQuery((Measure("count"),))
BUSY = {"error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}


class Cluster:
    """A server that gives the replies it is told to; a request none is set for is well received."""

    def __init__(self) -> None:
        self.bulks: list[Reply | Callable[[bytes], Reply]] = []
        self.searches: list[Reply] = []
        self.sent: list[bytes] = []
        self.pause_s = 0.0
        self.product = "Elasticsearch"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, target: str, body: bytes) -> Reply:
        """Give the next reply of its kind."""
        if "/_bulk" in target:
            self.sent.append(body)
            found = self.bulks.pop(0) if self.bulks else (200, {"errors": False})
            return found(body) if callable(found) else found
        if "/_search" in target:
            time.sleep(self.pause_s)
            return self.searches.pop(0) if self.searches else (404, {})
        return (404, {}) if target.endswith("status") else (200, {"acknowledged": True})

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, content = cluster.reply(self.path, body)
                data = content if isinstance(content, bytes) else orjson.dumps(content)
                try:
                    self.send_response(status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(data)))
                    if cluster.product:
                        self.send_header("x-elastic-product", cluster.product)
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Start a scripted server."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def store(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Open a store on the scripted server that does not pause between attempts."""
    monkeypatch.setattr(writer, "FIRST_PAUSE_S", 0.0)
    store = open_at(f"http://127.0.0.1:{cluster.port}", elasticsearch_timeout_s=0.5)
    yield store
    store.close()


def open_at(url: str, **given: Any) -> Store:
    """Open a store at an address."""
    return ENGINE.open(load_settings({"elasticsearch_url": url, **given}, environ={}))


def outcomes(*statuses: int) -> Reply:
    """Build the reply to a bulk request."""
    items = [
        {"create": {"status": status, **({"error": BUSY["error"]} if status >= 400 else {})}}
        for status in statuses
    ]
    return 200, {"errors": True, "items": items}


THREE = to_lines(*(make_event(event_id=id) for id in "abc"))


def test_write_sends_again_only_what_was_rejected(cluster: Cluster, store: Store) -> None:
    cluster.bulks = [outcomes(201, 429, 409), outcomes(503), outcomes(201)]
    assert store.write(THREE) == WriteReport(2, 1)
    assert [body.count(b'{"create"') for body in cluster.sent] == [3, 1, 1]
    assert b'"_id":"b"' in cluster.sent[1]


def test_write_refuses_what_will_never_fit(cluster: Cluster, store: Store) -> None:
    cluster.bulks = [outcomes(201, 400, 201)]
    refusal = Refusal(1, "schema-violation", "es_rejected_execution_exception: queue is full")
    assert store.write(THREE) == WriteReport(2, 0, (refusal,))


def test_write_gives_up_after_bounded_attempts(cluster: Cluster, store: Store) -> None:
    cluster.bulks = [outcomes(429, 429, 429) for _ in range(20)]
    with pytest.raises(StoreUnavailableError):
        store.write(THREE)
    assert len(cluster.sent) == writer.ATTEMPTS


@pytest.mark.parametrize("status", [400, 413])
def test_write_finds_the_line_that_spoils_a_request(cluster: Cluster, store: Store, status: int) -> None:
    def refuse_b(body: bytes) -> Reply:
        error = {"type": "parse_exception", "reason": "not for me"}
        return (status, {"error": error}) if b'"_id":"b"' in body else (200, {"errors": False})

    cluster.bulks = [refuse_b] * 10
    refusal = Refusal(1, "schema-violation", "parse_exception: not for me")
    assert store.write(THREE) == WriteReport(2, 0, (refusal,))


def test_write_in_portions(cluster: Cluster, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHUNK_BYTES", 1)
    assert store.write(THREE) == WriteReport(3, 0)
    assert len(cluster.sent) == 3


def test_deadline_closes_the_connection_and_is_a_timeout(cluster: Cluster, store: Store) -> None:
    cluster.pause_s = 0.3
    for ask in (
        lambda: store.aggregate(AggregateQuery((Measure("count"),), deadline=time.monotonic() + 0.05)),
        lambda: store.events(EventsQuery(deadline=time.monotonic() + 0.05)),
        lambda: store.values(ValuesQuery("names", deadline=time.monotonic() + 0.05)),
    ):
        with pytest.raises(QueryTimeoutError):
            ask()
    assert store.aggregate(COUNT)[0].figures == (0,), "the store goes on"


def test_silence_without_deadline_is_unavailable(cluster: Cluster, store: Store) -> None:
    cluster.pause_s = 0.8
    with pytest.raises(StoreUnavailableError) as caught:
        store.aggregate(COUNT)
    assert "elasticsearch_timeout_s" in caught.value.detail


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        pytest.param((503, BUSY), StoreUnavailableError, "overloaded", id="overloaded"),
        pytest.param((429, BUSY), StoreUnavailableError, "overloaded", id="too many"),
        pytest.param((502, b"<html>"), StoreUnavailableError, "overloaded", id="proxy"),
        pytest.param((401, BUSY), StoreUnavailableError, "elasticsearch_username", id="unknown user"),
        pytest.param((200, b"{gar"), StoreUnavailableError, "JSON", id="garbage"),
        pytest.param(
            (400, {"error": {"type": "too_many_buckets_exception", "reason": "65536"}}),
            QueryTooLargeError, "65536", id="too many buckets",
        ),
    ],
)  # fmt: skip
def test_search_that_fails_says_why(
    cluster: Cluster, store: Store, reply: Reply, error: type[Exception], words: str
) -> None:
    cluster.searches = [reply] * 4
    with pytest.raises(error) as caught:
        store.aggregate(COUNT)
    assert words in str(caught.value)


def test_another_kind_of_server_is_named_as_such(cluster: Cluster, store: Store) -> None:
    cluster.product = ""
    with pytest.raises(StoreUnavailableError) as caught:
        store.ensure_schema()
    assert "is not Elasticsearch" in caught.value.detail
    assert store.health().is_ok is False


@pytest.mark.parametrize("name", [name for name in CALLS if name != "declare_names"])
def test_every_method_says_that_nobody_answers(name: str) -> None:
    store = open_at("http://127.0.0.1:9")
    with pytest.raises(StoreUnavailableError) as caught:
        CALLS[name](store)
    assert "http://127.0.0.1:9" in caught.value.detail
    assert store.health().is_ok is False


def test_another_node_answers_for_one_that_is_away(cluster: Cluster) -> None:
    store = open_at(f"http://127.0.0.1:9, http://127.0.0.1:{cluster.port}")
    for _ in range(4):
        assert store.write(THREE) == WriteReport(3, 0)


def test_tls_by_authority_and_by_fingerprint(cluster: Cluster, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
         "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    found = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    fingerprint = found.stdout.strip().partition("=")[2]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    cluster.secure(context)
    url = f"https://127.0.0.1:{cluster.port}"
    for given in (
        {"elasticsearch_ca_certs": str(certificate)},
        {"elasticsearch_fingerprint": fingerprint},
    ):
        assert open_at(url, **given).aggregate(COUNT)[0].figures == (0,)
    wrong = "00:" + fingerprint[3:] if not fingerprint.startswith("00") else "11:" + fingerprint[3:]
    for given in ({}, {"elasticsearch_fingerprint": wrong}):
        with pytest.raises(StoreUnavailableError):
            open_at(url, **given).aggregate(COUNT)


def test_write_large_batch_by_several_requests_keeps_ids_together(
    cluster: Cluster, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LANE_BYTES", 100)
    ids = [f"e{n % 50}" for n in range(100)]
    assert store.write(to_lines(*(make_event(event_id=id) for id in ids))) == WriteReport(100, 0)
    assert len(cluster.sent) == writer.LANES
    for id in set(ids):
        assert sum(f'"_id":"{id}"'.encode() in body for body in cluster.sent) == 1


def test_write_is_refused_when_one_of_several_requests_fails(
    cluster: Cluster, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LANE_BYTES", 100)
    cluster.bulks = [(503, BUSY)] * 20
    with pytest.raises(StoreUnavailableError):
        store.write(to_lines(*(make_event() for _ in range(100))))
