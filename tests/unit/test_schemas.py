"""Both validators agree, and refusals point at the thing itself."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from openmetrics.schemas import load_schemas

SCHEMAS = load_schemas()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = [
    *sorted(SCHEMAS["event"].document["properties"]),
    "session",
    "unset",
    "add",
    "id",
    "events",
    "x/~y",
]


@given(
    st.sampled_from(("event", "identify", "collect")), st.dictionaries(st.sampled_from(MEMBERS), JSON) | JSON
)
def test_is_valid_fast_validator_agrees_with_the_checker(name: str, document: Any) -> None:
    schema = SCHEMAS[name]
    checker = Draft202012Validator(schema.document, registry=schema._registry)
    assert schema.is_valid(document) == checker.is_valid(document)


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4) | JSON)
def test_explain_every_refusal_has_a_pointer_and_a_sentence(document: Any) -> None:
    if SCHEMAS["event"].is_valid(document):
        return
    for fault in SCHEMAS["event"].explain(document):
        assert fault.detail
        assert fault.pointer == "" or fault.pointer.startswith("/")


@pytest.mark.parametrize(
    ("document", "pointer", "word"),
    [
        ({}, "/name", "missing"),
        ({"name": 1}, "/name", "text"),
        ({"name": ""}, "/name", "empty"),
        ({"name": "x" * 201}, "/name", "200"),
        ({"name": "a", "x/~y": 1}, "/x~1~0y", "unknown"),
        ({"name": "a", "properties": []}, "/properties", "object"),
        ({"name": "a", "active": 1}, "/active", "true or false"),
        ({"name": "a", "user_id": "a\tb"}, "/user_id", "control"),
        ([], "", "object"),
    ],
)
def test_explain_points_at_the_thing_itself(document: Any, pointer: str, word: str) -> None:
    [fault] = SCHEMAS["event"].explain(document)
    assert fault.pointer == pointer
    assert word in fault.detail


def test_examples_of_every_schema_are_valid() -> None:
    for name in SCHEMAS:
        for example in SCHEMAS[name].document.get("examples", ()):
            assert SCHEMAS[name].is_valid(example), json.dumps(example)
