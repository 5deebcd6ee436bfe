"""The OpenAPI document is valid, and every route keeps to the rules that all routes share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from openmetrics.testing.client import Running, running

METHODS = {"get", "post", "put", "delete", "patch"}


@pytest.fixture(scope="module")
def application() -> Iterator[Running]:
    """One application for all of this module: nothing here changes it."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def document(application: Running) -> dict[str, Any]:
    found: dict[str, Any] = application.client.simulate_get("/openapi.json").json
    return found


def iter_operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def test_openapi_is_valid(document: dict[str, Any]) -> None:
    from openapi_spec_validator import validate

    validate(document)
    assert document["openapi"].startswith("3.1")


def test_openapi_schemas_are_schemas(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_openapi_names_every_operation_once(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in iter_operations(document)]
    assert len(names) == len(set(names))


def test_openapi_describes_every_operation(document: dict[str, Any]) -> None:
    for path, method, operation in iter_operations(document):
        assert operation["summary"].endswith("."), (method, path)
        assert any(status[0] in "23" for status in operation["responses"]), (method, path)
        for parameter in operation.get("parameters", []):
            is_told = parameter["in"] == "path" or parameter["description"] or parameter["schema"].get("type")
            assert is_told, (path, parameter["name"])


def test_openapi_lists_every_route_that_answers(application: Running, document: dict[str, Any]) -> None:
    for path, method, _ in iter_operations(document):
        concrete = re.sub(r"\{\w+\}", "x", path)
        response = application.client.simulate_request(method.upper(), concrete, body="")
        assert response.status_code not in (405, 500), (method, path, response.text)


def test_every_route_takes_a_trailing_slash(application: Running, document: dict[str, Any]) -> None:
    for path, method, _ in iter_operations(document):
        concrete = re.sub(r"\{\w+\}", "x", path)
        statuses = [
            application.client.simulate_request(method.upper(), address, body="").status_code
            for address in (concrete, concrete.rstrip("/") + "/")
        ]
        assert statuses[0] == statuses[1], (method, path)


def test_every_get_route_answers_head_alike(application: Running, document: dict[str, Any]) -> None:
    for path, method, _ in iter_operations(document):
        if method == "get":
            concrete = re.sub(r"\{\w+\}", "x", path)
            got = application.client.simulate_get(concrete)
            head = application.client.simulate_head(concrete)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers.get("content-type") == got.headers.get("content-type"), path


def test_every_route_refuses_other_methods(application: Running, document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        concrete = re.sub(r"\{\w+\}", "x", path)
        response = application.client.simulate_request("TRACE", concrete)
        assert response.status_code == 405, path
        allowed = {name.strip() for name in response.headers["allow"].split(",")}
        assert {method.upper() for method in item if method in METHODS} <= allowed, path


def test_every_route_answers_a_preflight(application: Running, document: dict[str, Any]) -> None:
    for path in document["paths"]:
        concrete = re.sub(r"\{\w+\}", "x", path)
        headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
        response = application.client.simulate_options(concrete, headers=headers)
        assert response.status_code in (200, 204), path


def test_answers_keep_to_the_problem_schema(application: Running, document: dict[str, Any]) -> None:
    validator = Draft202012Validator(document["components"]["schemas"]["Problem"])
    for address in ("/nope", "/v1/users/nobody", "/v1/users?limit=1"):
        validator.validate(application.client.simulate_get(address).json)
