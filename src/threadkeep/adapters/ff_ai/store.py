"""ConversationStore: the seed's two calls, on our store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from threadkeep import dialects
from threadkeep.adapters.ff_ai.conversations import conversation
from threadkeep.adapters.ff_ai.messages import ConversationMessage, all_stored_of, from_stored
from threadkeep.dialects.healing import Policy
from threadkeep.store import AsyncStore, Owner
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message
from threadkeep.values.page import Window
from threadkeep.values.ports import Traits

_PAGE: Final = 1000


class ConversationStore:
    """Threads of a resource, each under the app's own id; a resource is one of our owners.

    The same thread id under two resources names two threads, and so does the same message id in
    two threads name two messages.
    """

    def __init__(self, store: AsyncStore) -> None:
        self.store = store

    def owner(self, resource_id: str) -> Owner:
        """The handle of a resource, with all that this interface has no call for."""
        check_id("resource_id", resource_id)
        return self.store.owner(resource_id)

    async def get_messages(
        self,
        *,
        resource_id: str,
        thread_id: str,
        window_size: int | None = None,
        heal: Policy | None = None,
    ) -> Window[ConversationMessage]:
        """The messages, oldest first: all, or the last `window_size` turns.

        A turn is a user's message and all that follows until the next. Fewer turns than asked for
        give the whole thread, with what stands before the first turn; 0 gives nothing; a negative
        number is an InvalidError before any I/O. A result is never parted from its call. Empty for
        an unknown thread. With `heal` the list is one that a model accepts, as in
        `messages.window`. Messages of other formats are converted; what that loses is in `losses`.

        One statement; another one for each further thousand of messages.
        """
        check_window(window_size)
        check_id("thread_id", thread_id)
        chat = self.owner(resource_id)
        if window_size is None:
            listed = chat.messages.list(thread_id, limit=_PAGE)
            return conversation([message async for message in listed], heal=heal)
        found = await chat.messages.window(thread_id, turns=window_size)
        if found.truncated:
            # More than a window of the store holds. Here there is no ceiling.
            return conversation(await _long_window(chat, thread_id, window_size), heal=heal)
        return conversation(found, heal=heal, tokens=found.tokens)

    async def save_messages(
        self, *, resource_id: str, thread_id: str, messages: Sequence[Mapping[str, Any]]
    ) -> list[ConversationMessage]:
        """Store messages at the end of the thread, in order, all or none; make it if it is absent.

        Those without an id get one: give ids (`from_model_message`) where the call may be made
        again. What is stored already, the same id with the same content, stays and is no error;
        another content is a ConflictError. No messages make the thread, or mark it as active now.
        """
        items = all_stored_of(messages)
        chat = self.owner(resource_id)
        if not items:
            await _touch(chat, thread_id)
            return []
        return [from_stored(one) for one in await chat.messages.append(thread_id, items)]


def check_window(window_size: object) -> None:
    """Raise InvalidError, which is a ValueError, unless this is None or an int of at least 0."""
    if window_size is None:
        return
    if not isinstance(window_size, int) or isinstance(window_size, bool) or window_size < 0:
        raise InvalidError("window_size", "must be an int of at least 0, or None")


async def _touch(chat: Owner, thread_id: str) -> None:
    try:
        await chat.threads.update(thread_id, active_at=datetime.now(UTC))
    except NotFoundError:
        await chat.threads.create(thread_id, exist_ok=True)


async def _long_window(chat: Owner, thread_id: str, turns: int) -> list[Message]:
    """The last turns, newest first by the page, and back to the calls of what they answer."""
    found: list[Message] = []
    waiting: set[str] = set()
    end = None
    async for message in chat.messages.list(thread_id, order="desc", limit=_PAGE):
        found.append(message)
        traits = _traits_of(message)
        waiting = (waiting | set(traits.answers)) - set(traits.calls)
        if end is None and traits.starts and not traits.answers:
            turns -= 1
            end = None if turns else len(found)
        if end is not None and (not waiting or len(found) == end + _PAGE):
            break
    # A call that is nowhere near must not make the window longer.
    del found[len(found) if end is None or not waiting else end :]
    return found[::-1]


def _traits_of(message: Message) -> Traits:
    dialect = dialects.find(message.format)
    if dialect is None:
        return Traits(message.role, starts=message.role == "user")
    return dialect.traits(message.payload)
