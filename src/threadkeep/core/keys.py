"""API keys: create, check, get, list, rotate, revoke."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest

from threadkeep.core.attempts import Attempts
from threadkeep.core.cursors import read_by_time
from threadkeep.core.drafts import check_seconds, check_time
from threadkeep.core.scope import Scope
from threadkeep.values.credentials import ApiKey, NewKey, mint, read_text
from threadkeep.values.errors import ConflictError, CredentialError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id
from threadkeep.values.page import Order, Page
from threadkeep.values.ports import Executor, Row, Statement, Transaction

_MAX_NAME_BYTES = 256
_MOST_SCOPES = 32
_SCOPE = re.compile(r"[a-z][a-z0-9_:-]{0,63}")
_LONGEST_GRACE = 366 * 86_400.0


async def create(
    scope: Scope,
    name: str,
    *,
    scopes: Iterable[str],
    user: str | None,
    expires_at: datetime | None,
) -> NewKey:
    """Make a key. Its text is in the answer, and nowhere else."""
    person = scope.person(user)
    given = (
        check_id("name", name, most=_MAX_NAME_BYTES),
        _check_scopes(scopes),
        check_time("expires_at", expires_at),
    )
    key_id, text, hash_ = mint(scope.key)
    rows = await scope.fetch(
        "key_create", scope.key, scope.owner_id, key_id, person, *given, None, hash_
    )
    return NewKey(_key(rows[0]), text)


async def check(ex: Executor, sql: Mapping[str, Statement], text: str) -> ApiKey:
    """The key that has this text; CredentialError where there is none, or it is not good now.

    One statement. The secret does not leave the process: what is compared, in constant time, is
    its hash.
    """
    owner_key, key_id, hash_ = read_text(text)
    rows = await Attempts(ex, sql).fetch(sql["key_check"], owner_key, key_id)
    if not rows or not compare_digest(bytes(rows[0][0]), hash_):
        raise CredentialError("key_unknown", "no API key has this text")
    found = _key(rows[0][2:])
    if found.revoked_at is not None:
        raise CredentialError("key_revoked", "the API key was revoked")
    if rows[0][1]:
        raise CredentialError("key_expired", "the API key has expired")
    return found


async def get(scope: Scope, key_id: str) -> ApiKey:
    """What is known of a key; NotFoundError if this scope has none such."""
    rows = await scope.fetch("key_get", *scope.named("key_id", key_id))
    if not rows:
        raise NotFoundError("key", key_id)
    return _key(rows[0])


async def page(
    scope: Scope, *, revoked: bool | None, order: Order, limit: int, cursor: str | None
) -> Page[ApiKey]:
    """A page of keys by when they were made."""
    if revoked is not None and not isinstance(revoked, bool):
        raise InvalidError("revoked", "must be a bool, or None for all")

    async def fetch(way: str, *place: object) -> Sequence[Row]:
        here = (scope.key, scope.owner_id, scope.user_id)
        return await scope.fetch(f"keys_{way}", *here, revoked, *place)

    identity = ("keys", scope.owner_id, scope.user_id, revoked, order)
    return await read_by_time(
        fetch, _key, order=order, limit=limit, cursor=cursor, identity=identity
    )


async def rotate(scope: Scope, key_id: str, *, grace: float) -> NewKey:
    """Make a key that replaces another one, which ends after the grace."""
    named = scope.named("key_id", key_id)
    seconds = check_seconds("grace", grace, 0, _LONGEST_GRACE)
    new_id, text, hash_ = mint(scope.key)

    async def change(tx: Transaction) -> NewKey:
        rows = await tx.fetch(scope.sql["key_lock"], *named)
        if not rows:
            raise NotFoundError("key", key_id)
        tx.xid, past, *columns = rows[0]
        old = _key(columns)
        # A statement of its own: it sees what was committed while the lock was waited for.
        later = await tx.fetch(scope.sql["key_successor"], *named[:3])
        _refuse(old, past, later)
        like_old = (old.user_id, old.name, list(old.scopes), old.expires_at, key_id)
        made = await tx.fetch(scope.sql["key_create"], *named[:2], new_id, *like_old, hash_)
        await tx.fetch(scope.sql["key_expire"], *named[:3], seconds)
        return NewKey(_key(made[0]), text)

    return await scope.atomically(change)


async def revoke(scope: Scope, key_id: str) -> ApiKey:
    """Revoke a key, once; NotFoundError if this scope has none such."""
    named = scope.named("key_id", key_id)

    async def change(tx: Transaction) -> ApiKey:
        rows = await tx.fetch(scope.sql["key_revoke"], *named)
        if not rows:
            raise NotFoundError("key", key_id)
        return _key(rows[0])

    return await scope.atomically(change)


def _refuse(old: ApiKey, past: bool, later: Sequence[Row]) -> None:
    """ConflictError for a key that cannot be rotated."""
    if later:
        raise ConflictError("key_replaced", "the key has been rotated already", id=later[0][0])
    if old.revoked_at is not None:
        raise ConflictError("key_revoked", "the key was revoked", id=old.id)
    if past:
        raise ConflictError("key_expired", "the key has expired", id=old.id)


def _key(row: Row) -> ApiKey:
    """An ApiKey from a row of `key_columns`, which are its fields but in order."""
    id_, owner_id, user_id, name, scopes, *rest = row
    return ApiKey(id_, owner_id, user_id, name, tuple(scopes), *rest)


def _check_scopes(scopes: object) -> list[str]:
    rule = f"must be 1 to {_MOST_SCOPES} words of a-z, 0-9, _, : and -, from a-z on, up to 64 long"
    if isinstance(scopes, str | bytes) or not isinstance(scopes, Iterable):
        raise InvalidError("scopes", rule)
    words = list(scopes)
    if not all(isinstance(word, str) and _SCOPE.fullmatch(word) for word in words):
        raise InvalidError("scopes", rule)
    different = list(dict.fromkeys(words))
    if not 1 <= len(different) <= _MOST_SCOPES:
        raise InvalidError("scopes", rule)
    return different
