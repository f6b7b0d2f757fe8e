"""Scores: create, list. Judgements with a name."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from threadkeep.core.scope import Scope
from threadkeep.core.threads import check_text
from threadkeep.core.told import ToldFilter
from threadkeep.core.told import page as told_page
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id, check_id_or_none, new_id
from threadkeep.values.numbers import finite
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Row
from threadkeep.values.quick import maker
from threadkeep.values.score import Score, ScoreType

_TYPES: tuple[str, ...] = get_args(ScoreType)
_MAX_TEXT_BYTES = 1024
_MAX_COMMENT_BYTES = 64 * 1024
_ATTEMPTS = 2

_made = maker(Score)


async def create(
    scope: Scope,
    name: str,
    *,
    type: str,
    value: float | None,
    text_value: str | None,
    comment: str | None,
    thread: str | None,
    message: str | None,
    run: str | None,
    user: str | None,
    score_id: str | None,
) -> Score:
    """Store a score, or return the same one that was stored before."""
    id_ = check_id("score_id", new_id() if score_id is None else score_id)
    for field, given in (("thread", thread), ("message", message), ("run", run)):
        check_id_or_none(field, given)
    said = (
        check_id("name", name),
        *_check_value(type, value, text_value),
        check_text("comment", comment, most=_MAX_COMMENT_BYTES),
        message,
        run,
    )
    here = (scope.key, scope.owner_id, thread, scope.user_id)
    person = scope.person(user)
    calls = scope.attempts()
    for _ in range(_ATTEMPTS):
        rows = await calls.fetch(scope.sql["score_create"], *here, id_, person, *said)
        if rows:
            return _score(rows[0])
        if thread is not None and not await scope.on_thread("thread_get", thread, over=calls):
            raise NotFoundError("thread", thread)
        if await calls.fetch(scope.sql["score_held"], *scope.named("score_id", id_)):
            raise ConflictError("exists", f"score {id_!r} exists", id=id_)
        # The thread or the score may have come or gone between the looks at them.
    raise NotFoundError("score", id_)


async def page(
    scope: Scope,
    *,
    thread: str | None,
    name: str | None,
    user: str | None,
    since: datetime | None,
    until: datetime | None,
    order: Order,
    limit: int,
    cursor: str | None,
) -> Page[Score]:
    """A page of scores by when they were stored; looks at 10 000 at the most."""
    word = check_id_or_none("name", name)
    which = ToldFilter.of(
        scope, "scores", thread=thread, word=word, user=user, since=since, until=until
    )
    return await told_page(scope, which, _score, order=order, limit=limit, cursor=cursor)


def _check_value(
    type: object, value: object, text_value: object
) -> tuple[str, float | None, str | None]:
    """The type, the number and the text; InvalidError where they do not go together."""
    if not isinstance(type, str) or type not in _TYPES:
        raise InvalidError("type", f"must be one of {', '.join(_TYPES)}")
    if type == "categorical":
        if value is not None:
            raise InvalidError("value", "must not be given for a categorical score")
        text = check_text("text_value", text_value, most=_MAX_TEXT_BYTES)
        if text is None:
            raise InvalidError("text_value", "must be given for a categorical score")
        return type, None, text
    if text_value is not None:
        raise InvalidError("text_value", "goes with a categorical score")
    if type == "boolean":
        # True is 1, and so is 1.0.
        if not isinstance(value, int | float) or value not in (0, 1):
            raise InvalidError("value", "must be True, False, 1 or 0 for a boolean score")
        return type, float(value), None
    number = finite(value)
    if number is None:
        raise InvalidError("value", "must be a finite number for a numeric score")
    return type, number, None


def _score(row: Row) -> Score:
    """A Score from a row of `score_columns`, which are its fields."""
    return _made(*row)
