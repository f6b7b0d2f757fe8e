"""What the tests of the command line share: how a command ended, and JSON compared as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def errors(self) -> list[Any]:
        return [json.loads(line) for line in self.err.splitlines()]


Cli = Callable[..., Ended]


def pairs(text: str) -> Any:
    """JSON with key order, duplicate keys and the spelling of numbers kept, for comparing."""

    def members(listed: Sequence[tuple[str, Any]]) -> tuple[str, Sequence[tuple[str, Any]]]:
        return ("object", listed)

    return json.loads(text, object_pairs_hook=members, parse_int=str, parse_float=str)
