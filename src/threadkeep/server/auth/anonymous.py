"""Visitors without an account: each is an owner of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from threadkeep.server.auth.own_tokens import OwnTokens, Shown, refresh_refused
from threadkeep.store import AsyncStore
from threadkeep.values.credentials import RefreshToken
from threadkeep.values.errors import CredentialError, InvalidError
from threadkeep.values.ids import random_text

_LIFETIME: Final = 30 * 86_400.0
_YEAR: Final = 366 * 86_400.0
_OWNER: Final = "anon_"


@dataclass(frozen=True, slots=True)
class Session:
    """The tokens of a visitor. `repr` leaves them out."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime


class Anonymous:
    """Sessions for visitors, by `tokens` of ours.

    A visitor is an owner (`anon_…`) and a user in it (`usr_anon_…`) that nobody else has. Its
    refresh token is good for `lifetime` seconds from its last use. Each use makes the next one, and
    may be repeated where its answer was lost, until that next one has been used.
    """

    __slots__ = ("_lifetime", "tokens")

    def __init__(self, tokens: OwnTokens, *, lifetime: float = _LIFETIME) -> None:
        if not 60 <= lifetime <= _YEAR:
            raise InvalidError("lifetime", "must be from 60 seconds to 366 days")
        self.tokens = tokens
        self._lifetime = lifetime

    async def begin(self, store: AsyncStore) -> Session:
        """A new visitor."""
        chat = store.owner(_new(_OWNER), user=_new("usr_anon_"))
        line = await chat.refresh_tokens.create(
            user=chat.user_id, lifetime=self._lifetime, token_id=_new("refresh_")
        )
        return self._session(line)

    async def renew(self, store: AsyncStore, token: str) -> Session:
        """The visitor's next tokens. Problem 400 or 403 (`refresh_…`)."""
        shown = await self._shown(token)
        lines = store.owner(shown.owner_id, user=shown.user_id).refresh_tokens
        with _refusals():
            line = await lines.use(shown.token_id, shown.generation, lifetime=self._lifetime)
        return self._session(line)

    async def visitor(self, store: AsyncStore, token: str) -> Shown:
        """Whose refresh token this is, if it is good; it stays as it is.

        Problem 400 or 403 (`refresh_…`).
        """
        shown = await self._shown(token)
        lines = store.owner(shown.owner_id, user=shown.user_id).refresh_tokens
        with _refusals():
            await lines.check(shown.token_id, shown.generation)
        return shown

    async def _shown(self, token: str) -> Shown:
        """What a visitor's refresh token says.

        A line of an owner who is no visitor, which only an app itself can have begun, is unknown
        here: whoever takes over a visitor gets all that the owner has.
        """
        shown = await self.tokens.read_refresh(token)
        if not shown.owner_id.startswith(_OWNER):
            raise refresh_refused("unknown")
        return shown

    def _session(self, line: RefreshToken) -> Session:
        access = self.tokens.access(line.owner_id, line.user_id, anonymous=True)
        return Session(access, self.tokens.refresh(line), line.expires_at)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the store says against a refresh token, as a problem."""
    try:
        yield
    except CredentialError as error:
        raise refresh_refused(error.reason.removeprefix("refresh_")) from None


def _new(prefix: str) -> str:
    """A new id that nobody can guess: 142 random bits."""
    return prefix + random_text(24)
