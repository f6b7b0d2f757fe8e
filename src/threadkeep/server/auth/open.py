"""No auth: everybody is let in, as one owner or as whom the headers name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from threadkeep.server.auth.naming import named
from threadkeep.server.principal import ADMIN, READ, WRITE, Principal
from threadkeep.store import AsyncStore


@dataclass(frozen=True, slots=True)
class Open:
    """Everybody is `owner`, or whom the headers name. For one's own machine."""

    owner: str = "local"

    @property
    def open(self) -> bool:
        """Yes: a server with it listens on loopback only."""
        return True

    async def principal(self, headers: Mapping[str, str], store: AsyncStore) -> Principal:  # noqa: ARG002
        """Whom the headers name, else the one owner."""
        owner_id, user_id = named(headers)
        scopes = frozenset({READ, WRITE, ADMIN})
        return Principal("open", owner_id or self.owner, user_id, scopes)
