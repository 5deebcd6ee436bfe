"""Keep robots out of the figures: drops events that a known robot sent.

Off by default: turn it on with the setting `bot_filter_drop`. Dropped events are counted in `/metrics`
under the reason `bot`.
"""

from __future__ import annotations

import re
from typing import Any

from openmetrics.plugin import Drop, Event, Origin, Processor, Server, Setting, hookimpl

ROBOTS = re.compile(
    r"bot\b|bots\b|bot/|crawl|spider|slurp|headless|phantomjs|puppeteer|playwright|lighthouse|pingdom|uptime"
    r"|curl/|wget/|python-requests|python-urllib|go-http-client|okhttp|java/|libwww|facebookexternalhit|preview",
    re.IGNORECASE,
)


@hookimpl
def register_settings() -> list[Setting]:
    """Add the switch."""
    return [Setting("bot_filter_drop", bool, False, "Drop events whose user agent is a known robot's.")]


@hookimpl
def register_processors(server: Server) -> list[Processor]:
    """Add the filter where it is switched on."""
    return [Processor("bot", "filter", drop_robot)] if server.settings.bot_filter_drop else []


def drop_robot(event: Event, origin: Origin) -> Event | Drop:
    """Drop an event whose `context.user_agent`, or `data.userAgent` of a pixel, names a robot."""
    return Drop("bot") if any(ROBOTS.search(agent) for agent in _iter_agents(event)) else event


def _iter_agents(event: Event) -> list[str]:
    places: list[Any] = [event.context.get("user_agent"), event.context.get("userAgent")]
    if isinstance(event.data, dict):
        places.append(event.data.get("userAgent"))
    return [agent for agent in places if isinstance(agent, str)]
