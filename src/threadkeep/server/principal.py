"""Principal: who calls, and what of the store that reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from threadkeep.store import AsyncStore

Kind = Literal["open", "jwt", "key", "anonymous"]

READ, WRITE, ADMIN = "read", "write", "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    `owner_id` and `user_id` are what the handle is made of: with a user, threads of other users are
    unknown. `scopes` holds `read`, `write` and `admin`, which reaches across owners. `claims` are
    those of the token, as far as answers repeat them.
    """

    kind: Kind
    owner_id: str
    user_id: str | None = None
    scopes: frozenset[str] = frozenset({READ, WRITE})
    key_id: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict)


class Auth(Protocol):
    """How callers are told apart."""

    @property
    def open(self) -> bool:
        """Whether everybody is let in. Such a server listens on loopback only."""
        ...

    async def principal(self, headers: Mapping[str, str], store: AsyncStore) -> Principal:
        """Who sends these headers. Problem (401 or 403) with a code of its own for each refusal."""
        ...
