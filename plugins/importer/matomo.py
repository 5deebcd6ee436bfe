"""Matomo: the visits of its API method Live.getLastVisitsDetails, as JSON.

Each visit gives an event for each of its actions. `visitorId` is the session, `userId` the user.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openmetrics.plugin import Draft, Importer
from openmetrics_plugins.importer.members import Record, first_of, present, without

NAMES = {
    "action": "pageview", "ecommerceOrder": "order", "ecommerceAbandonedCart": "cart",
    "outlink": "outlink",
    "download": "download", "goal": "goal", "search": "search", "event": "event",
}  # fmt: skip
"""What actions are called here; an event has the name of its own action."""
CONTEXT = (
    "idSite", "country", "countryCode", "region", "city", "languageCode", "deviceType", "deviceBrand",
    "deviceModel", "operatingSystemName", "operatingSystemVersion", "browserName", "browserVersion",
    "resolution",
    "referrerType", "referrerName", "referrerKeyword", "referrerUrl", "visitorType", "visitCount",
)  # fmt: skip
DECORATION = frozenset(
    (
        "icon", "iconSVG", "title", "subtitle", "serverTimePretty", "timestamp", "serverTime",
        "timeSpentPretty", "pageIdAction", "type", "generationTimeMilliseconds", "interactionPosition",
    )
)  # fmt: skip


def recognise(record: Record) -> bool:
    """Say whether a record is a visit."""
    return "idVisit" in record and "visitorId" in record and isinstance(record.get("actionDetails"), list)


def decode(record: Record) -> Iterable[Draft]:
    """Read one visit."""
    ids = present(user_id=first_of(record, "userId"), session_id=first_of(record, "visitorId"))
    context = {name: record[name] for name in CONTEXT if record.get(name) not in (None, "")}
    base = f"matomo-{record.get('idSite', 0)}-{record['idVisit']}"
    drafts: list[Draft] = []
    for place, action in enumerate(record["actionDetails"]):
        if not isinstance(action, dict):
            continue
        time = first_of(action, "timestamp") or first_of(record, "serverTimestamp", "firstActionTimestamp")
        drafts.append(
            present(
                event_id=f"{base}-{place}", time=time, **ids, context=context, source="matomo",
                properties=without(action, DECORATION), **_name_and_value(action),
            )
        )  # fmt: skip
    return drafts


def _name_and_value(action: Record) -> dict[str, Any]:
    kind = str(action.get("type", "action"))
    name = first_of(action, "eventAction") if kind == "event" else None
    value = first_of(action, "eventValue") if kind == "event" else first_of(action, "revenue")
    return present(name=name or NAMES.get(kind, kind), value=value)


IMPORTER = Importer("matomo", "Matomo: visits", recognise, decode)
