"""The refresh tokens of an owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from threadkeep.core import refresh_tokens as core
from threadkeep.core.scope import Scope
from threadkeep.store.writing import Writing
from threadkeep.values.credentials import RefreshToken


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """The lines of refresh tokens of a handle's owner; with `user=`, only those of that user.

    The store keeps which generation of a line is good, and no secret: a token is the id of its line
    and a generation, signed by whoever hands it out. What has no such line here is unknown.
    """

    _scope: Scope
    _writing: Writing

    async def create(
        self, *, user: str | None = None, lifetime: float, token_id: str | None = None
    ) -> RefreshToken:
        """Begin a line with generation 0, good for `lifetime` seconds.

        Under a given id it may be done again: a line of that id and user that is good and not used
        is the answer, as it stands. ConflictError (`exists`) for another line of that id,
        NotFoundError where that is another user's.
        """
        return await self._writing.run(
            core.create(self._scope, user=user, lifetime=lifetime, token_id=token_id)
        )

    async def check(self, token_id: str, generation: int) -> RefreshToken:
        """The line, if this generation of it is good. Changes nothing.

        CredentialError as for `use`.
        """
        return await core.check(self._scope, token_id, generation)

    async def use(self, token_id: str, generation: int, *, lifetime: float) -> RefreshToken:
        """The line with the next generation, good for `lifetime` seconds from now on.

        The answer may be lost, so the same generation may be used again: it gives the same next one
        with the same end, until that one is used. CredentialError: `refresh_replayed` from then on,
        `refresh_revoked`, `refresh_expired`, and `refresh_unknown` for a line or a generation that
        is not there. Nothing is written then.
        """
        return await self._writing.run(
            core.use(self._scope, token_id, generation, lifetime=lifetime)
        )

    async def revoke(self, token_id: str) -> bool:
        """End a line for good, all its generations; True also where it was revoked before.

        False if it is unknown.
        """
        return await self._writing.run(core.revoke(self._scope, token_id))

    async def purge(self, *, before: datetime | None = None) -> int:
        """Delete the lines past their end, or only what ended before a time; how many."""
        return await self._writing.run(core.purge(self._scope, before))
