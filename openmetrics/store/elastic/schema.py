"""Install the index templates, say where they drifted, and open the months that events need."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any

from openmetrics.errors import OpenMetricsError
from openmetrics.settings import Settings
from openmetrics.store.base import StoreUnavailableError
from openmetrics.store.elastic.connection import Connection, reason_of
from openmetrics.store.elastic.naming import Names

NAME_MAPPINGS = {"props": {"type": "keyword", "ignore_above": 2048}, "num": {"type": "double"}}
"""How a property name is mapped, exactly as the dynamic templates of `events.json` would do it."""
SPARE_FIELDS = 200


class Schema:
    """The indices of a project. Thread-safe because what it remembers is under a lock."""

    def __init__(self, connection: Connection, names: Names, settings: Settings) -> None:
        self._connection = connection
        self._names = names
        self._templates = _build_templates(names, settings)
        self._lock = threading.Lock()
        self._declared: dict[str, None] = {}
        self._months: dict[str, set[str]] = {}
        """Period to the property names that its index maps, of the periods seen by this process."""

    def ensure(self) -> None:
        """Install what is missing or has drifted. Idempotent; safe from many processes at once."""
        for name, template in self._templates.items():
            if list(_iter_differences(template, self._read_template(name))):
                self._put_template(name, template)
        for index in (self._names.facts, self._names.control):
            self._create(index, {})

    def check(self) -> list[str]:
        """Explain where the installed templates and the indices differ from what this version needs."""
        found = []
        for name, template in self._templates.items():
            for difference in _iter_differences(template, self._read_template(name)):
                found.append(f"index template {name}: {difference}; run `openmetrics setup`")
        for alias in (self._names.events, self._names.facts):
            expected = self._templates[alias]["template"]["mappings"]["properties"]
            answer = self._connection.ask("GET", f"/{alias}/_mapping", accept=(404,))
            for index, content in sorted(answer.json().items() if answer.status == 200 else ()):
                for difference in _iter_differences(expected, content["mappings"].get("properties", {})):
                    found.append(f"index {index}: {difference}; it must be reindexed to change that")
        return found

    def declare(self, names: Iterable[str]) -> None:
        """Remember property names; the next write to a month maps them in one go."""
        with self._lock:
            self._declared.update(dict.fromkeys(names))

    def ensure_month(self, period: str) -> None:
        """Create the index of a period if need be, and map all declared names. Idempotent."""
        with self._lock:
            mapped = self._months.get(period)
            if mapped is None:
                mapped = self._months[period] = self._open_month(period)
            missing = self._declared.keys() - mapped
            if missing:
                self._map_names(self._names.month(period), missing)
                mapped |= missing

    def forget_month(self, period: str) -> None:
        """Forget that a period has an index: it was deleted."""
        with self._lock:
            self._months.pop(period, None)

    def _open_month(self, period: str) -> set[str]:
        index = self._names.month(period)
        mapped = self._read_names(index)
        if mapped is not None:
            return mapped
        known = (self._read_names(self._names.events) or set()) | self._declared.keys()
        self._create(index, {"mappings": _name_mappings(known)} if known else {})
        return known

    def _read_names(self, index: str) -> set[str] | None:
        path = "*.mappings.properties.props.properties"
        answer = self._connection.ask("GET", f"/{index}/_mapping?filter_path={path},status", accept=(404,))
        if answer.status == 404:
            return None
        return {
            name
            for content in answer.json().values()
            for name in content["mappings"]["properties"]["props"]["properties"]
        }

    def _map_names(self, index: str, names: Iterable[str]) -> None:
        # NOTE: a user without the privilege `manage` may not do this; the first event with a name then does.
        self._connection.ask("PUT", f"/{index}/_mapping", _name_mappings(names), accept=(403,))

    def _create(self, index: str, body: Mapping[str, Any]) -> None:
        answer = self._connection.ask("PUT", f"/{index}", body, accept=(400,))
        if answer.status == 400:
            kind, reason = reason_of(answer.json().get("error"))
            if kind != "resource_already_exists_exception":
                raise OpenMetricsError("internal", f"Elasticsearch cannot create the index {index}: {reason}")

    def _read_template(self, name: str) -> Mapping[str, Any] | None:
        answer = self._connection.ask("GET", f"/_index_template/{name}", accept=(404,))
        if answer.status == 404:
            return None
        found: Mapping[str, Any] = answer.json()["index_templates"][0]["index_template"]
        return found

    def _put_template(self, name: str, template: Mapping[str, Any]) -> None:
        answer = self._connection.ask("PUT", f"/_index_template/{name}", template, accept=(401, 403))
        if answer.status != 200:
            raise StoreUnavailableError(
                f"The index template {name} is missing or of another version, and this user may not install "
                "it: run `openmetrics setup` with one who has the cluster privilege manage_index_templates."
            )


def _build_templates(names: Names, settings: Settings) -> dict[str, dict[str, Any]]:
    events, facts, control = (_load(kind) for kind in ("events", "facts", "control"))
    events["index_patterns"] = [f"{names.events}-*"]
    events["template"]["aliases"] = {names.events: {}}
    index = events["template"]["settings"]["index"]
    index["number_of_shards"] = settings.elasticsearch_shards
    limit = index["mapping"]["total_fields"]
    limit["limit"] = max(limit["limit"], 2 * settings.max_property_names + SPARE_FIELDS)
    facts["index_patterns"], control["index_patterns"] = [names.facts], [names.control]
    return {names.events: events, names.facts: facts, names.control: control}


def _load(kind: str) -> dict[str, Any]:
    text = files("openmetrics_config.elasticsearch").joinpath(f"{kind}.json").read_text()
    content: dict[str, Any] = json.loads(text)
    return content


def _name_mappings(names: Iterable[str]) -> dict[str, Any]:
    names = sorted(names)
    return {
        "properties": {
            member: {"dynamic": True, "subobjects": False, "properties": dict.fromkeys(names, mapping)}
            for member, mapping in NAME_MAPPINGS.items()
        }
    }


def _iter_differences(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Say where something lacks what is expected; more than expected is the operator's own choice."""
    if found is None:
        # NOTE: an index does not say of a member with members that its type is object.
        if expected != "object":
            yield f"{path or 'it'} is missing"
    elif isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name, part in expected.items():
            yield from _iter_differences(part, found.get(name), f"{path}.{name}" if path else name)
    # NOTE: Elasticsearch gives settings back as texts.
    elif not isinstance(expected, Mapping) and _text(expected) != _text(found):
        yield f"{path} is {_text(found)}, expected {_text(expected)}"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True).replace('"', "").lower()
