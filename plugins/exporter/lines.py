"""Write rows as lines of JSON.

PERF: Arrow joins whole columns of text: 0.7 million events/s, where one Python object an event gives 0.1.
"""

from __future__ import annotations

from typing import Any

import orjson

_CONTROL = "[\\x00-\\x1f]"


def render_lines(kind: str, table: Any) -> bytes:
    """Return one line for each row of a piece."""
    if not len(table):
        return b""
    from pyarrow import compute

    lines = compute.binary_join_element_wise(
        *_PARTS[kind](table), "", null_handling="replace", null_replacement="null"
    )
    return "".join(lines.to_pylist()).encode()


def _event_parts(table: Any) -> list[Any]:
    from pyarrow import compute

    owner, sent = quote(table["owner"]), quote(table["user_id"])
    is_same = compute.fill_null(compute.equal(table["owner"], table["user_id"]), False)
    is_same = compute.or_(is_same, compute.and_(compute.is_null(owner), compute.is_null(sent)))
    said = compute.binary_join_element_wise(
        ',"sent_user_id":', compute.fill_null(sent, "null"), "", null_handling="replace"
    )
    return [
        '{"kind":"event","event_id":', quote(table["id"]), *_times(table),
        ',"name":', quote(table["name"]), ',"user_id":', owner, compute.if_else(is_same, "", said),
        ',"session_id":', quote(table["session_id"]), ',"source":', quote(table["source"]),
        ',"active":', _boolean(table["active"]), ",",
        # SAFETY: `raw` is an object that is never empty, it holds the value.
        compute.utf8_slice_codeunits(table["raw"], 1), "\n",
    ]  # fmt: skip


def _link_parts(table: Any) -> list[Any]:
    return [
        '{"kind":"link"', *_times(table), ',"session_id":', quote(table["session_id"]), ',"user_id":',
        quote(table["user_id"]), ',"explicit":', _boolean(table["explicit"]), "}\n",
    ]  # fmt: skip


def _operation_parts(table: Any) -> list[Any]:
    return [
        '{"kind":"operation","id":', quote(table["id"]), *_times(table),
        ',"user_id":', quote(table["user_id"]),
        ',"session_id":', quote(table["session_id"]), ',"target":', quote(table["target"]), ',"op":',
        quote(table["op"]), ',"content":', table["raw"], "}\n",
    ]  # fmt: skip


def _merge_parts(table: Any) -> list[Any]:
    return [
        '{"kind":', quote(table["kind"]), ',"id":', quote(table["id"]), *_times(table), ',"user_id":',
        quote(table["user_id"]), ',"from":', quote(table["other"]), "}\n",
    ]  # fmt: skip


def _profile_parts(table: Any) -> list[Any]:
    return [
        '{"kind":"profile","user_id":', quote(table["user_id"]), ',"properties":', table["properties"], "}\n",
    ]  # fmt: skip


_PARTS = {
    "documents": lambda table: [table["record"], "\n"],
    "events": _event_parts,
    "links": _link_parts,
    "operations": _operation_parts,
    "merges": _merge_parts,
    "profiles": _profile_parts,
}


def quote(column: Any) -> Any:
    """Write texts as JSON strings; null stays null."""
    import pyarrow
    from pyarrow import compute

    odd = compute.any(compute.match_substring_regex(column, _CONTROL)).as_py()
    if odd:
        texts = [None if text is None else orjson.dumps(text).decode() for text in column.to_pylist()]
        return pyarrow.chunked_array([pyarrow.array(texts, pyarrow.string())])
    plain = compute.replace_substring(column, "\\", "\\\\")
    plain = compute.replace_substring(plain, '"', '\\"')
    return compute.binary_join_element_wise('"', plain, '"', "")


def _times(table: Any) -> list[Any]:
    return [',"time":"', format_times(table["time"]), '","received":"', format_times(table["received"]), '"']


def format_times(column: Any) -> Any:
    """Write Unix milliseconds as ISO 8601 UTC with milliseconds and `Z`."""
    import pyarrow
    from pyarrow import compute

    text = column.cast(pyarrow.timestamp("ms")).cast(pyarrow.string())
    return compute.binary_join_element_wise(compute.replace_substring(text, " ", "T"), "Z", "")


def _boolean(column: Any) -> Any:
    from pyarrow import compute

    return compute.if_else(column, "true", "false")
