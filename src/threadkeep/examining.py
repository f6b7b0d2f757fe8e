"""From a URL to what is well and what is not: the composition root of `threadkeep doctor`."""

from __future__ import annotations

import asyncio
import platform
import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Unpack

from threadkeep.connecting import Given, Settings, Target, prepare, settings
from threadkeep.core import health
from threadkeep.core.verdicts import Check, Clock, Direct, Surroundings, judge, unreached
from threadkeep.sql import statements
from threadkeep.sync import step
from threadkeep.values.errors import InvalidError, ThreadkeepError

if TYPE_CHECKING:
    from threadkeep.drivers.limits import Limits
    from threadkeep.drivers.psycopg import PsycopgExecutor
    from threadkeep.drivers.urls import Address

__all__ = ["Check", "Examination", "examine"]

_PACKAGES: Final = ("threadkeep", "psycopg", "asyncpg")
_LOOKS: Final = 5
_PATIENCE = 10.0
"""Seconds for one statement: a doctor does not wait for a lock that somebody holds all day."""
_now = time.time


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. `facts` is all that was seen, as JSON has it; it holds no password.

    `error` is why nothing more could be looked at: then its check is the only one.
    """

    checks: tuple[Check, ...]
    facts: dict[str, Any]
    error: ThreadkeepError | None = None

    @property
    def held(self) -> bool:
        """Whether nothing failed; warnings and notes may be there."""
        return all(check.state != "failure" for check in self.checks)


def examine(url: str | None = None, **given: Unpack[Given]) -> Examination:
    """Look at the database that `connect` would use with these arguments; changes nothing.

    Only the embedded PostgreSQL is started and migrated first, as `connect` does. A database that
    cannot be reached is a finding too. InvalidError names a bad argument.
    """
    try:
        asked = settings(url, **given)
        target = prepare(replace(asked, migrate=False))
    except InvalidError:
        raise
    except ThreadkeepError as error:
        return _stopped(error, str(error))
    try:
        return _examine(asked, target)
    except InvalidError:
        raise
    except ThreadkeepError as error:
        # The blocking driver names no reason where a server was not reached; the other one does.
        return _stopped(error, _trouble_of_async(target.url, asked.limits) or str(error))
    finally:
        target.leave()


def _stopped(error: ThreadkeepError, why: str) -> Examination:
    return Examination((unreached(why),), {}, error)


def _examine(asked: Settings, target: Target) -> Examination:
    with closing(_Look(target.url, asked)) as look:
        seen = step(health.look(look.ex, asked.options))
        around = _surroundings(asked, target, look, seen.server)
    checks = judge(seen, around, asked.options)
    return Examination(checks, asdict(seen) | {"surroundings": asdict(around)})


class _Look:
    """One connection, opened; UnavailableError if that fails."""

    ex: PsycopgExecutor

    def __init__(self, address: Address, asked: Settings) -> None:
        from threadkeep.drivers.psycopg import PsycopgExecutor

        self.ex = PsycopgExecutor.open(address, _one(asked.limits))

    def close(self) -> None:
        step(self.ex.close())


def _one(limits: Limits) -> Limits:
    return replace(
        limits,
        pool_size=1,
        pool_min=1,
        deadline=limits.connect_timeout,
        statement_timeout=_PATIENCE,
    )


def _surroundings(
    asked: Settings, target: Target, look: _Look, server: health.Server
) -> Surroundings:
    lapsed, admin_trouble = _lapsed(asked, target)
    by_url = target.url.looks_pooled or asked.limits.pooler is not None
    return Surroundings(
        url=str(target.url),
        embedded=target.server is not None,
        versions={
            **{name: version(name) for name in _PACKAGES},
            "Python": platform.python_version(),
        },
        pooled_by=("url" if by_url else "session") if look.ex.pooled else None,
        pool_size=asked.limits.pool_size,
        direct=_direct(asked, server),
        clock=_clock(asked, look),
        async_trouble=_trouble_of_async(target.url, asked.limits),
        admin_given=target.admin_url is not target.url,
        admin_trouble=admin_trouble,
        lapsed=lapsed,
    )


def _trouble_of_async(address: Address, limits: Limits) -> str | None:
    try:
        asyncio.run(_connect_async(address, _one(limits)))
    except ThreadkeepError as error:
        return str(error)
    return None


async def _connect_async(address: Address, limits: Limits) -> None:
    from threadkeep.drivers.asyncpg import AsyncpgExecutor

    ex = await AsyncpgExecutor.open(address, limits)
    try:
        await ex.fetch(statements("threadkeep")["server_version"])
    finally:
        await ex.close()


def _direct(asked: Settings, server: health.Server) -> Direct | None:
    if asked.direct_url is None:
        return None
    try:
        with closing(_Look(asked.direct_url, asked)) as look:
            found = step(health.read_server(look.ex, asked.options))
            same = (found.started, found.database) == (server.started, server.database)
            return Direct(bool(look.ex.pooled), same)
    except ThreadkeepError as error:
        return Direct(trouble=str(error))


def _lapsed(asked: Settings, target: Target) -> tuple[int | None, str | None]:
    """How many runs wait to be reaped, or why nobody knows."""
    try:
        with closing(_Look(target.admin_url, asked)) as look:
            return step(health.count_lapsed(look.ex, asked.options)), None
    except ThreadkeepError as error:
        return None, str(error)


def _clock(asked: Settings, look: _Look) -> Clock:
    """The server's clock against ours, by the quickest of a few round trips."""
    found = []
    for _ in range(_LOOKS):
        before = _now()
        at = step(health.read_clock(look.ex, asked.options)).timestamp()
        within = (_now() - before) / 2
        found.append((within, at - before - within))
    within, ahead = min(found)
    return Clock(ahead, within)
