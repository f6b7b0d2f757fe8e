"""What users think of an owner's messages."""

from __future__ import annotations

from dataclasses import dataclass

from threadkeep.core import feedback as core
from threadkeep.core.scope import Scope
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.feedback import Feedback, Kind
from threadkeep.values.page import Order, Page


@dataclass(frozen=True, slots=True)
class Feedbacks:
    """What users think of the messages that a handle reaches.

    A handle of one user sees and changes that user's only. Feedback goes with its message.
    """

    _scope: Scope
    _writing: Writing

    async def set(
        self,
        thread_id: str,
        message_id: str,
        kind: Kind,
        *,
        comment: str | None = None,
        user: str | None = None,
    ) -> Feedback:
        """Say what the user of the handle, or `user`, or nobody named, thinks of a message.

        One word of each user on a message: it takes the place of the one before, comment and all,
        and `created_at` stays. NotFoundError if the thread or the message is unknown.
        """
        return await self._writing.run(
            core.put(self._scope, thread_id, message_id, kind, comment=comment, user=user)
        )

    async def clear(self, thread_id: str, message_id: str, *, user: str | None = None) -> bool:
        """Take it back. False if there was none."""
        return await self._writing.run(core.clear(self._scope, thread_id, message_id, user=user))

    def list(
        self,
        thread_id: str,
        *,
        order: Order = "asc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Feedback]:
        """What users think of a thread's messages, in the order of these, then by user.

        `await` for a page, `async for` for all. Empty for an unknown thread.
        """

        async def read(at: str | None) -> Page[Feedback]:
            return await core.page(self._scope, thread_id, order=order, limit=limit, cursor=at)

        return PageCall(read, cursor)
