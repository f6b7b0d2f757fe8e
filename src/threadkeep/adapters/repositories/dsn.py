"""The connection string: `ssl` becomes its sslmode, and nothing else of it is touched."""

from __future__ import annotations

import os
import re
from typing import Final

from threadkeep.values.errors import InvalidError

Ssl = bool | str | None

_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SECURE: Final = _MODES[3:]
_SAID = re.compile(r"(?:[&\s]|^)sslmode\s*=\s*'?([a-zA-Z-]+)")
_URL = re.compile(r"[a-z]+(?:\+\w+)?://", re.IGNORECASE)


def with_ssl(connection_string: str | None, ssl: Ssl) -> str | None:
    """The connection string with the sslmode that `ssl` asks for.

    None leaves it as it is. True asks for TLS: a stricter mode that stands there is kept. False
    asks for none, and a name is a mode of libpq. Without a connection string that of the
    environment is meant. InvalidError for another value, and for what contradicts what stands
    there.
    """
    if ssl is None:
        return connection_string
    if not isinstance(ssl, bool) and ssl not in _MODES:
        raise InvalidError("ssl", f"must be True, False, None or one of {', '.join(_MODES)}")
    text = connection_string or os.environ.get("THREADKEEP_URL") or os.environ.get("DATABASE_URL")
    if not text:
        raise InvalidError("ssl", "goes with a connection string")
    query = _query_of(text)
    said = _SAID.findall(text if query is None else query)
    known = said[-1].lower() if said else None
    if ssl is False and known in _SECURE:
        raise InvalidError("ssl", "must not be False where the connection string demands TLS")
    mode = ssl or "disable"
    if mode is True:
        mode = known if known in _SECURE else "require"
    # What stands last counts, in a URL and in a string of libpq.
    if query is None:
        return f"{text} sslmode={mode}"
    return f"{text}{'&' if query else '?'}sslmode={mode}"


def _query_of(text: str) -> str | None:
    """The query of a URL with its question mark read as `&`, or ""; None for another string.

    A password may hold a question mark as it is.
    """
    scheme = _URL.match(text)
    if scheme is None:
        return None
    rest = text[scheme.end() :]
    head = rest.partition("/")[0]
    before = head.partition("?")[0]
    login, at, _ = before.rpartition("@") if "@" in before else head.rpartition("@")
    _, mark, query = rest[len(login) + len(at) :].partition("?")
    return f"&{query}" if mark else ""
