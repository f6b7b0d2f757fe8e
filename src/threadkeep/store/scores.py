"""Judgements of an owner's threads, messages and runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import scores as core
from threadkeep.core.scope import Scope
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.page import Order, Page
from threadkeep.values.score import Score, ScoreType


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores that a handle reaches. With `user=`, only those of that user.

    Scores go with their thread.
    """

    _scope: Scope
    _writing: Writing

    async def create(
        self,
        name: str,
        *,
        type: ScoreType,
        value: float | None = None,
        text_value: str | None = None,
        comment: str | None = None,
        thread: str | None = None,
        message: str | None = None,
        run: str | None = None,
        user: str | None = None,
        score_id: str | None = None,
    ) -> Score:
        """Store a score, under a given id or a new one.

        A numeric score has a finite `value`, a boolean one True or False (1 or 0), a categorical
        one a `text_value` of at most 1 KiB. A `comment` has at most 64 KiB. `thread` is the id of a
        thread: NotFoundError where it is unknown. `message` and `run` are any ids. The score is the
        handle's user's, else `user`'s, else that of the thread's user. The same call again, with
        its id, returns the stored score. ConflictError (`exists`) where the id is another score's,
        NotFoundError where it is held by another user.
        """
        return await self._writing.run(
            core.create(
                self._scope,
                name,
                type=type,
                value=value,
                text_value=text_value,
                comment=comment,
                thread=thread,
                message=message,
                run=run,
                user=user,
                score_id=score_id,
            )
        )

    def list(
        self,
        *,
        thread: str | None = None,
        name: str | None = None,
        user: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[Score]:
        """Scores by when they were stored, the latest first: `await` for a page, `async for` all.

        What is given must all hold; `since` is inclusive and `until` is not. A page looks at 10 000
        scores of the thread or owner within that time: it may be short, even empty, and still have
        a next one. Empty for an unknown thread. `limit` is 1 to 1000. InvalidCursorError for a
        cursor of another list.
        """

        async def read(at: str | None) -> Page[Score]:
            return await core.page(
                self._scope,
                thread=thread,
                name=name,
                user=user,
                since=since,
                until=until,
                order=order,
                limit=limit,
                cursor=at,
            )

        return PageCall(read, cursor)
