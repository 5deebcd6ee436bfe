"""Tell this machine's own names from others."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=1_000)
def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine's own."""
    if host.startswith("["):
        name = host[1:].partition("]")[0]
    else:
        name = host.partition(":")[0] if host.count(":") == 1 else host
    name = name.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
