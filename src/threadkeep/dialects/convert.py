"""Stored messages to the native items of a dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from threadkeep import dialects
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import Json
from threadkeep.values.ports import Dialect


def to_native(messages: Sequence[Message], dialect: Dialect) -> list[Json]:
    """The messages as items of `dialect`, in order.

    A message of that very format is its payload decoded, untouched; another is read by its own
    dialect first. InvalidError where the format of a message is unknown here.
    """
    items: list[Json] = []
    for format_, run in groupby(messages, lambda message: message.format):
        if format_ == dialect.name:
            items += [message.payload for message in run]
        else:
            items += dialect.dump(_typed(format_, list(run)))
    return items


def _typed(format: str, messages: Sequence[Message]) -> list[Message]:
    source = dialects.find(format)
    if source is None:
        raise InvalidError("dialect", f"cannot read the stored format {format!r}")
    loaded = source.load([message.payload for message in messages])
    if len(loaded) != len(messages):
        return loaded
    # One for one: what the store knows stands beside what the payload says.
    return [
        replace(typed, id=stored.id, created_at=stored.created_at, metadata=stored.metadata)
        for typed, stored in zip(loaded, messages, strict=True)
    ]
