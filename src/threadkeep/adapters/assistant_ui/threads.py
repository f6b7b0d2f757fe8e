"""RemoteThreadListAdapter: the threads of an owner, and their titles."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.adapters.assistant_ui.messages import iso, object_of
from threadkeep.dialects import find, get
from threadkeep.store import Owner
from threadkeep.values.errors import ConflictError, InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import Json
from threadkeep.values.thread import Thread

MakeTitle = Callable[[Sequence[Message]], Awaitable[str] | AsyncIterator[str]]
"""Makes a title of typed messages, the newest ten turns: as a whole, or piece by piece."""

_LONGEST: Final = 255
_TURNS: Final = 10


class ThreadList:
    """The thread list adapter of an owner, or of one user of it.

    `generate_title` is the app's own: it gets the messages of the thread's window, whatever their
    format, as typed parts, and gives the title, as a coroutine function or an async generator.
    Without it titles stay null.
    """

    def __init__(
        self, chat: Owner, *, generate_title: MakeTitle | None = None, page_size: int = 20
    ) -> None:
        self._chat = chat
        self._make_title = generate_title
        self._page_size = page_size

    async def list(self, after: str | None = None) -> dict[str, Any]:
        """`{threads, nextCursor?}`, newest activity first, archived ones too, page by page.

        A thread is `{status, remoteId, externalId?, title?, lastMessageAt, custom?}`.
        """
        page = await self._chat.threads.list(status="all", limit=self._page_size, cursor=after)
        found: dict[str, Any] = {"threads": [_entry(thread) for thread in page.items]}
        return found if page.next is None else found | {"nextCursor": page.next}

    async def initialize(self, thread_id: str) -> dict[str, Any]:
        """Make the thread of a local id, and give its `{remoteId, externalId}`.

        The local id becomes the remote one, so that a repeated call finds the thread that the
        first one made.
        """
        thread = await self._chat.threads.create(thread_id, exist_ok=True)
        return {"remoteId": thread.id, "externalId": thread.external_id}

    async def rename(self, remote_id: str, title: str) -> None:
        """Set the title. NotFoundError for an unknown thread, here and below."""
        await self._chat.threads.update(remote_id, title=title)

    async def archive(self, remote_id: str) -> None:
        """Move the thread to the archived ones."""
        await self._chat.threads.archive(remote_id)

    async def unarchive(self, remote_id: str) -> None:
        """Move it back."""
        await self._chat.threads.unarchive(remote_id)

    async def delete(self, remote_id: str) -> None:
        """Delete the thread with all in it; an unknown one is no error."""
        await self._chat.threads.delete(remote_id)

    async def fetch(self, remote_id: str) -> dict[str, Any]:
        """One thread as in `list`."""
        return _entry(await self._chat.threads.get(remote_id))

    async def update_custom(self, remote_id: str, custom: Mapping[str, Json] | None) -> None:
        """Put this in the place of the thread's metadata; None clears it."""
        await self._chat.threads.update(remote_id, replace_metadata=custom)

    async def generate_title(
        self, remote_id: str, messages: Sequence[Mapping[str, Json]] | None = None
    ) -> AsyncGenerator[str, None]:
        """The title, piece by piece; it is saved before the stream ends.

        A thread that has a title streams it, and keeps it: also one that was set while the stream
        ran. A title that is made as a whole is told as it was saved, or the one that stayed.
        `messages`, ThreadMessages as JSON, stand for those that are not stored yet. A stream that
        breaks off saves nothing. Without a `generate_title` of the app it is empty.
        """
        thread = await self._chat.threads.get(remote_id)
        if thread.title is not None:
            yield thread.title
            return
        if self._make_title is None:
            return
        pieces: list[str] = []
        made = self._make_title(await self._known(remote_id, messages))
        if isinstance(made, AsyncIterator):
            async for piece in made:
                pieces.append(_text(piece))
                yield piece
        else:
            pieces.append(_text(await made))
        kept = await self._save(remote_id, " ".join("".join(pieces).split())[:_LONGEST])
        if kept and not isinstance(made, AsyncIterator):
            yield kept

    async def _known(
        self, remote_id: str, messages: Sequence[Mapping[str, Json]] | None
    ) -> Sequence[Message]:
        if messages is not None:
            return get("aui/v0").load([object_of(message) for message in messages])
        window = await self._chat.messages.window(remote_id, turns=_TURNS)
        known = [(message, find(message.format)) for message in window]
        return [made for m, dialect in known if dialect for made in dialect.load([m.payload])]

    async def _save(self, remote_id: str, title: str) -> str:
        """Save the title, unless the thread has one by now; which one it has."""
        while title:
            thread = await self._chat.threads.get(remote_id)
            if thread.title is not None:
                return thread.title
            try:
                await self._chat.threads.update(
                    remote_id, title=title, expected_revision=thread.revision
                )
            except ConflictError:  # something of the thread was changed meanwhile
                continue
            break
        return title


def _text(piece: object) -> str:
    if not isinstance(piece, str):
        raise InvalidError("generate_title", "must give text")
    return piece


def _entry(thread: Thread) -> dict[str, Any]:
    entry = {
        "status": "archived" if thread.status == "archived" else "regular",
        "remoteId": thread.id,
        "lastMessageAt": iso(thread.active_at),
        "externalId": thread.external_id,
        "title": thread.title,
        "custom": thread.metadata,
    }
    return {name: value for name, value in entry.items() if value is not None}
