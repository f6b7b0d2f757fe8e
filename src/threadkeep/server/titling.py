"""Titles of threads: made of what was said, kept with the thread, never empty."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from inspect import isawaitable
from itertools import islice
from typing import Any, Final

from threadkeep.dialects import find, get
from threadkeep.dialects.convert import typed
from threadkeep.store import Owner
from threadkeep.values.errors import ConflictError, InvalidError, ThreadkeepError
from threadkeep.values.message import Message
from threadkeep.values.parts import FilePart

MakeTitle = Callable[[Sequence[Message]], AsyncIterator[str] | Awaitable[str] | str]
"""Makes a title of typed messages: as a whole, later, or piece by piece."""

log = logging.getLogger("threadkeep.server")

LONGEST: Final = 255
NAMELESS: Final = "Untitled"
"""What is told where nothing can be told. It is not stored: a title may still come."""

_TURNS: Final = 10
_MOST: Final = 100
_READ: Final = 8000
_WORDS: Final = 8
_SHORT: Final = 60
_TRIES: Final = 20
# What a title cannot hold.
_REFUSED: Final = re.compile("[\x00\ud800-\udfff]")


def first_words(messages: Sequence[Message]) -> str:
    """The first words that the user said, else that anybody said, else the name of a file."""
    asked = [message for message in messages if message.role == "user"]
    for message in [*asked, *messages]:
        words = clean(message.text[:_READ]).split()
        if words:
            return " ".join(words[:_WORDS])[:_SHORT].rstrip()
    parts = (part for message in messages for part in message.parts)
    names = (clean(part.name) for part in parts if isinstance(part, FilePart) and part.name)
    return next((" ".join(name.split())[:_SHORT] for name in names if name.strip()), "")


def read_messages(said: Iterable[Any]) -> list[Message]:
    """The first messages that a front end sends along, typed; unreadable ones are left out."""
    messages: list[Message] = []
    for item in islice(said, _MOST):
        parts = isinstance(item, dict) and "content" not in item
        try:
            messages += get("ai-sdk/v6" if parts else "aui/v0").load([item])
        except InvalidError:
            continue
    return messages


async def stored_messages(chat: Owner, thread_id: str) -> list[Message]:
    """The newest turns of a thread, typed; what cannot be read is left out."""
    messages: list[Message] = []
    for message in await chat.messages.window(thread_id, turns=_TURNS):
        if find(message.format) is not None:
            try:
                messages += typed([message])
            except InvalidError:
                continue
    return messages


async def pieces_of(make: MakeTitle | None, messages: Sequence[Message]) -> AsyncIterator[str]:
    """The title piece by piece, at most 255 characters of it.

    Where `make` fails or says nothing, the first words stand for it; nothing at all where there are
    none.
    """
    told = 0
    try:
        async for piece in _made(make or first_words, messages):
            kept = clean(piece)[: LONGEST - told]
            told += len(kept.strip())
            if kept:
                yield kept
            if told >= LONGEST:
                return
    except Exception as error:  # noqa: BLE001  the app's own: a thread needs a title all the same
        log.warning("title_failed", extra={"error": type(error).__name__})
    if not told and (words := first_words(messages)):
        yield words


async def keep(chat: Owner, thread_id: str, title: str) -> str:
    """Store a title unless the thread has one by now; which one it has.

    NotFoundError if the thread is unknown.
    """
    kept = " ".join(title.split())[:LONGEST]
    for _ in range(_TRIES):
        thread = await chat.threads.get(thread_id)
        if thread.title or not kept:
            return thread.title or ""
        try:
            await chat.threads.update(thread_id, title=kept, expected_revision=thread.revision)
        except ConflictError:  # something of the thread was changed meanwhile
            continue
        break
    return kept


async def streamed(
    chat: Owner, thread_id: str, make: MakeTitle | None, messages: Sequence[Message]
) -> AsyncIterator[str]:
    """The title piece by piece; it is stored before the last word of it has been heard."""
    told: list[str] = []
    async for piece in pieces_of(make, messages):
        if told:
            yield told[-1]
        told.append(piece)
    title = "".join(told)
    if not title.strip():
        yield NAMELESS
        return
    try:
        kept = await keep(chat, thread_id, title)
    except ThreadkeepError as error:  # it may be made another time
        log.warning("title_not_kept", extra={"error": error.code})
        kept = title
    yield told[-1] if told[:-1] else kept


def clean(text: str) -> str:
    """The text without what no title can hold."""
    return _REFUSED.sub("", text)


async def _made(make: MakeTitle, messages: Sequence[Message]) -> AsyncIterator[str]:
    made = make(messages)
    if isinstance(made, str):
        yield made
    elif isawaitable(made):
        yield await made
    else:
        async for piece in made:
            yield piece
