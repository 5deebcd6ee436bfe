"""Ask the cluster: the one place where its answers are read and its errors become ours."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from elastic_transport import ConnectionTimeout, NodeConfig, Serializer, Transport, TransportError
from elastic_transport.client_utils import basic_auth_to_header, url_to_node_config

from openmetrics.errors import OpenMetricsError
from openmetrics.settings import Settings, SettingsError
from openmetrics.store.base import QueryTimeoutError, QueryTooLargeError, StoreUnavailableError

JSON, NDJSON = "application/json", "application/x-ndjson"
UNAVAILABLE = (429, 502, 503, 504)
TOO_LARGE = ("too_many_buckets", "too_many_clauses", "too_many_nested_clauses")
CLOSED = "The store is closed."
CONNECTIONS = 32
RETRIES = 2
NOTHING: dict[str, Any] = {"hits": {"total": {"value": 0}, "hits": []}}


class _Bytes(Serializer):
    """Hand bytes through, so that each caller parses no more than it needs."""

    def loads(self, data: bytes) -> bytes:
        return data

    def dumps(self, data: bytes) -> bytes:
        return data


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that is not an error, or whose status the caller accepts."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Parse the body; raises StoreUnavailableError where it is no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            detail = "What answers at elasticsearch_url sends something else than JSON; check the address."
            raise StoreUnavailableError(detail) from None


class Connection:
    """A client of the cluster. Thread-safe because the driver's pool is."""

    def __init__(self, settings: Settings) -> None:
        self._urls = settings.elasticsearch_url
        self._timeout_s = float(settings.elasticsearch_timeout_s)
        self._headers = _build_headers(settings)
        self._transport: Transport | None = _build_transport(settings)

    def ask(
        self,
        method: str,
        target: str,
        body: Mapping[str, Any] | bytes | None = None,
        accept: Collection[int] = (),
        deadline: float | None = None,
    ) -> Answer:
        """Send one request; bytes are newline-delimited JSON.

        Statuses in `accept` are answers, other errors are raised. At the deadline (`time.monotonic()`) the
        connection is closed, upon which the cluster gives up a search.
        """
        if self._transport is None:
            raise StoreUnavailableError(CLOSED)
        timeout_s = self._timeout_s if deadline is None else deadline - time.monotonic()
        if timeout_s <= 0:
            raise QueryTimeoutError
        headers, content = self._headers, None
        if body is not None:
            headers = {**headers, "content-type": NDJSON if isinstance(body, bytes) else JSON}
            content = body if isinstance(body, bytes) else orjson.dumps(body)
        with self._guarded(has_deadline=deadline is not None):
            meta, found = self._transport.perform_request(
                method, target, body=content, headers=headers, request_timeout=timeout_s
            )
        if not (200 <= meta.status < 300 or meta.status in accept):
            raise _translate(meta.status, found or b"")
        # NOTE: refusals come from the security layer, which does not say that it is Elasticsearch.
        if meta.headers.get("x-elastic-product") != "Elasticsearch" and meta.status not in (401, 403):
            detail = f"What answers at {self._urls} is not Elasticsearch; check elasticsearch_url."
            raise StoreUnavailableError(detail)
        return Answer(meta.status, found or b"")

    def check_open(self) -> None:
        """Raise StoreUnavailableError once the store is closed."""
        if self._transport is None:
            raise StoreUnavailableError(CLOSED)

    def search(self, index: str, body: Mapping[str, Any], deadline: float | None = None) -> dict[str, Any]:
        """Run a search; an alias that no index has yet answers like an empty one."""
        answer = self.ask("POST", search_target(index), body, accept=(404,), deadline=deadline)
        found: dict[str, Any] = NOTHING if answer.status == 404 else answer.json()
        return found

    def close(self) -> None:
        """Close all connections; every later call raises StoreUnavailableError. Idempotent."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    @contextmanager
    def _guarded(self, has_deadline: bool) -> Iterator[None]:
        try:
            yield
        except ConnectionTimeout as error:
            if has_deadline:
                raise QueryTimeoutError from error
            detail = f"Elasticsearch at {self._urls} does not answer in time; see elasticsearch_timeout_s."
            raise StoreUnavailableError(detail) from error
        except (TransportError, OSError) as error:
            detail = f"Elasticsearch at {self._urls} cannot be reached; check it and elasticsearch_url."
            raise StoreUnavailableError(detail) from error


def search_target(index: str, extra: str = "") -> str:
    """Return the path of a search: a shard that fails makes it an error, never a partial answer."""
    return f"/{index}/_search?allow_partial_search_results=false{extra}"


def reason_of(error: Any) -> tuple[str, str]:
    """Return the type and the reason of an error object, those of its cause where it has one."""
    if not isinstance(error, dict):
        return "unknown", str(error)
    for cause in (*error.get("failed_shards", ()), *error.get("root_cause", ())):
        inner = cause.get("reason", cause)
        if isinstance(inner, dict):
            error = inner
            break
    while isinstance(error.get("caused_by"), dict):
        error = error["caused_by"]
    return str(error.get("type", "unknown")), str(error.get("reason", ""))


def _translate(status: int, body: bytes) -> OpenMetricsError:
    try:
        found = orjson.loads(body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        found = body[:200].decode(errors="replace")
    kind, reason = reason_of(found)
    if any(name in str(found) for name in TOO_LARGE):
        return QueryTooLargeError(f"The question is too large for Elasticsearch: {reason}. Ask for less.")
    if status in UNAVAILABLE:
        return StoreUnavailableError(f"Elasticsearch is overloaded or incomplete ({kind}); try again later.")
    if status in (401, 403):
        return StoreUnavailableError(
            f"Elasticsearch refuses the user or key of the settings elasticsearch_username, _password and "
            f"_api_key: {reason}"
        )
    if kind == "index_not_found_exception":
        return StoreUnavailableError(f"An index is missing ({reason}): run `openmetrics setup`.")
    return OpenMetricsError("internal", f"Elasticsearch refuses a request ({kind}): {reason}")


def _build_headers(settings: Settings) -> dict[str, str]:
    headers = {"accept": JSON}
    if settings.elasticsearch_api_key:
        headers["authorization"] = f"ApiKey {settings.elasticsearch_api_key}"
    elif settings.elasticsearch_username:
        pair = (settings.elasticsearch_username, settings.elasticsearch_password)
        headers["authorization"] = basic_auth_to_header(pair)
    return headers


def _build_transport(settings: Settings) -> Transport:
    urls = [url.strip() for url in settings.elasticsearch_url.split(",") if url.strip()]
    serializers = dict.fromkeys((JSON, NDJSON, "text/*", "application/*"), _Bytes())
    try:
        nodes = [_build_node(url, settings) for url in urls]
        return Transport(nodes, serializers=serializers, max_retries=RETRIES)
    except (ValueError, TypeError, OSError) as error:
        raise SettingsError(f"the settings elasticsearch_url and so on do not fit: {error}") from error


def _build_node(url: str, settings: Settings) -> NodeConfig:
    secure: dict[str, Any] = {}
    if settings.elasticsearch_ca_certs:
        secure["ca_certs"] = settings.elasticsearch_ca_certs
    if settings.elasticsearch_fingerprint:
        secure["ssl_assert_fingerprint"] = settings.elasticsearch_fingerprint
    node = url_to_node_config(url, use_default_ports_for_scheme=True)
    return dataclasses.replace(node, connections_per_node=CONNECTIONS, **secure)
