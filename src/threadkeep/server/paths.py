"""Ids in paths: any character may stand in one, a slash too, where it is percent-encoded.

Servers decode a path before routes look at it; then a slash of an id cannot be told from one
between steps any more. So routes of ours look at the path as it was sent.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from starlette.types import Scope

_KEPT: Final = re.compile("%(?=2[fF]|25)")
_SLASH: Final = re.compile("%(2F|2f|25)")


def undecoded(scope: Scope) -> Scope:
    """The scope with a path whose slashes all stand between steps.

    An encoded slash or percent sign stays encoded, until `decoded`. Bytes that are no UTF-8 are
    surrogates, which no id may hold. The scope itself where the path was rewritten on its way here.
    """
    raw: bytes = scope.get("raw_path") or b""
    if scope["type"] != "http" or b"%" not in raw:
        return scope
    sent = raw.decode("ascii", "surrogateescape")
    if unquote(sent) != scope["path"]:
        return scope
    path = unquote(_KEPT.sub("%25", sent), errors="surrogateescape")
    return {**scope, "path": path}


def decoded(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters that were found in such a path."""
    return {
        name: _SLASH.sub(lambda match: "%" if match[1] == "25" else "/", value)
        if isinstance(value, str)
        else value
        for name, value in parameters.items()
    }
