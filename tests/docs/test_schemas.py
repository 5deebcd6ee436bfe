"""Schemas are strict, their examples and those in the docs validate, and both validators agree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from openmetrics import schemas
from openmetrics.testing.client import running

ROOT = Path(__file__).parents[2]
FOLDERS = sorted({path.parent for path in ROOT.glob("plugins/*/*.schema.json")})
SCHEMAS = schemas.load_schemas(FOLDERS)
NAMES = sorted(SCHEMAS)
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
BLOCK = re.compile(r"```json (\w+)\n(.*?)```", re.DOTALL)
BLOCKS = [
    pytest.param(kind, text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (kind, text) in enumerate(BLOCK.findall(page.read_text()), 1)
]
FREE = {"properties", "fields", "data", "context", "set_once", "append", "union", "tags", "props", "value"}
"""Members whose names are the caller's."""


def iter_objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object schema with its place."""
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from iter_objects(item, f"{path}/{number}")
    elif isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield path, schema
        for name, inner in schema.items():
            if name not in ("examples", "default", "const", "enum"):
                yield from iter_objects(inner, f"{path}/{name}")


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_strict(name: str) -> None:
    for path, schema in iter_objects(SCHEMAS[name].document):
        if "type" in schema or "additionalProperties" in schema:
            assert "additionalProperties" in schema, f"{name}{path} takes unknown members"


@pytest.mark.parametrize("name", NAMES)
def test_schema_tells_what_it_is(name: str) -> None:
    document = SCHEMAS[name].document
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"{name}.schema.json"
    assert document["title"]
    assert document["description"].endswith(".")
    assert document["examples"], "an example says more than a schema"


@pytest.mark.parametrize("name", NAMES)
def test_schema_examples_are_valid(name: str) -> None:
    for example in SCHEMAS[name].document["examples"]:
        assert agree(name, example), example


def agree(name: str, document: Any) -> bool:
    """Return the answer that both validators give."""
    schema = SCHEMAS[name]
    fast = schema.is_valid(document)
    slow = Draft202012Validator(schema.document, registry=schema._registry).is_valid(document)
    assert fast is slow, document
    return fast


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", ["event", "identify"])
@hypothesis.settings(max_examples=150, deadline=None, derandomize=True, database=None)
@hypothesis.given(data=st.data())
def test_schema_validators_agree(name: str, data: st.DataObject) -> None:
    members = sorted(SCHEMAS[name].document["properties"])
    document = data.draw(st.dictionaries(st.sampled_from([*members, "colour"]), JSON, max_size=5))
    is_valid = agree(name, document)
    faults = SCHEMAS[name].explain(document) if not is_valid else []
    assert is_valid or all(fault.detail for fault in faults)


@pytest.mark.parametrize(("kind", "text"), BLOCKS)
def test_json_blocks_of_the_docs_hold_what_they_say(kind: str, text: str) -> None:
    document = json.loads(text)
    if kind == "receipt":
        assert document.keys() == {"accepted", "rejected", "warnings"}
        assert all(row.keys() >= {"index", "code", "detail", "pointer"} for row in document["rejected"])
        return
    assert agree(kind, document)
    with running() as application:
        if kind in ("segment", "metric"):
            assert application.client.simulate_put(f"/v1/{kind}s/x", json=document).status_code == 201
            return
        path = "/v1/identify" if kind == "identify" else "/v1/collect"
        response = application.client.simulate_post(path, json=document)
        assert (response.status_code, response.json["rejected"]) == (202, [])


def test_there_are_blocks_to_check() -> None:
    assert len(BLOCKS) > 3


def test_readme_first_event_and_first_question_work() -> None:
    text = (ROOT / "README.md").read_text()
    [body] = re.findall(r"/v1/collect \\\n\s+-d '([^']+)'", text)
    [question] = re.findall(r"curl http://127.0.0.1:8080(/v1/users/\S+)\n", text)
    [pixel] = re.findall(r'src="http://127.0.0.1:8080/t.gif\?([^"]+)"', text)
    with running() as application:
        assert application.client.simulate_post("/v1/collect", body=body).status_code == 202
        assert application.client.simulate_get("/t.gif", query_string=pixel).status_code == 200
        events = application.client.simulate_get(question).json["events"]
    assert [event["name"] for event in events] == ["pageview", "signup"]
    assert events[0]["properties"] == {"page": "home"}
