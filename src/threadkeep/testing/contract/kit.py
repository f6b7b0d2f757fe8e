"""What the tests of the contract share: short ways to say messages and to read whole lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.values.ids import new_id
from threadkeep.values.message import Message
from threadkeep.values.parts import TextPart, ToolCallPart, ToolResultPart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from threadkeep.store import AsyncStore, Owner
    from threadkeep.values.page import Page

    Owners = Callable[..., Owner]


class Contract:
    """The base of all suites. A subclass brings the fixture `store`: an open AsyncStore.

    Each test works for owners of its own, so all of them can share a database.
    """

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def owner(self, store: AsyncStore) -> Owners:
        """Gives handles by short names of owners, which only this test has."""
        test = new_id()
        return lambda name, user=None: store.owner(f"{test} {name}", user=user)

    @pytest.fixture
    def chat(self, owner: Owners) -> Owner:
        """The handle of one owner."""
        return owner("chat")


def user(id: str, text: str | None = None) -> Message:
    """A user's message whose text is its id, if no other is given."""
    return Message.user(id if text is None else text, id=id)


def says(id: str, text: str | None = None) -> Message:
    """A model's message."""
    return Message.assistant(id if text is None else text, id=id)


def system(id: str) -> Message:
    """A system message."""
    return Message.system(id, id=id)


def asks(id: str, *calls: str) -> Message:
    """A model's message that calls tools."""
    parts = [ToolCallPart(call, "look", {"at": id}) for call in calls]
    return Message.assistant([TextPart(id), *parts], id=id)


def tells(id: str, *calls: str) -> Message:
    """The results of calls."""
    return Message.tool([ToolResultPart(call, id) for call in calls], id=id)


def turns(first: int, last: int) -> list[Message]:
    """Turns of two messages, u1 a1 and so on."""
    return [m for n in range(first, last + 1) for m in (user(f"u{n}"), says(f"a{n}"))]


def ids(messages: Iterable[Message]) -> list[str]:
    """The ids."""
    return [str(message.id) for message in messages]


async def path(chat: Owner, thread: str, **which: Any) -> list[Message]:
    """All messages along the path, or what else a list call is asked for."""
    return [message async for message in chat.messages.list(thread, **which)]


async def window(chat: Owner, thread: str, **which: Any) -> list[str]:
    """The ids of a window."""
    return ids(await chat.messages.window(thread, **which))


async def walk(read: Callable[..., Any], **which: Any) -> list[Page[Any]]:
    """All pages of a list, by their cursors."""
    pages = [await read(**which)]
    while pages[-1].next is not None:
        pages.append(await read(cursor=pages[-1].next, **which))
    return pages


async def walk_back(read: Callable[..., Any], page: Page[Any], **which: Any) -> list[Page[Any]]:
    """The pages from this one back to the first, in the order of the list."""
    pages = [page]
    while pages[0].previous is not None:
        pages.insert(0, await read(cursor=pages[0].previous, **which))
    return pages


def items(pages: Iterable[Page[Any]]) -> list[Any]:
    """What the pages hold together."""
    return [item for page in pages for item in page.items]
