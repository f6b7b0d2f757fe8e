"""Calls from this machine: by which names it is called, and from where its pages come."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from threadkeep.server.problems import Problem

# A name, or an address, and a port.
_HOST: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


def is_loopback(host: str) -> bool:
    """Whether a host, as it stands in a URL or is bound to, is this machine and nothing else."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def check_local(headers: Mapping[str, str], origins: Collection[str]) -> None:
    """Problem 403 (`host_refused`, `origin_refused`) for a call that a page elsewhere can make.

    A name of somebody else that leads here (DNS rebinding) is a Host that is not loopback. A page
    of somebody else that calls us is an Origin that is neither loopback nor among `origins`.
    """
    host = _HOST.fullmatch(headers.get("host", ""))
    if host is None or not is_loopback(host[1]):
        raise Problem(
            403, "host_refused", "without auth this server is called as localhost or 127.0.0.1 only"
        )
    origin = headers.get("origin")
    if origin is not None and origin not in origins and not is_loopback(_host_of(origin) or ""):
        raise Problem(403, "origin_refused", "without auth pages from elsewhere are refused")


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
