"""Service: what all routes share, and how a route gets at it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Annotated, Any, Final, Self, TypedDict, Unpack

from fastapi import Depends, Request

from threadkeep.adapters.files import ByteStore
from threadkeep.server.auth.open import Open
from threadkeep.server.limits import Limits, Meter, address_of
from threadkeep.server.links import Links
from threadkeep.server.local import check_local
from threadkeep.server.metrics import Metrics
from threadkeep.server.principal import ADMIN, READ, WRITE, Auth, Principal
from threadkeep.server.problems import Problem
from threadkeep.server.titling import MakeTitle
from threadkeep.store import AsyncStore, Owner
from threadkeep.values.errors import InvalidError, ThreadkeepError, UnavailableError

log = logging.getLogger("threadkeep.server")

LEAST_SECRET: Final = 32
_AGAIN_SECONDS: Final = 0.5


class Options(TypedDict, total=False):
    """What a service may be given besides the store.

    `auth`: who may call; without it everybody is let in, from this machine: by its own names, and
    by pages from it or from `origins`. `limits`: sizes and rates. `origins`: whose pages may call
    from a browser; "*" for all, not without auth. `metrics`: whether requests are counted.
    `files`: where the bytes of attachments go; without it there are none. `secret`: what links to
    them are signed with, 32 bytes at least, the same in all processes. `public_url`: how browsers
    reach the server, where that is not what their requests say. `patient`: start also while the
    database is away, and open the store as soon as it is there; until then requests are answered
    with 503. `title`: makes titles of what was said, else the first words are one.
    """

    auth: Auth | None
    limits: Limits | None
    origins: Collection[str]
    metrics: Metrics | None
    files: ByteStore | None
    secret: bytes | None
    public_url: str | None
    patient: bool
    title: MakeTitle | None


class Service:
    """A store, who may use it, and how.

    `store` is an open AsyncStore, which stays the caller's, or `connect_async(...)`, which is
    opened and closed with the service: enter it before the first request. The rest is in `Options`.
    """

    def __init__(
        self,
        store: AsyncStore | AbstractAsyncContextManager[AsyncStore],
        **given: Unpack[Options],
    ) -> None:
        self._source = None if isinstance(store, AsyncStore) else store
        self._store = store if isinstance(store, AsyncStore) else None
        self._patient = given.get("patient", False)
        self._opening: asyncio.Task[None] | None = None
        self.auth: Auth = given.get("auth") or Open()
        self.limits = given.get("limits") or Limits()
        self.meter = Meter(self.limits.rates)
        self.origins = frozenset(given.get("origins", ()))
        self.metrics = given.get("metrics")
        self.files = given.get("files")
        self.title = given.get("title")
        self.links = _links(self.files, given.get("secret"))
        self.public_url = (given.get("public_url") or "").rstrip("/")
        if self.auth.open and "*" in self.origins:
            raise InvalidError("origins", "must not be * without auth: any page could call")

    @property
    def store(self) -> AsyncStore:
        """The open store."""
        if self._store is None:
            raise Problem(
                503, "unavailable", "the server has no database yet", headers={"Retry-After": "1"}
            )
        return self._store

    def admit(self, request: Request) -> None:
        """Problem 403 where a service that lets everybody in is called as if from elsewhere."""
        if self.auth.open:
            check_local(request.headers, self.origins)

    async def __aenter__(self) -> Self:
        if self._source is not None:
            try:
                self._store = await self._source.__aenter__()
            except UnavailableError:
                if not self._patient:
                    raise
                self._opening = asyncio.create_task(self._open_later(self._source))
        return self

    async def _open_later(self, source: AbstractAsyncContextManager[AsyncStore]) -> None:
        log.warning("the database cannot be reached; trying until it can")
        while self._store is None:
            await asyncio.sleep(_AGAIN_SECONDS)
            with suppress(ThreadkeepError):
                self._store = await source.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError):
                await self._opening
        if self._source is not None and self._store is not None:
            self._store = None
            await self._source.__aexit__(kind, error, trace)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and the handle that this one may use."""

    service: Service
    principal: Principal
    chat: Owner

    def spend(self, what: str) -> None:
        """Count a call against the rate `what` of this caller; Problem 429 if it is too many."""
        principal = self.principal
        name = (principal.kind, principal.owner_id, principal.user_id or "")
        self.service.meter.spend(what, *name)


def service_of(request: Request) -> Service:
    """The service that the router of this route was made for."""
    service: Service = request.state.threadkeep
    return service


async def _caller(request: Request, scope: str) -> Caller:
    service = service_of(request)
    principal = await service.auth.principal(request.headers, service.store)
    request.state.threadkeep_caller = principal.kind
    chat = service.store.owner(principal.owner_id, principal.user_id)
    caller = Caller(service, principal, chat)
    caller.spend("calls")
    if scope not in principal.scopes:
        raise Problem(403, "scope_missing", f"this needs the scope {scope}", scope=scope)
    return caller


async def _reader(request: Request) -> Caller:
    return await _caller(request, READ)


async def _writer(request: Request) -> Caller:
    return await _caller(request, WRITE)


async def _admin(request: Request) -> Caller:
    return await _caller(request, ADMIN)


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]
Administrator = Annotated[Caller, Depends(_admin)]

SCOPE_OF: Final[Mapping[Any, str]] = {_reader: READ, _writer: WRITE, _admin: ADMIN}
"""The scope that each of these dependencies asks for."""


def per_address(what: str) -> Any:
    """For routes without a caller: each address may call as often as the rate `what` allows."""

    async def spend(request: Request) -> None:
        service_of(request).meter.spend(what, address_of(request))

    return Depends(spend)


def _links(files: ByteStore | None, secret: bytes | None) -> Links | None:
    if files is None:
        return None
    if secret is None or len(secret) < LEAST_SECRET:
        raise InvalidError("secret", f"must have at least {LEAST_SECRET} bytes to sign links with")
    return Links(secret)
