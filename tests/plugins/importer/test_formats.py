"""Each format's records become the events, links and profiles that they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from openmetrics.testing.client import Running

TIME, MS = "2024-03-01T10:00:00.000Z", 1_709_287_200_000
Event = tuple[str, str | None, str | None, dict[str, Any]]


@dataclass
class Case:
    """Records of a format, and what becomes of them: events (name, owner, session, properties), profiles."""

    records: list[dict[str, Any]]
    events: list[Event]
    profiles: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def mixpanel(name: str, **properties: Any) -> dict[str, Any]:
    return {"event": name, "properties": {"time": MS // 1000, **properties}}


def posthog(name: str, distinct_id: str, **properties: Any) -> dict[str, Any]:
    return {
        "uuid": f"{name}-{distinct_id}", "event": name, "distinct_id": distinct_id,
        "timestamp": "2024-03-01T10:00:00Z", "properties": properties,
        "person_id": "p", "created_at": "2024-03-01T10:00:01Z",
    }  # fmt: skip


def segment(call: str, **members: Any) -> dict[str, Any]:
    ids = {"anonymousId": "d1", "messageId": f"m-{call}-{members.get('userId')}"}
    return {"type": call, "timestamp": TIME, **ids, **members}


def amplitude(name: str, **members: Any) -> dict[str, Any]:
    return {
        "event_type": name, "event_time": "2024-03-01 10:00:00.000000", "device_id": "d1", "user_id": None,
        "uuid": f"a-{name}-{members.get('user_id')}", "event_properties": {}, "country": "France", **members,
    }  # fmt: skip


def ga4(name: str, **members: Any) -> dict[str, Any]:
    params = [
        {"key": "page", "value": {"string_value": "/a", "int_value": None}},
        {"key": "n", "value": {"int_value": "3"}},
    ]
    row = {
        "event_name": name,
        "event_timestamp": str(MS * 1000),
        "event_params": params,
        "user_pseudo_id": "d1",
    }
    return {**row, "platform": "WEB", "geo": {"country": "France"}, **members}


VISIT = {
    "idSite": 1, "idVisit": 7, "visitorId": "d1", "userId": "ada", "country": "France",
    "serverTimestamp": MS // 1000,
    "actionDetails": [
        {"type": "action", "url": "https://example.org/", "timestamp": MS // 1000, "icon": None},
        {
            "type": "event", "eventCategory": "video", "eventAction": "play", "eventValue": 4,
            "timestamp": MS // 1000,
        },
        {"type": "ecommerceOrder", "orderId": "o1", "revenue": 9.5, "timestamp": MS // 1000},
    ],
}  # fmt: skip
METRIC = {
    "_id": {"$oid": "5f0a"}, "type": "signup", "value": {"$numberDouble": "2.5"}, "tags": {"plan": "pro"},
    "fields": {"mail": "a@b"}, "createdOn": {"$date": {"$numberLong": str(MS)}}, "userId": "ada", "__v": 0,
}  # fmt: skip

SET = {"plan": "pro"}
CASES = {
    "mixpanel": Case(
        [
            mixpanel("view", distinct_id="$device:d1", **{"$device_id": "d1", "$insert_id": "i1", "p": 1}),
            mixpanel("buy", distinct_id="ada", **{"$device_id": "d1", "$user_id": "ada", "$insert_id": "i2"}),
            mixpanel("old", distinct_id="bob", **{"$insert_id": "i3"}),
            mixpanel("$identify", distinct_id="cy", **{"$identified_id": "cy", "$anon_id": "d2"}),
            {"$distinct_id": "ada", "$properties": {"plan": "pro", "$last_seen": "2024-03-01T10:00:00"}},
        ],
        [("view", "ada", "d1", {"p": 1}), ("buy", "ada", "d1", {}), ("old", "bob", None, {})],
        {"ada": {"plan": "pro", "$last_seen": "2024-03-01T10:00:00"}, "cy": {}},
    ),
    "amplitude": Case(
        [
            amplitude("view", event_properties={"page": "/a"}),
            amplitude("buy", user_id="ada"),
            amplitude("$identify", user_id="ada", user_properties={"$set": SET, "$add": {"n": 2}}),
        ],
        [("view", "ada", "d1", {"page": "/a"}), ("buy", "ada", "d1", {})],
        {"ada": {"plan": "pro", "n": 2}},
    ),
    "posthog": Case(
        [
            posthog("$pageview", "d1", **{"$device_id": "d1", "page": "/a"}),
            posthog("$identify", "ada", **{"$device_id": "d1", "$anon_distinct_id": "d1", "$set": SET}),
            posthog("buy", "bob", **{"$set_once": {"first": 1}}),
            posthog("$create_alias", "bob", alias="d9"),
        ],
        [
            ("$pageview", "ada", "d1", {"page": "/a"}), ("$identify", "ada", "d1", {}),
            ("buy", "bob", None, {}), ("$create_alias", "bob", None, {}),
        ],
        {"ada": {"plan": "pro"}, "bob": {"first": 1}},
    ),
    "segment": Case(
        [
            segment("page", name="Home", properties={"path": "/"}),
            segment("identify", userId="ada", traits={"plan": "pro"}),
            segment("track", userId="ada", event="buy", properties={"revenue": 9.5, "sku": "x"}),
            segment("group", userId="ada", groupId="g1", traits={"size": 3}),
            segment("alias", userId="ada", previousId="d7"),
        ],
        [
            ("page", "ada", "d1", {"name": "Home", "path": "/"}),
            ("buy", "ada", "d1", {"revenue": 9.5, "sku": "x"}),
        ],
        {"ada": {"plan": "pro", "group_id": "g1", "group": {"size": 3}}},
        {"buy": 9.5},
    ),
    "matomo": Case(
        [VISIT],
        [
            ("pageview", "ada", "d1", {"url": "https://example.org/"}),
            ("play", "ada", "d1", {"eventCategory": "video", "eventAction": "play", "eventValue": 4}),
            ("order", "ada", "d1", {"orderId": "o1", "revenue": 9.5}),
        ],
        values={"play": 4, "order": 9.5},
    ),
    "ga4": Case(
        [
            ga4("page_view"),
            ga4(
                "purchase", user_id="ada", event_value_in_usd=9.5,
                user_properties=[
                    {"key": "plan", "value": {"string_value": "pro", "set_timestamp_micros": str(MS * 1000)}}
                ],
            ),
        ],
        [(name, "ada", "d1", {"page": "/a", "n": 3}) for name in ("page_view", "purchase")],
        {"ada": {"plan": "pro"}},
        {"purchase": 9.5},
    ),
    "micro_metrics": Case([METRIC], [("signup", "ada", None, {"plan": "pro"})], values={"signup": 2.5}),
}  # fmt: skip


@pytest.mark.parametrize("format", CASES)
def test_records_become_what_they_stand_for(app: Running, bring: Any, take_out: Any, format: str) -> None:
    case = CASES[format]
    lines = b"\n".join(json.dumps(record).encode() for record in case.records)
    job = bring(app, lines)
    assert (job["state"], job["format"], job["refused"]) == ("done", format, 0), job
    assert bring(app, json.dumps(case.records).encode())["state"] == "done", (
        "the same records in another form"
    )
    events = take_out(app, kinds="events")
    found = [(row["name"], row["user_id"], row["session_id"], row.get("properties", {})) for row in events]
    assert sorted(found, key=str) == sorted(case.events, key=str)
    assert {row["time"] for row in events} == {TIME}
    assert {row["name"]: row["value"] for row in events if row["name"] in case.values} == case.values
    profiles = {row["user_id"]: row["properties"] for row in take_out(app, kinds="profiles")}
    assert {id: profiles[id] for id in case.profiles} == case.profiles


@pytest.mark.parametrize("format", [*CASES, "collect", "openmetrics"])
def test_records_of_other_forms_are_refused_one_by_one(busy: Running, bring: Any, format: str) -> None:
    records = [
        {}, {"event": 1, "properties": {"time": "x", "distinct_id": []}}, {"type": "identify", "userId": {}},
        {"idVisit": 1, "visitorId": 2, "actionDetails": [3, {"timestamp": "never"}]},
        {"_id": {"$oid": 3}, "type": 4},
        {"event_name": None, "event_timestamp": "9" * 30, "event_params": [1], "user_properties": {}},
        {"kind": "event", "time": 1}, {"kind": "link", "time": 1, "user_id": "a", "session_id": "a"},
        {"kind": "operation", "id": "x", "time": 1, "user_id": "a", "op": "set", "content": ["b"]},
        {"name": "x", "time": 1, "createdOn": {"$date": {"$numberLong": "9" * 30}}, "_id": 1},
        {"event_type": "$identify", "user_id": "a", "user_properties": {"$add": {"n": "x"}}},
    ]  # fmt: skip
    content = b"\n".join(json.dumps(record).encode() for record in records)
    job = bring(busy, content, format=format, on_error="skip", dry_run="true")
    assert job["state"] == "done"
    assert job["refused"] >= 5
    assert all(row["detail"] for row in job["refusals"])
