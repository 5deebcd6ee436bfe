"""Load, check and compile JSON Schemas once; explain refusals with pointers.

jsonschema-rs answers yes or no on the hot path (0.6 µs an event); jsonschema checks the schemas at start
and words what is wrong. A test holds that both always agree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs

from openmetrics.errors import Fault

JSON_TYPES = {
    "string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "object": "an object", "array": "a list", "null": "null",
}  # fmt: skip


SUFFIX = ".schema.json"


@dataclass(frozen=True, slots=True)
class Schema:
    """A compiled schema: `is_valid(document)` is the fast answer, `explain(document)` the long one."""

    name: str
    document: Mapping[str, Any]
    _fast: Any
    _registry: Any

    def is_valid(self, document: Any) -> bool:
        """Say whether a document keeps to the schema."""
        return bool(self._fast.is_valid(document))

    def explain(self, document: Any) -> list[Fault]:
        """Return every fault, with a pointer to the thing itself and how to mend it."""
        from jsonschema import Draft202012Validator

        validator = Draft202012Validator(self.document, registry=self._registry)
        faults = [fault for error in validator.iter_errors(document) for fault in _iter_faults(error)]
        return faults or [Fault("", "the document breaks its schema")]


class Schemas:
    """All schemas by file name without `.schema.json`."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        resources_ = [
            (f"{name}.schema.json", DRAFT202012.create_resource(doc)) for name, doc in documents.items()
        ]
        registry: Any = Registry().with_resources(resources_)
        contents: list[tuple[str, Any]] = [(uri, resource.contents) for uri, resource in resources_]
        fast = jsonschema_rs.Registry(contents)
        self._schemas = {
            name: Schema(name, document, jsonschema_rs.validator_for(dict(document), registry=fast), registry)
            for name, document in documents.items()
        }

    def __getitem__(self, name: str) -> Schema:
        """Return a compiled schema; KeyError for a name that no folder holds."""
        return self._schemas[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._schemas)


def name_source(source: Path | Mapping[str, Any]) -> str:
    """Return the name of a folder of schemas, or of a schema itself."""
    return str(source) if isinstance(source, Path) else str(source.get("$id", "a schema without $id"))


def load_schemas(sources: Sequence[Path | Mapping[str, Any]] = ()) -> Schemas:
    """Read the core's schemas and those of plugins. Raises ValueError for a broken or doubled one."""
    documents: dict[str, Mapping[str, Any]] = {}
    core = Path(str(resources.files("openmetrics_schemas")))
    for source in (core, *sources):
        for file, document in _read_source(source):
            name = file.removesuffix(SUFFIX)
            if name in documents:
                raise ValueError(f"two schemas are named {file}; the second is in {name_source(source)}")
            documents[name] = document
    return Schemas(documents)


def _read_source(source: Path | Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(source, Path):
        for path in sorted(source.glob(f"*{SUFFIX}")):
            yield path.name, read_schema(path)
    elif not name_source(source).endswith(SUFFIX):
        raise ValueError(f"the $id of a schema ends with {SUFFIX}: {name_source(source)!r} does not")
    else:
        yield name_source(source), _check_schema(name_source(source), source)


def read_schema(path: Path) -> Mapping[str, Any]:
    """Read one schema file and check it against the meta-schema."""
    try:
        document: Mapping[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} is no JSON Schema: {error}") from error
    return _check_schema(path.name, document)


def _check_schema(name: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(document)
    except SchemaError as error:
        raise ValueError(f"{name} is no JSON Schema: {error}") from error
    return document


def to_pointer(path: Sequence[str | int]) -> str:
    """Write a path as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _iter_faults(error: Any) -> Iterator[Fault]:
    pointer = to_pointer(list(error.absolute_path))
    shown = _shorten(error.instance)
    match error.validator:
        case "additionalProperties" if error.validator_value is False:
            known = ", ".join(sorted(error.schema.get("properties", {})))
            for name in sorted(set(error.instance) - set(error.schema.get("properties", {}))):
                yield Fault(pointer + to_pointer([name]), f"unknown member {name[:60]!r}; known are: {known}")
        case "required":
            for name in error.validator_value:
                if name not in error.instance:
                    yield Fault(pointer + to_pointer([name]), f"{name!r} is missing; add it")
                    break
        case "type":
            types = (
                error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
            )
            wanted = " or ".join(JSON_TYPES[name] for name in types)
            yield Fault(pointer, f"takes {wanted}, not {shown}")
        case "enum":
            yield Fault(pointer, f"takes one of {', '.join(map(str, error.validator_value))}, not {shown}")
        case "maxLength":
            yield Fault(pointer, f"is longer than {error.validator_value} characters; shorten it")
        case "minLength":
            yield Fault(pointer, "is empty; give it a text or leave it out")
        case "pattern":
            yield Fault(pointer, f"{shown} holds characters that are not allowed here (control characters)")
        case "anyOf" | "oneOf":
            names = [name for part in error.validator_value for name in part.get("required", ())]
            detail = (
                f"one of {', '.join(sorted(set(names)))} is needed"
                if names
                else f"{shown} fits no known form"
            )
            yield Fault(pointer, detail)
        case _:
            yield Fault(pointer, str(error.message)[:200])


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
