"""Keys that an identity provider publishes: fetched, kept, and fetched again when need be."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import httpx
import orjson

from threadkeep.server.auth.material import Key, KeySet, key_set, public_algorithms, unknown_key
from threadkeep.server.local import is_loopback
from threadkeep.server.problems import Problem
from threadkeep.values.errors import InvalidError

log = logging.getLogger("threadkeep.server")

_MAX_BYTES: Final = 262_144
_SOON: Final = 5.0
"""How long to wait at the most after an attempt that failed, in seconds."""
_STALE: Final = 86_400.0
"""How long keys are used beyond their lifetime, in seconds, while the address does not answer."""


class PublishedKeys:
    """The keys at a URL: https, or http on loopback. No I/O until the first token.

    They are fetched again once they are `lifetime` seconds old, and for a key id that is not among
    them, but never within `cooldown` seconds of the last attempt, or 5 of one that failed. While
    the URL does not answer the keys are used for another day, and nobody who has one of them waits
    for more than the first attempt. Redirects are not followed. All times are in seconds.
    """

    __slots__ = (
        "_algorithms",
        "_attempt",
        "_cooldown",
        "_failed",
        "_fetched",
        "_fetching",
        "_keys",
        "_lifetime",
        "_timeout",
        "url",
    )

    def __init__(
        self,
        url: str,
        algorithms: Iterable[str],
        *,
        lifetime: float = 3600.0,
        cooldown: float = 30.0,
        timeout: float = 5.0,
    ) -> None:
        self.url = _checked(url)
        self._algorithms = public_algorithms(algorithms)
        self._lifetime = lifetime
        self._cooldown = cooldown
        self._timeout = timeout
        self._keys: KeySet | None = None
        self._fetched = self._attempt = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def of(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """The keys that may have signed such a token.

        Problem 401 as for any key set; 503 (`keys_unavailable`) where nobody can say, since the
        URL did not answer.
        """
        age = time.monotonic() - self._fetched
        if age > self._lifetime:
            await self._fetch(wait=not self._failed or age > self._lifetime + _STALE)
            age = time.monotonic() - self._fetched
        if age > self._lifetime + _STALE:
            raise self._unavailable()
        found = self._find(kid, algorithm)
        if not found:
            await self._fetch()
            found = self._find(kid, algorithm)
        if found:
            return found
        raise self._unavailable() if self._failed else unknown_key()

    def _find(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        return self._keys.find(kid, algorithm) if self._keys is not None else ()

    async def _fetch(self, *, wait: bool = True) -> None:
        """Fetch once for all who wait; nothing where that has been tried a moment ago.

        It goes on if whoever began it goes away, or does not wait.
        """
        if self._fetching is None or self._fetching.done():
            now = time.monotonic()
            if now - self._attempt < self._pause:
                return
            self._attempt = now
            self._fetching = asyncio.create_task(self._try())
        if wait:
            await asyncio.shield(self._fetching)

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                self._keys = key_set(orjson.loads(await self._read()), self._algorithms)
        except Exception as error:  # noqa: BLE001  what somebody else answers can fail in any way
            self._failed = True
            log.warning("jwks_unavailable", extra={"error": type(error).__name__})
        else:
            self._failed = False
            self._fetched = time.monotonic()

    async def _read(self) -> bytes:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            httpx.AsyncClient(timeout=self._timeout, headers=headers) as client,
            client.stream("GET", self.url) as response,
        ):
            if response.status_code != 200:
                raise ValueError("the key set was not given")
            read = bytearray()
            # As it comes: what is small while compressed may be large after that.
            async for piece in response.aiter_raw(16_384):
                read += piece
                if len(read) > _MAX_BYTES:
                    raise ValueError("the key set is too large")
        return bytes(read)

    @property
    def _pause(self) -> float:
        return min(self._cooldown, _SOON) if self._failed else self._cooldown

    def _unavailable(self) -> Problem:
        return Problem(
            503,
            "keys_unavailable",
            "the keys of the tokens cannot be had now",
            headers={"Retry-After": str(max(1, round(self._pause)))},
        )


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise InvalidError("jwks_url", "must be an https URL")
    if parts.username is not None or parts.password is not None:
        raise InvalidError("jwks_url", "must not carry credentials")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InvalidError("jwks_url", "must be https; http is for loopback only")
    return url
