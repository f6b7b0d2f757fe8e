"""Ids as ChatKit's, but wide: its own have 32 random bits, which repeat in a busy app."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

from threadkeep.adapters.chatkit.sdk import StoreItemType
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id

PREFIXES: Final[Mapping[StoreItemType, str]] = {
    "thread": "thr",
    "message": "msg",
    "tool_call": "tc",
    "workflow": "wf",
    "task": "tsk",
    "attachment": "atc",
    "sdk_hidden_context": "shcx",
}


def wide_id(kind: StoreItemType) -> str:
    """A new id: ChatKit's prefix, then a random UUID in 32 digits, of 122 random bits."""
    return f"{PREFIXES[kind]}_{uuid.uuid4().hex}"


def is_id(value: object) -> bool:
    """Whether anything could have this id. What could not is unknown, as any other id."""
    try:
        check_id("id", value)
    except InvalidError:
        return False
    return True
