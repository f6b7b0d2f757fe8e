"""The API keys of an owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import keys as core
from threadkeep.core.scope import Scope
from threadkeep.store.pages import PageCall
from threadkeep.store.writing import Writing
from threadkeep.values.credentials import ApiKey, NewKey
from threadkeep.values.page import Order, Page


@dataclass(frozen=True, slots=True)
class Keys:
    """The API keys of a handle's owner; with `user=`, only those that act for that user.

    The text of a key is in the answer that makes it and nowhere else. Whoever shows a text is told
    by the store's `check_key` whose it is.
    """

    _scope: Scope
    _writing: Writing

    async def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] = ("read", "write"),
        user: str | None = None,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key. Its `text` cannot be had a second time.

        It acts for `user`, by default that of the handle, else for the whole owner. `scopes` are
        words of the app: the store keeps them and asks nothing. Called again it makes another key.
        """
        return await self._writing.run(
            core.create(self._scope, name, scopes=scopes, user=user, expires_at=expires_at)
        )

    async def get(self, key_id: str) -> ApiKey:
        """What is known of a key, revoked or not. NotFoundError if it is unknown."""
        return await core.get(self._scope, key_id)

    def list(
        self,
        *,
        revoked: bool | None = False,
        order: Order = "desc",
        limit: int = 50,
        cursor: str | None = None,
    ) -> PageCall[ApiKey]:
        """Keys by when they were made, the newest first: `await` for a page, `async for` for all.

        Those that are not revoked, expired ones too, or only those that are, or with None all.
        """

        async def read(at: str | None) -> Page[ApiKey]:
            return await core.page(
                self._scope, revoked=revoked, order=order, limit=limit, cursor=at
            )

        return PageCall(read, cursor)

    async def rotate(self, key_id: str, *, grace: float = 0.0) -> NewKey:
        """Make a key of the same name, scopes, user and expiry, which replaces this one.

        The old one is good for `grace` seconds more, if it does not end before. NotFoundError for
        an unknown key; ConflictError for one that was rotated before (`key_replaced`, whose `id` is
        the key that replaces it: rotate that one), was revoked (`key_revoked`) or has expired
        (`key_expired`). Nothing is written then.
        """
        return await self._writing.run(core.rotate(self._scope, key_id, grace=grace))

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key at once and for good; the first time stands. NotFoundError if it is unknown.

        The key that replaces it goes on.
        """
        return await self._writing.run(core.revoke(self._scope, key_id))
