"""Auth: several ways to call, told apart by what the bearer token looks like."""

from __future__ import annotations

from collections.abc import Mapping

from threadkeep.server import principal as principals
from threadkeep.server.auth.anonymous import Anonymous
from threadkeep.server.auth.api_keys import PREFIX, KeyAuth
from threadkeep.server.auth.bearer import bearer_of, peek, refused
from threadkeep.server.auth.own_tokens import OwnTokens
from threadkeep.server.auth.web_tokens import JwtAuth
from threadkeep.server.principal import Principal
from threadkeep.store import AsyncStore
from threadkeep.values.errors import InvalidError


class Auth:
    """Who may call: holders of foreign tokens, of API keys, and visitors, as far as they are given.

    `tokens` are those that the server signs, by default those of `anonymous`: with them a holder of
    a key gets tokens for front ends (POST /v1/auth/tokens).
    """

    __slots__ = ("anonymous", "jwt", "keys", "tokens")

    def __init__(
        self,
        *,
        jwt: JwtAuth | None = None,
        keys: KeyAuth | None = None,
        anonymous: Anonymous | None = None,
        tokens: OwnTokens | None = None,
    ) -> None:
        self.jwt = jwt
        self.keys = keys
        self.anonymous = anonymous
        self.tokens = tokens if anonymous is None else anonymous.tokens
        if jwt is None and keys is None and self.tokens is None:
            raise InvalidError("auth", "must be at least one of jwt, keys, anonymous and tokens")
        if tokens not in (None, self.tokens):
            raise InvalidError("tokens", "must be those of anonymous")
        if jwt is not None and self.tokens is not None and self.tokens.issuer in jwt.issuers:
            raise InvalidError("issuer", "must tell tokens of this server from those of others")

    @property
    def open(self) -> bool:
        """No."""
        return False

    async def principal(self, headers: Mapping[str, str], store: AsyncStore) -> Principal:
        """Who sends these headers.

        What a token says of itself only chooses who looks at it; that one trusts none of it.
        """
        return await self._for(bearer_of(headers)).principal(headers, store)

    def _for(self, token: str) -> principals.Auth:
        tokens = self.jwt is not None or self.tokens is not None
        if self.keys is not None and (token.startswith(PREFIX) or not tokens):
            return self.keys
        if token.startswith(PREFIX):
            raise refused("key_not_accepted", "API keys are not accepted here")
        issuer = peek(token).claims.get("iss")
        if self.tokens is not None and issuer == self.tokens.issuer:
            return self.tokens
        if self.jwt is None:
            raise refused("token_issuer", "this token is from another issuer")
        return self.jwt
