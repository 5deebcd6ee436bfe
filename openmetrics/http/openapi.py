"""Generate the OpenAPI 3.1 document from the routes and the schemas."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

import falcon

from openmetrics import __version__
from openmetrics.errors import PROBLEMS
from openmetrics.http.protocol import Operation, Protocol, Route
from openmetrics.http.questions import send_json
from openmetrics.schemas import Schemas

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"enum": sorted(PROBLEMS)},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def build_openapi(entries: Sequence[Route | Protocol], schemas: Schemas) -> dict[str, Any]:
    """Return the document; a path's parameters are those in braces."""
    paths: dict[str, Any] = {}
    used: set[str] = set()
    for entry in sorted(entries, key=lambda entry: entry.path):
        item = paths.setdefault(re.sub(r":\w+}", "}", entry.path), {})
        for operation in entry.operations:
            item[operation.method.lower()] = _describe(entry, operation)
            if operation.body:
                used.add(operation.body)
    components = {_component(name): _rewrite(schemas[name].document, _component(name)) for name in schemas}
    components["Problem"] = PROBLEM
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OpenMetrics",
            "version": __version__,
            "description": "Self-hosted product analytics. Every path also takes a trailing slash.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    }


def _component(file_name: str) -> str:
    words = file_name.removesuffix(".schema.json").replace("-", "_").split("_")
    return "".join(word.capitalize() for word in words)


def _rewrite(document: Any, own: str) -> Any:
    """Copy the schema of the component `own`, its references pointing into the one document."""
    if isinstance(document, list):
        return [_rewrite(item, own) for item in document]
    if not isinstance(document, dict):
        return copy.copy(document)
    kept = {name: value for name, value in document.items() if name not in ("$schema", "$id")}
    reference = kept.get("$ref", "")
    if isinstance(reference, str) and reference.endswith(".schema.json"):
        kept["$ref"] = f"#/components/schemas/{_component(reference)}"
    elif isinstance(reference, str) and reference.startswith("#/"):
        kept["$ref"] = f"#/components/schemas/{own}{reference[1:]}"
    return {name: _rewrite(value, own) for name, value in kept.items()}


def _describe(entry: Route | Protocol, operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _path_parameters(entry.path)
    ]
    for name, schema in operation.query.items():
        plain = {key: value for key, value in schema.items() if key not in ("description", "x-required")}
        parameters.append({
            "name": name, "in": "query", "required": bool(schema.get("x-required")), "schema": plain,
            "description": schema.get("description", ""),
        })  # fmt: skip
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.method.lower() + re.sub(r"[^a-zA-Z0-9]+", "_", entry.path),
        "responses": {status: {"description": text} for status, text in operation.answers.items()},
    }
    own_shape = entry.refuse is not None
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    described["responses"]["default"] = {
        "description": "A refusal, in the words of this API." if own_shape else "A problem.",
        **({} if own_shape else {"content": {"application/problem+json": problem}}),
    }
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        reference = {"$ref": f"#/components/schemas/{_component(operation.body)}"}
        content = {kind: {"schema": reference} for kind in operation.content_types if "ndjson" not in kind}
        content |= {
            kind: {"schema": {"type": "string"}} for kind in operation.content_types if "ndjson" in kind
        }
        described["requestBody"] = {"required": True, "content": content}
    described["security"] = [] if entry.scope is None else [{"bearer": []}, {"key": []}]
    return described


def _path_parameters(path: str) -> list[str]:
    return [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]


class OpenApi:
    """`GET /openapi.json`."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give the document."""
        send_json(resp, self.document)
