"""Speak to a running server from the command line."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from openmetrics.errors import OpenMetricsError

TIMEOUT_S = 600.0
POLL_S = 0.3


class Remote:
    """A server by its address and key."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OpenMetricsError("invalid-query", f"{url[:100]!r} is no address of a server.")
        self._parts = parts
        # NOTE: told to close, the client frees its socket with the end of the answer.
        self._headers = {"Connection": "close", **({"Authorization": f"Bearer {key}"} if key else {})}

    def send_file(self, path: str, file: Path, query: Mapping[str, str]) -> dict[str, Any]:
        """Send a file as the body of a POST and return the answer. Raises OpenMetricsError."""
        with file.open("rb") as content:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
            return self._ask("POST", f"{path}?{urlencode(query)}", content, headers)

    def post(self, path: str, document: Any) -> dict[str, Any]:
        """Send a document and return the answer. Raises OpenMetricsError."""
        return self._ask("POST", path, orjson.dumps(document), {"Content-Type": "application/json"})

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer of a GET. Raises OpenMetricsError."""
        return self._ask("GET", path, None, {})

    def put(self, path: str, document: Any) -> dict[str, Any]:
        """Put a JSON document and return the answer. Raises OpenMetricsError."""
        return self._ask("PUT", path, orjson.dumps(document), {"Content-Type": "application/json"})

    def follow(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the state of a job until it has ended; a server that restarts is waited for."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                shown = self.get(path)
            except ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1.0)
                continue
            deadline = time.monotonic() + TIMEOUT_S
            yield shown
            if shown["state"] in ("done", "failed"):
                return
            time.sleep(POLL_S)

    def open(self, path: str) -> http.client.HTTPResponse:
        """Return the open answer of a GET, to be read in pieces. Raises OpenMetricsError."""
        return self._request("GET", path, None, {})

    def _ask(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        answer = self._request(method, path, body, headers)
        found: dict[str, Any] = orjson.loads(answer.read())
        return found

    def _request(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        is_safe = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if is_safe else http.client.HTTPConnection
        assert self._parts.hostname
        connection = kind(self._parts.hostname, self._parts.port, timeout=TIMEOUT_S)
        target = self._parts.path.rstrip("/") + path
        try:
            connection.request(method, target, body, {**self._headers, **headers})
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"{self._parts.netloc} does not answer: {error}") from error
        if answer.status >= 400:
            raise _refusal(answer)
        return answer


def _refusal(answer: http.client.HTTPResponse) -> OpenMetricsError:
    try:
        problem = orjson.loads(answer.read())
        return OpenMetricsError(problem["code"], problem["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return OpenMetricsError("internal", f"The server answered with status {answer.status}.")
