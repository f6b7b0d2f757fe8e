"""Refresh tokens: create, check, use, revoke, purge. Who holds a token is who signed it to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from threadkeep.core.attempts import purged
from threadkeep.core.drafts import check_seconds, check_time
from threadkeep.core.scope import Scope
from threadkeep.values.credentials import RefreshToken
from threadkeep.values.errors import ConflictError, CredentialError, NotFoundError
from threadkeep.values.ids import check_id, new_id
from threadkeep.values.numbers import check_whole
from threadkeep.values.ports import Executor, Row, Statement, Transaction

_LIFETIME = (0.001, 3660 * 86_400.0)
_COLUMNS = 8


async def create(
    scope: Scope, *, user: str | None, lifetime: float, token_id: str | None
) -> RefreshToken:
    """Begin a line; one that stands under the id already, unused and alike, is the answer."""
    id_ = check_id("token_id", new_id() if token_id is None else token_id)
    person, seconds = scope.person(user), check_seconds("lifetime", lifetime, *_LIFETIME)
    rows = await scope.fetch("refresh_create", scope.key, scope.owner_id, id_, person, seconds)
    if rows:
        return RefreshToken(*rows[0])
    if not await scope.fetch("refresh_get", *scope.named("token_id", id_)):
        raise NotFoundError("refresh_token", id_)
    raise ConflictError("exists", "the line of refresh tokens exists already", id=id_)


async def check(scope: Scope, token_id: str, generation: int) -> RefreshToken:
    """The line, where this generation of it is good; else CredentialError. Changes nothing."""
    number = check_whole("generation", generation)
    rows = await scope.fetch("refresh_get", *scope.named("token_id", token_id))
    return _good(rows, number)


async def use(scope: Scope, token_id: str, generation: int, *, lifetime: float) -> RefreshToken:
    """The generation after this one: made at the first use, and the same at each further one."""
    number = check_whole("generation", generation)
    seconds = check_seconds("lifetime", lifetime, *_LIFETIME)
    named = scope.named("token_id", token_id)

    async def change(tx: Transaction) -> RefreshToken:
        rows = await tx.fetch(scope.sql["refresh_lock"], *named)
        line = _good(rows, number)
        if line.generation > number:
            return line
        tx.xid = rows[0][-1]
        [made] = await tx.fetch(scope.sql["refresh_use"], *named[:3], number, seconds)
        return RefreshToken(*made)

    return await scope.atomically(change)


async def revoke(scope: Scope, token_id: str) -> bool:
    """End a line for good; whether there is one."""
    named = scope.named("token_id", token_id)

    async def change(tx: Transaction) -> bool:
        return bool(await tx.fetch(scope.sql["refresh_revoke"], *named))

    return await scope.atomically(change)


async def purge(scope: Scope, before: datetime | None) -> int:
    """Delete the lines that are past their end; how many."""
    given = (scope.key, scope.owner_id, check_time("before", before), scope.user_id)
    return await purged(scope.ex, scope.sql, scope.key, "refresh_purge", *given)


async def purge_all(ex: Executor, sql: Mapping[str, Statement], before: datetime | None) -> int:
    """The same of all owners. For the admin role."""
    return await purged(ex, sql, None, "refresh_purge_all", check_time("before", before))


def _good(rows: Sequence[Row], generation: int) -> RefreshToken:
    """The line of a row that begins with whether it is past its end, if this generation is good.

    That is the newest one, which nobody has used, and the one before it.
    """
    line = RefreshToken(*rows[0][1 : 1 + _COLUMNS]) if rows else None
    if line is None or generation > line.generation:
        raise CredentialError("refresh_unknown", "there is no such refresh token")
    if line.revoked_at is not None:
        raise CredentialError("refresh_revoked", "the refresh token was revoked")
    if rows[0][0]:
        raise CredentialError("refresh_expired", "the refresh token has expired")
    if generation < line.generation - 1:
        raise CredentialError("refresh_replayed", "a later refresh token has been used")
    return line
