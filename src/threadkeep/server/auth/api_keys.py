"""API keys of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from threadkeep.server.auth.bearer import bearer_of, refused
from threadkeep.server.auth.naming import acting
from threadkeep.server.principal import Principal
from threadkeep.store import AsyncStore
from threadkeep.values.errors import CredentialError

PREFIX: Final = "tk_"
"""What the text of every key begins with."""


class KeyAuth:
    """Callers bring an API key that `chat.keys.create` or `threadkeep keys create` has made.

    A key acts for its owner, and for its user where it has one; else the headers may name the user.
    Its scopes say what it may do. One with the scope `admin` may name any owner and user.
    """

    __slots__ = ()

    @property
    def open(self) -> bool:
        """No."""
        return False

    async def principal(self, headers: Mapping[str, str], store: AsyncStore) -> Principal:
        """Whom the key of these headers acts for. The key is looked up each time."""
        try:
            key = await store.check_key(bearer_of(headers))
        except CredentialError as error:
            raise refused(error.reason, str(error)) from None
        scopes = frozenset(key.scopes)
        principal = Principal("key", key.owner_id, key.user_id, scopes, key_id=key.id)
        return acting(principal, headers)
