"""Spool lines that cannot be stored say why."""

from __future__ import annotations

import orjson
import pytest

from openmetrics.store.base import FACT_KINDS
from openmetrics.store.lines import REQUIRED, REQUIRED_OF_ALL, LineError, parse_line, partition_of
from openmetrics.testing.journeys import make_event, to_lines
from openmetrics.testing.write_contract import FACT_LINES


def test_every_kind_of_fact_is_known() -> None:
    assert set(REQUIRED) == set(FACT_KINDS)


@pytest.mark.parametrize("kind", FACT_KINDS)
def test_parse_line_reads_facts_and_misses_no_member(kind: str) -> None:
    fact = parse_line(FACT_LINES[kind])
    assert fact["kind"] == kind
    for name in (*REQUIRED_OF_ALL, *REQUIRED[kind]):
        with pytest.raises(LineError, match=f"`{name}`"):
            parse_line(orjson.dumps({key: value for key, value in fact.items() if key != name}))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"[]", "schema-violation"),
        (b"{}", "schema-violation"),
        (b'{"kind":5}', "schema-violation"),
        (b'{"kind":"event","id":"x","time":true}', "schema-violation"),
    ],
)
def test_parse_line_refuses_with_a_code(line: bytes, code: str) -> None:
    with pytest.raises(LineError) as caught:
        parse_line(line)
    assert caught.value.code == code


def test_partition_of_has_a_period_for_events_only() -> None:
    assert partition_of(parse_line(to_lines(make_event(time_ms=0)))) == ("event", "old")
    assert partition_of(parse_line(FACT_LINES["link"])) == ("link", "")
