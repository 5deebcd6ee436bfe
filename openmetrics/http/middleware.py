"""What happens around every request: id, address, door checks, CORS, figures and the access log."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import falcon
import orjson

from openmetrics.errors import OpenMetricsError
from openmetrics.http.hosts import is_loopback
from openmetrics.http.keys import OPEN, Caller, Keyring
from openmetrics.http.telemetry import Telemetry
from openmetrics.settings import Settings

REQUEST_ID = "X-Request-ID"
MAX_LINE = 256 * 1024
INGEST = "write"


class RateLimiter:
    """Give each address and each key a bucket of `rate` requests a second, twice that at once."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: str) -> float:
        """Take one request out of a bucket; return 0, or the seconds to wait."""
        now = time.monotonic()
        with self._lock:
            if len(self._buckets) > 100_000:
                self._buckets = {k: v for k, v in self._buckets.items() if now - v[1] < 2}
            tokens, then = self._buckets.get(caller, (2 * self.rate, now))
            tokens = min(2 * self.rate, tokens + (now - then) * self.rate)
            if tokens < 1:
                self._buckets[caller] = (tokens, now)
                return (1 - tokens) / self.rate
            self._buckets[caller] = (tokens - 1, now)
            return 0.0


class Doors:
    """Decide who may come in. Runs once the route is known, so that refusals take its shape."""

    def __init__(self, settings: Settings, keyring: Keyring, routes: Mapping[str, Any]) -> None:
        self._needs_keys = not is_loopback(settings.host) and not settings.insecure
        self._is_local = is_loopback(settings.host)
        self._keyring = keyring
        self._routes = routes
        self._origins = frozenset(settings.cors_origins)
        self._proxies = frozenset(settings.trusted_proxies)
        rate = int(settings.rate_limit_per_s)
        rate = (0 if self._is_local else 2_000) if rate < 0 else rate
        self._limiter = RateLimiter(rate) if rate else None

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give the request an id and find the client's address."""
        sent = req.env.get("HTTP_X_REQUEST_ID", "")
        is_usable = 0 < len(sent) <= 64 and sent.isascii() and sent.isprintable()
        req.context.request_id = sent if is_usable else f"{random.getrandbits(64):016x}"
        req.context.started = time.perf_counter()
        address = req.env.get("REMOTE_ADDR", "127.0.0.1")
        if address in self._proxies and (forwarded := req.env.get("HTTP_X_FORWARDED_FOR")):
            hops = [hop.strip() for hop in forwarded.split(",")]
            address = next((hop for hop in reversed(hops) if hop not in self._proxies), hops[0])
        req.context.address = address

    def process_resource(self, req: Any, resp: Any, resource: Any, params: Any) -> None:
        """Refuse who may not use this route."""
        route = self._routes.get(req.uri_template)
        if route is None:
            return
        req.context.refuse = route.refuse
        self._allow_origin(req, resp, route)
        if len(req.query_string) > MAX_LINE:
            raise OpenMetricsError("payload-too-large", "The address is too long; send it by POST.")
        if req.method == "OPTIONS":
            return
        caller = self._identify(req, route)
        req.context.caller = caller
        if self._limiter:
            self._limit(req, resp, caller)

    def _identify(self, req: Any, route: Any) -> Caller:
        if not self._needs_keys:
            host = req.env.get("HTTP_HOST", "")
            if self._is_local and host and not is_loopback(host):
                detail = "Without keys, only this machine's own names may be used to reach the server."
                raise OpenMetricsError("forbidden", detail)
            if _is_cross_site(req) and route.scope != INGEST and not req.path.startswith("/embed"):
                detail = "Pages of other sites may not ask questions of a server without keys."
                raise OpenMetricsError("forbidden", detail)
            return OPEN
        if route.scope is None:
            return Caller("", "write")
        text = _find_key(req)
        if not text:
            raise OpenMetricsError(
                "unauthenticated", "Send a key as `Authorization: Bearer KEY`, or as `?key=KEY`."
            )
        caller = self._keyring.find(text)
        if caller is None:
            raise OpenMetricsError("unauthenticated", "This key is not known here, or was revoked.")
        if not caller.may(route.scope):
            raise OpenMetricsError("forbidden", f"This needs a key of scope {route.scope} or admin.")
        return caller

    def _limit(self, req: Any, resp: Any, caller: Caller) -> None:
        assert self._limiter
        buckets = [f"a:{req.context.address}"] + ([f"k:{caller.key_id}"] if caller.key_id else [])
        wait = max(self._limiter.take(bucket) for bucket in buckets)
        resp.set_header("RateLimit-Limit", str(int(self._limiter.rate)))
        if wait:
            seconds = max(1, round(wait))
            resp.set_header("RateLimit-Reset", str(seconds))
            detail = "Too many requests from this address or key; wait as Retry-After says."
            raise OpenMetricsError("rate-limited", detail, retry_after_s=seconds)

    def _allow_origin(self, req: Any, resp: Any, route: Any) -> None:
        if route.allow_origin == "any":
            resp.set_header("Access-Control-Allow-Origin", "*")
        elif (origin := req.env.get("HTTP_ORIGIN")) is not None:
            resp.append_header("Vary", "Origin")
            if route.allow_origin != "mirror" and origin not in self._origins:
                return
            resp.set_header("Access-Control-Allow-Origin", origin)
            resp.set_header("Access-Control-Allow-Credentials", "true")
        if req.method == "OPTIONS":
            allowed = req.get_header("Access-Control-Request-Headers") or "Content-Type, Authorization"
            resp.set_header("Access-Control-Allow-Headers", allowed)
            methods = ", ".join(sorted({operation.method for operation in route.operations}))
            resp.set_header("Access-Control-Allow-Methods", methods)
            resp.set_header("Access-Control-Max-Age", "86400")


def _is_cross_site(req: Any) -> bool:
    site = req.env.get("HTTP_SEC_FETCH_SITE")
    if site in ("cross-site", "same-site"):
        return not (req.method == "GET" and req.env.get("HTTP_SEC_FETCH_MODE") == "navigate")
    origin = req.env.get("HTTP_ORIGIN")
    return site is None and origin is not None and not is_loopback(origin.partition("://")[2])


def _find_key(req: Any) -> str:
    header = req.env.get("HTTP_AUTHORIZATION", "")
    if header[:7].lower() == "bearer ":
        return str(header[7:].strip())
    return next((value for name, value in parse_qsl(req.query_string) if name == "key"), "")


class AccessLog:
    """Count every request, and write one JSON line for it (no query: it may hold keys or data)."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._is_on = bool(settings.access_log)
        self._telemetry = telemetry

    def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Write the line and set the request id."""
        resp.set_header(REQUEST_ID, req.context.request_id)
        took_s = time.perf_counter() - req.context.started
        status = falcon.code_to_http_status(resp.status)[:3]
        self._telemetry.count_request(req.uri_template or "", status, took_s)
        if not self._is_on:
            return
        caller = getattr(req.context, "caller", None)
        line = {
            "time": int(time.time() * 1000), "method": req.method, "path": req.path, "status": int(status),
            "ms": round(took_s * 1000, 2), "address": req.context.address,
            "request_id": req.context.request_id, "key": caller.key_id if caller else "",
        }  # fmt: skip
        sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
