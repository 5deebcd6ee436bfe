"""The server's own ingest: `POST /v1/collect` and `POST /v1/identify`."""

from __future__ import annotations

from typing import Any

import orjson

from openmetrics.errors import Fault, OpenMetricsError
from openmetrics.http.protocol import Answer, Decoded, Incoming, Operation, Protocol
from openmetrics.ingest.document import parse_document
from openmetrics.ingest.receipt import Draft, Identify, Receipt, Refused

NDJSON = "application/x-ndjson"
BOM = b"\xef\xbb\xbf"
ANSWERS = {
    "202": "Accepted: what the receipt counts survives a crash.",
    "400": "The body is not readable.",
    "422": "Nothing was accepted; the receipt's members say why.",
    "503": "The buffer is full; send it again as Retry-After says.",
}


def native_protocols() -> tuple[Protocol, ...]:
    """Return the endpoints of our own protocol."""
    collect = Operation(
        "POST",
        'Send events: one, a list, `{"events": [...]}`, or NDJSON.',
        body="collect.schema.json",
        content_types=("application/json", NDJSON),
        answers=ANSWERS,
    )
    identify = Operation(
        "POST", "Link a session to a user, and change profile properties.",
        body="identify.schema.json", answers=ANSWERS,
    )  # fmt: skip
    return (
        Protocol("collect", "/v1/collect", (collect,), decode_collect, answer_receipt),
        Protocol("identify", "/v1/identify", (identify,), decode_identify, answer_receipt),
    )


def decode_collect(incoming: Incoming) -> Decoded:
    """Read one event, a list, a wrapped list, or NDJSON (by its type, or when only the lines are JSON)."""
    body = incoming.body.removeprefix(BOM)
    is_lines = incoming.headers.get("content-type", "").partition(";")[0].strip().lower() == NDJSON
    if not is_lines:
        try:
            return _decode_document(parse_document(body))
        except OpenMetricsError as error:
            if not _looks_like_lines(body):
                raise _point(error) from error
    return _decode_lines(body)


def _point(error: OpenMetricsError) -> OpenMetricsError:
    return OpenMetricsError(error.code, error.detail, (Fault("", error.detail),))


def _looks_like_lines(body: bytes) -> bool:
    lines = [line for line in body.split(b"\n", 8)[:8] if line.strip()]
    if len(lines) < 2:
        return False
    try:
        return isinstance(orjson.loads(lines[0]), dict)
    except orjson.JSONDecodeError:
        return False


def _decode_document(document: Any) -> Decoded:
    if isinstance(document, list):
        return Decoded(tuple(document), depth=2)
    if isinstance(document, dict) and "events" in document and "name" not in document:
        unknown = sorted(document.keys() - {"events"})
        if unknown:
            fault = Fault(f"/{unknown[0]}", "unknown member; a batch holds `events` only")
            raise OpenMetricsError("schema-violation", f"Unknown member {unknown[0][:60]!r}.", (fault,))
        events = document["events"]
        if not isinstance(events, list):
            fault = Fault("/events", "takes a list of events")
            raise OpenMetricsError("schema-violation", "`events` takes a list.", (fault,))
        return Decoded(tuple(events), depth=3)
    return Decoded((document,))


def _decode_lines(body: bytes) -> Decoded:
    drafts: list[Draft] = []
    numbers: list[int] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        numbers.append(number)
        try:
            drafts.append(parse_document(line))
        except OpenMetricsError as error:
            drafts.append(Refused(error.code, error.detail))
    return Decoded(tuple(drafts), note=numbers)


def decode_identify(incoming: Incoming) -> Decoded:
    """Read one identification; a list of them is taken as well."""
    document = parse_document(incoming.body)
    if isinstance(document, list):
        return Decoded(tuple(Identify(item) for item in document), depth=2)
    return Decoded((Identify(document),))


def answer_receipt(incoming: Incoming, decoded: Decoded, receipt: Receipt) -> Answer:
    """Answer 202 with the receipt, or 422 with the same members where nothing was accepted."""
    body = receipt.to_json()
    if decoded.note:
        for row in body["rejected"]:
            row["line"] = decoded.note[row["index"]]
    if receipt.rejected and not receipt.accepted:
        first = receipt.rejected[0]
        detail = f"Nothing was accepted; the first fault: {first.pointer or 'the document'} {first.detail}."
        codes = {rejection.code for rejection in receipt.rejected}
        code = codes.pop() if len(codes) == 1 else "schema-violation"
        faults = tuple(Fault(rejection.pointer, rejection.detail) for rejection in receipt.rejected[:100])
        raise OpenMetricsError(code, detail, faults, members=body)
    return Answer(202, orjson.dumps(body), "application/json")
