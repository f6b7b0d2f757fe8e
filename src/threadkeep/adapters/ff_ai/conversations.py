"""Stored messages of any format as ConversationMessages, with a report of what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threadkeep.adapters.ff_ai.messages import DIALECT, ConversationMessage, from_stored
from threadkeep.dialects.convert import convert
from threadkeep.dialects.healing import Policy
from threadkeep.values import jsontext
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message
from threadkeep.values.page import Window
from threadkeep.values.parts import Json


def conversation(
    messages: Sequence[Message],
    *,
    heal: Policy | None = None,
    truncated: bool = False,
    tokens: int = 0,
) -> Window[ConversationMessage]:
    """The messages as model messages of the newest version, in order; `heal` is as in `window`.

    Those of that very format are as they were stored. `losses` says what of others the format
    cannot say.
    """
    if heal is None and all(message.format == DIALECT for message in messages):
        listed = [from_stored(message) for message in messages]
        return Window(listed, truncated=truncated, tokens=tokens)
    made = convert(messages, DIALECT, heal=heal)
    return Window(
        _with_ids(messages, made, made.sources),
        truncated=truncated,
        tokens=tokens,
        losses=made.losses,
        sources=made.sources,
        repairs=made.repairs,
    )


def _with_ids(
    messages: Sequence[Message], items: Sequence[Json], sources: Sequence[tuple[str | None, ...]]
) -> Iterator[ConversationMessage]:
    """The items under the ids of the messages they were made of; no two get the same."""
    known = {message.id: message for message in messages}
    taken = {message.id for message in messages}
    given: set[str] = set()
    before = messages[0].id or new_id() if messages else new_id()
    for item, of in zip(items, sources, strict=True):
        first = known.get(of[0]) if of else None
        before = id = (first.id if first else None) or before
        count = 1
        while id in given or (count > 1 and id in taken):
            count += 1
            id = f"{before}.{count}"
        given.add(id)
        text = jsontext.encode(item, overflow=True)
        if first is not None and len(of) == 1 and first.format == DIALECT:
            same = text == jsontext.encode(first.payload, overflow=True)
            text = first.json if same else text
        created_at = None if first is None else first.created_at
        yield ConversationMessage(item, id=id, created_at=created_at, json=text)
