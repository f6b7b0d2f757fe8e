"""Model messages as UI messages, whole: what the seed's `convertToUIMessage` drops is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from threadkeep.adapters.ff_ai.messages import all_stored_of
from threadkeep.dialects.convert import convert
from threadkeep.values.converted import Converted
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message
from threadkeep.values.parts import Json

UI: Final = "ai-sdk-ui@7"


def to_ui_messages(messages: Sequence[Mapping[str, Any]], *, strict: bool = False) -> Converted:
    """Messages of a thread as UI messages of `useChat`, in order.

    An answer with all its steps is one UI message, under the id of its first message: results stand
    in the part of their call, and reasoning, files and whatever a provider signed are there. The
    time is in `metadata.createdAt`, since UI messages have no other place for it. What cannot be
    said is in `losses`, and which messages each one was made of in `sources`; with `strict` a loss
    is a LossyError.
    """
    stored = [_named(message) for message in all_stored_of(messages)]
    return _made(stored, strict=strict)


def _made(stored: Sequence[Message], *, strict: bool) -> Converted:
    made = convert(stored, UI, strict=strict)
    times = {message.id: message.created_at for message in stored}
    for item, sources in zip(made, made.sources, strict=True):
        time = times.get(sources[0]) if sources else None
        metadata = {} if time is None else item.setdefault("metadata", {})
        if time is not None and isinstance(metadata, dict):
            metadata.setdefault("createdAt", time.isoformat())
    return made


def to_ui_message(
    messages: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, strict: bool = True
) -> dict[str, Json]:
    """The one UI message that a message makes, or that several make, such as an answer's steps.

    A tool message alone is an assistant's with a part for each result. InvalidError where they
    make more than one; LossyError for what cannot be said, unless `strict` is off.
    """
    listed = [messages] if isinstance(messages, Mapping) else messages
    stored = [_named(message) for message in all_stored_of(listed)]
    made = _made(stored, strict=strict)
    if len(made) == 1:
        return cast("dict[str, Json]", made[0])
    if made or len(stored) != 1:
        raise InvalidError("messages", "must make one UI message: to_ui_messages takes any")
    # A message in which nothing is said.
    [message] = stored
    role = "assistant" if message.role == "tool" else message.role
    return {"id": message.id, "role": role, "parts": []}


def _named(message: Message) -> Message:
    return message if message.id is not None else replace(message, id=new_id())
