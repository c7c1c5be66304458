"""How long is waited after wrong tries: a pure rule, so that it can be tried with every number (security.md H3)."""

from __future__ import annotations

import ipaddress

FREE = 5
"""So many failures cost nothing."""
FIRST_S, LONGEST_S = 2.0, 900.0
FORGET_S = 3600.0
"""Failures are forgotten when none came for so long."""


def wait_s(failures: int, last: float, now: float) -> float:
    """Return how many seconds are to be waited now after `failures`, the last of them at `last` (Unix seconds).

    It doubles with every failure after the fifth. A last failure that lies ahead is a clock that jumped back: no wait.
    """
    if failures < FREE or not 0 <= now - last < FORGET_S:
        return 0.0
    delay = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - FREE, 20))
    return max(0.0, last + delay - now)


def network(address: str) -> str:
    """Return what tries are counted for: an address, or the /64 of an IPv6 one (a host has 2^64 of them)."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else str(known)
