"""Recording: an answer is stored as it comes, in the order in which it was said, each word once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from threadkeep.adapters.agents.answers import (
    MessageOf,
    TextOf,
    chunk_message,
    chunk_text,
    completes,
)
from threadkeep.adapters.agents.hooks import Hooks
from threadkeep.adapters.repositories import MessageRecord
from threadkeep.adapters.repositories.items import id_of, message_of, text_of
from threadkeep.store import Messages, Turn
from threadkeep.values.errors import NotFoundError, ThreadkeepError, UnavailableError
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message, Status

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Recorder:
    """What one turn says, on its way into the store. Without a turn nothing is stored.

    Words gather until a message completes them, or the stream ends. Every `save_every` seconds they
    are stored as a message that is still running, so that a process that dies loses no more.
    """

    hooks: Hooks
    text_of: TextOf | None = None
    message_of: MessageOf | None = None
    save_every: float | None = None
    messages: Messages | None = None
    turn: Turn | None = None
    said: str = field(default="", repr=False)
    _before: list[str] = field(default_factory=list, repr=False)
    _draft: str | None = None
    _due: float | None = None
    _pending: tuple[Mapping[str, Any], Status] | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """All words of the stream so far."""
        return "".join(self._before) + self.said

    async def take(self, chunk: Any) -> None:
        """Take what a chunk of a stream says."""
        item = None if self.message_of is None else self.message_of(chunk)
        item = chunk_message(chunk) if item is None else item
        if item is not None:
            await self.add([item])
            return
        words = (chunk_text if self.text_of is None else self.text_of)(chunk)
        if words:
            self.said += words
            await self._keep()

    async def add(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Store whole messages. The words before them are a message, unless the first has them."""
        rest = list(items)
        if self.said and rest:
            if completes(rest[0], self.said):
                await self._write(rest.pop(0), "complete")
            else:
                await self.end("complete")
        if rest and self.turn is not None:
            thread_id = self.turn.thread_id
            drafts = [message_of(await self.hooks.before(thread_id, item)) for item in rest]
            await self.told(await self.turn.append(drafts))
        self._before += map(_words, rest)

    async def end(self, status: Status) -> None:
        """Store the words that no message has completed."""
        if self._pending is not None:
            await self._write(*self._pending)
        elif self.said:
            await self._write({"role": "assistant", "content": self.said}, status)

    async def fail(self, status: Status) -> None:
        """The same where something else has gone wrong already, which is the one to tell."""
        try:
            await self.end(status)
        except Exception as error:  # noqa: BLE001
            _log.warning("what an agent had said was not saved: %s", type(error).__name__)

    async def told(self, stored: Sequence[Message]) -> None:
        """Tell the hooks what is stored."""
        if self.turn is not None:
            for message in stored:
                await self.hooks.after(MessageRecord.of(self.turn.thread_id, message))

    async def _keep(self) -> None:
        """Store the words so far, where that is due."""
        if self.turn is None or self.save_every is None:
            return
        now = monotonic()
        if self._due is None:
            self._due = now + self.save_every
        elif now >= self._due:
            try:
                await self._put({"role": "assistant", "content": self.said}, "running")
            except ThreadkeepError as error:
                # They will be stored later, or what prevents that will be told then.
                _log.warning("the words so far were not saved: %s", error.code)
            self._due = monotonic() + self.save_every

    async def _write(self, item: Mapping[str, Any], status: Status) -> None:
        """Store the message that the words have become."""
        try:
            stored = await self._put(item, status)
        except (asyncio.CancelledError, UnavailableError):
            # It may be stored, and then nothing else may be written in its place.
            self._pending = item, status
            raise
        self._before.append(_words(item))
        self.said, self._draft, self._due, self._pending = "", None, None, None
        await self.told(stored)

    async def _put(self, item: Mapping[str, Any], status: Status) -> list[Message]:
        if self.turn is None or self.messages is None:
            return []
        thread_id, draft = self.turn.thread_id, self._draft
        made = message_of(await self.hooks.before(thread_id, item), status=status)
        if id_of(made) not in (None, draft):
            # It has an id of its own, so it cannot be written in the place of the draft; and what
            # has that id already is not this answer's to change.
            stored = await self.turn.append(made)
            if draft is not None:
                await self.messages.delete(thread_id, draft)
            return stored
        if draft is not None:
            # One that was deleted meanwhile has no place below itself, so it stays deleted.
            with suppress(NotFoundError):
                return [await self.messages.update(thread_id, draft, made, parent=draft)]
        self._draft = new_id()
        return await self.turn.append(_named(made, self._draft))


def _words(item: Mapping[str, Any]) -> str:
    return text_of(item.get("content")) if item.get("role") == "assistant" else ""


def _named(message: Message, id: str) -> Message:
    return Message(message.role, message.json, message.format, id, status=message.status)
