"""Reading `?q=` as real clients write it (rows 8 and 20)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmetrics.errors import OpenMetricsError
from openmetrics_plugins.open_metrics.target import parse_query

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126))
ANY = st.text(st.characters(exclude_categories=("Cs",)))


def dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def write_as_browser(text: str) -> str:
    """Escape what a browser escapes in a query: C0, blank, quotes, `<`, `>`, `'`, and non-ASCII."""
    return "".join(quote(char) if char in " \"<>'" or not "!" <= char <= "~" else char for char in text)


@given(st.dictionaries(ANY, ANY))
def test_row_20_encoded_text_is_read_exactly(document: Any) -> None:
    assert parse_query(f"q={quote(dump(document))}") == document
    assert parse_query(f"a=1&q={quote_plus(dump(document))}&b=2") == document


@given(st.dictionaries(PRINTABLE, PRINTABLE))
def test_row_20_node_client_escapes_nothing(document: Any) -> None:
    assert parse_query(f"q={dump(document)}") == document


@given(
    st.dictionaries(
        st.just("key"), st.text(st.characters(exclude_categories=("Cs",), exclude_characters="%")), min_size=1
    )
)
def test_row_20_browser_client_escapes_little(document: Any) -> None:
    assert parse_query(f"q={write_as_browser(dump(document))}") == document


@pytest.mark.parametrize(
    ("query", "value"),
    [
        pytest.param('q={"a":"x+y"}', "x+y", id="plus, quotes unescaped"),
        pytest.param("q={%22a%22:%22x+y%22}", "x+y", id="plus, braces unescaped"),
        pytest.param("q=%7B%22a%22:%22x+y%22%7D", "x y", id="plus is a blank where all is escaped"),
        pytest.param("q=%7B%22a%22:%22x%2By%22%7D", "x+y", id="escaped plus"),
        pytest.param('q={"a":"x&y=z"}', "x&y=z", id="ampersand, quotes unescaped"),
        pytest.param("q={%22a%22:%22x&y%22}", "x&y", id="ampersand, braces unescaped"),
        pytest.param("q=%7B%22a%22:%22x&y%22%7D", "x&y", id="ampersand, else escaped"),
        pytest.param('q={"a":"x"}&_=17', "x", id="another parameter behind"),
        pytest.param('key=k&q={"a":"x"}', "x", id="another parameter before"),
        pytest.param('q={"a":"&q={"}', "&q={", id="what looks like another q"),
        pytest.param('q={"a":"100%"}', "100%", id="lone percent"),
        pytest.param("q={%22a%22:%22100%%22}", "100%", id="lone percent, braces unescaped"),
        pytest.param("q=%7B%22a%22:%22100%%22%7D", "100%", id="lone percent, else escaped"),
        pytest.param('q={"a":"%41"}', "%41", id="percent of the text, quotes unescaped"),
        pytest.param("q={%22a%22:%22%41%22}", "%41", id="percent of the text, braces unescaped"),
        pytest.param("q=%7B%22a%22:%22%41%22%7D", "A", id="escape where all is escaped"),
        pytest.param('q={"a":%20"x"}', "x", id="quotes unescaped, yet a blank between"),
        pytest.param("q={%22a%22:%22caf%C3%A9 %E2%82%AC%22}", "café €", id="UTF-8, braces unescaped"),
        pytest.param("q={%22a%22:%22%E9%22}", "%E9", id="a byte that is no UTF-8 stays as written"),
        pytest.param("q={%22a%22%3A%22x%22}", "x", id="more escaped than a browser does"),
        pytest.param('q={"a":"#1"}', "#1", id="number sign"),
        pytest.param('q=%20{"a":"x"}', "x", id="blank before"),
    ],
)
def test_row_20_text(query: str, value: str) -> None:
    assert parse_query(query) == {"a": value}


@pytest.mark.parametrize(
    "query", ["", "q", "xq={}", "q=", "q={", 'q={"a":1}x', 'q={"a":NaN}', "q=" + "[" * 10_000]
)
def test_row_08_what_is_no_json_is_refused(query: str) -> None:
    with pytest.raises(OpenMetricsError) as caught:
        parse_query(query)
    assert caught.value.code == "malformed-json"


def test_big_integers_stay_exact() -> None:
    assert parse_query(f'q={{"a":{10**30}}}') == {"a": 10**30}
