"""This machine's own names are told from others, however they are written."""

import pytest

from openmetrics.http.hosts import is_loopback


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost",
        "LOCALHOST:80",
        "localhost.",
        "a.localhost",
        "[::1]",
        "[::1]:8080",
        "::1",
        "127.9.9.9",
    ],
)
def test_is_loopback_own_name_is_told(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a: b",
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "10.0.0.1",
        "[::2]:80",
        "[",
        ":",
    ],
)
def test_is_loopback_other_name_is_told(host: str) -> None:
    assert not is_loopback(host)
