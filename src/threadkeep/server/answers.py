"""Answers that were JSON text all along."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from fastapi import Response

from threadkeep.server.problems import NO_STORE


def json_answer(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(orjson.dumps(value), status, NO_STORE, "application/json")


def text_answer(pieces: Iterable[str], status: int = 200) -> Response:
    """JSON text, as it stands."""
    return Response("".join(pieces).encode(), status, NO_STORE, "application/json")


def quoted(value: Any) -> str:
    """A plain value of ours (text, number, bool, None, dict, list) as JSON text."""
    return orjson.dumps(value).decode()
