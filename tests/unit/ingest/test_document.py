"""JSON is read so that nothing is lost or made up (semantics E5)."""

import pytest

from openmetrics.errors import OpenMetricsError
from openmetrics.ingest.document import check_depth, parse_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"12345678901234567890123", 12345678901234567890123),
        (b'{"a":-12345678901234567890123}', {"a": -12345678901234567890123}),
        (b"[1, 9007199254740993]", [1, 9007199254740993]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":12345678901234567890,"a":2}', {"a": 2}),
        (b"\xef\xbb\xbf[1]", [1]),
        (b'"' + b"9" * 2000 + b'"', "9" * 2000),
        (b"1e-400", 0.0),
        (b'"\\ud83d\\ude42"', "🙂"),
        (b"9" * 1000, int("9" * 1000)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_parse_document_value_is_exact(text: bytes, value: object) -> None:
    assert parse_document(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"{", b"nul", b"[1,]", b"NaN", b"Infinity", b"1e999", b'"\\ud800"', b'"\\udc00x"',
        b"\xff\xfe", b'"\xff"', b"{'a':1}", b"[" * 5000, b"1" * 1001, b'{"a":' + b"1" * 1001 + b"}", b"01",
        b"\xef\xbb\xbf", b"[1e999, 9999999999999999999]", b'["\\ud800", ' + b"9" * 400 + b"]",
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_parse_document_unreadable_bytes_are_refused(text: bytes) -> None:
    with pytest.raises(OpenMetricsError) as caught:
        parse_document(text)
    assert caught.value.code == "malformed-json"
    assert len(caught.value.detail) < 400


def test_check_depth_sixty_four_levels_pass_and_one_more_does_not() -> None:
    value: list[object] = []
    for _ in range(63):
        value = [value]
    assert check_depth(value, 1)
    assert not check_depth([value], 1)
    assert not check_depth({"a": value}, 1)
    assert not check_depth(value, 2)
