"""Verdicts on a database's health: what is well, and what to do about what is not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from threadkeep.core.health import MOST_LAPSED, OLDEST_SERVER, Health, Isolation, Role, Server

if TYPE_CHECKING:
    from threadkeep.core.schema import Options

NEWEST_SERVER = 18
SKEW = 1.0
"""Seconds that two clocks may differ: leases run by the server's, `created_at` may be the client's.
"""

# By what our errors say; the first that fits.
_REASONS = {
    "ConnectionRefusedError": "nothing listens there: is the server up, are host and port right?",
    "FileNotFoundError": "there is no such socket: is the server up, is its folder right?",
    "gaierror": "no host has this name",
    "TimeoutError": "nothing answers: is the host right, does a firewall stand between?",
    "SQLSTATE 28": "the server refuses the role: see its name, its password and pg_hba.conf",
    "SQLSTATE 3D": "the server has no such database",
    "SQLSTATE 53300": "all connections are taken: see max_connections and pool_size",
    "SQLSTATE 57P03": "the server is starting or stopping: ask again",
    "SQLSTATE 57014": "that took too long: does somebody hold a lock on the tables?",
    "SQLSTATE 55P03": "somebody holds a lock on the tables: ask again",
}

State = Literal["ok", "note", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `advice` is what to do, where there is something to do."""

    name: str
    state: State
    seen: str
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """By how many seconds the server's clock is ahead, give or take `within`."""

    ahead: float
    within: float


@dataclass(frozen=True, slots=True)
class Direct:
    """Where `direct_url` leads; `trouble` is why it leads nowhere."""

    pooled: bool = False
    same_server: bool = True
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What only the side of the client knows.

    `url` shows no password. `pooled_by` says how a pooler was found: "url" or "session"; None
    where there is none. `async_trouble` is why the driver of AsyncStore does not connect, and
    `admin_trouble` why nobody could count `lapsed` runs.
    """

    url: str
    embedded: bool
    versions: dict[str, str]
    pooled_by: Literal["url", "session"] | None
    pool_size: int
    direct: Direct | None = None
    clock: Clock | None = None
    async_trouble: str | None = None
    admin_given: bool = False
    admin_trouble: str | None = None
    lapsed: int | None = None


def judge(health: Health, around: Surroundings, options: Options) -> tuple[Check, ...]:
    """All checks, in the order in which one reads them."""
    return tuple(_checks(health, around, options))


def unreached(why: str) -> Check:
    """The check of a database that could not be looked at."""
    return _failure("connection", why)


def _failure(name: str, why: str) -> Check:
    """A failure by what one of our errors says."""
    advice = next((advice for mark, advice in _REASONS.items() if mark in why), None)
    seen, marked, command = why.partition("; run: ")
    return Check(name, "failure", seen, f"run: {command}" if marked else advice)


def _checks(health: Health, around: Surroundings, options: Options) -> Iterator[Check]:
    server = health.server
    yield _connection(around)
    yield _versions(server, around)
    yield _role(health.role, options)
    yield _tables(health)
    if health.trouble is None:
        yield _drift(health)
        yield _isolation(health, options)
    yield _pooler(around)
    yield _place(server)
    yield _encoding(server)
    yield _durability(server, embedded=around.embedded)
    yield _tls(server, pooled=around.pooled_by is not None)
    if around.clock is not None:
        yield _clock(around.clock)
    yield _room(server, around)
    yield _extensions(health)
    if health.trouble is None:
        yield _lapsed(around)


def _connection(around: Surroundings) -> Check:
    where = "the embedded PostgreSQL" if around.embedded else around.url
    if around.async_trouble is not None:
        return Check(
            "connection",
            "warning",
            f"{where}, but only with the blocking driver: {around.async_trouble}",
            "AsyncStore cannot be used with this URL as it is",
        )
    return Check("connection", "ok", f"{where}, with both drivers")


def _versions(server: Server, around: Surroundings) -> Check:
    ours = ", ".join(f"{name} {version}" for name, version in around.versions.items())
    seen = f"PostgreSQL {server.version.partition(' ')[0]}; {ours}"
    supported = f"{OLDEST_SERVER} to {NEWEST_SERVER}"
    if server.version_num < OLDEST_SERVER * 10_000:
        return Check("versions", "failure", seen, f"use PostgreSQL {supported}")
    if server.version_num >= (NEWEST_SERVER + 1) * 10_000:
        advice = f"threadkeep was tested with PostgreSQL {supported}"
        return Check("versions", "warning", seen, advice)
    return Check("versions", "ok", seen)


def _role(role: Role, options: Options) -> Check:
    advice = f"connect as a role that is a member of {options.app_role} and nothing more"
    state: State = "failure" if options.rls else "note"
    if role.superuser or role.bypasses_rls:
        what = "is a superuser" if role.superuser else "has BYPASSRLS"
        seen = f"{role.name} {what}, so row-level security does not bind it"
        return Check("role", state, seen, advice)
    if role.is_admin:
        seen = f"{role.name} has the rights of {options.admin_role}, who sees the rows of all"
        return Check("role", state, seen, advice)
    if role.owns_tables:
        seen = f"{role.name} owns the tables; row-level security binds it all the same"
        return Check("role", "note", seen)
    if role.is_app:
        return Check("role", "ok", f"{role.name}, with the rights of {options.app_role}")
    if not role.app_exists:
        seen = f"{role.name}; there is no role {options.app_role}"
        return Check("role", "note", seen, "`threadkeep migrate up` makes it, or says who must")
    return Check("role", "note", f"{role.name}, without the rights of {options.app_role}")


def _tables(health: Health) -> Check:
    if health.trouble is None:
        return Check("tables", "ok", "migrated to this version")
    return _failure("tables", health.trouble)


def _drift(health: Health) -> Check:
    drift = health.drift
    if drift is None:
        seen = f"could not be compared: {health.drift_trouble}"
        advice = "ask again, or run: threadkeep migrate verify"
        return Check("schema", "failure", seen, advice)
    if not drift:
        return Check("schema", "ok", "as this version made it")
    named = ", ".join(f"{finding.kind} {finding.object}" for finding in drift[:3])
    more = f" and {len(drift) - 3} more" if len(drift) > 3 else ""
    advice = "run: threadkeep migrate verify"
    return Check("schema", "failure", f"it differs: {named}{more}", advice)


def _isolation(health: Health, options: Options) -> Check:
    found = health.isolation
    if found is None:
        seen = "--no-rls: only the statements keep owners apart"
        return Check("isolation", "note", seen)
    leaks = _leaks(found)
    if leaks:
        role = health.role
        free = role.superuser or role.bypasses_rls or role.is_admin
        advice = f"connect as a member of {options.app_role}"
        if not free:
            advice = "run: threadkeep migrate verify; until it is mended, trust no boundary"
        return Check("isolation", "failure", "; ".join(leaks), advice)
    if found.trouble is not None:
        advice = f"ask again, as a member of {options.app_role}"
        return Check("isolation", "failure", f"could not be tried: {found.trouble}", advice)
    if found.how == "rows":
        seen = "tried with rows, rolled back: nobody reads or writes those of another owner"
        return Check("isolation", "ok", seen)
    if found.proved:
        return Check("isolation", "ok", "without an owner, and as a new one, no row is seen")
    seen = "only read, and not every table holds a row: that proves little"
    return Check("isolation", "note", seen, "ask again on the primary, or as the app's role")


def _leaks(found: Isolation) -> list[str]:
    named = {
        "rows of another owner are seen": found.seen,
        "rows of another owner are written": found.written,
        "an owner's own rows are not seen": found.unseen,
    }
    return [f"{what} in {', '.join(tables)}" for what, tables in named.items() if tables]


def _pooler(around: Surroundings) -> Check:
    direct = around.direct
    if direct is not None and (wrong := _misdirected(direct)) is not None:
        return Check("pooler", "warning", wrong, "correct THREADKEEP_DIRECT_URL")
    past = "" if direct is None else "; the direct URL leads to the server itself"
    if around.pooled_by is None:
        return Check("pooler", "ok", f"none: sessions are our own{past}")
    how = "by the URL" if around.pooled_by == "url" else "another session than ours answers"
    seen = f"one lends sessions by the transaction ({how}){past}"
    if direct is None:
        return Check("pooler", "note", seen, "THREADKEEP_DIRECT_URL leads migrations past it")
    return Check("pooler", "ok", seen)


def _misdirected(direct: Direct) -> str | None:
    if direct.trouble is not None:
        return f"the direct URL does not connect: {direct.trouble}"
    if direct.pooled:
        return "the direct URL leads to a pooler"
    return None if direct.same_server else "the direct URL leads to another database or server"


def _place(server: Server) -> Check:
    if server.standby:
        seen, advice = "a standby, which takes no writes", "connect to the primary"
        return Check("primary", "failure", seen, f"{advice}, or name all hosts in the URL")
    if server.read_only:
        advice = "see default_transaction_read_only of the role and the database"
        return Check("primary", "failure", "sessions are read-only here", advice)
    return Check("primary", "ok", "takes writes")


def _encoding(server: Server) -> Check:
    if server.encoding == "UTF8":
        return Check("encoding", "ok", "UTF8")
    advice = "make a database with ENCODING 'UTF8'"
    return Check("encoding", "failure", f"{server.encoding} cannot hold all text", advice)


def _durability(server: Server, *, embedded: bool) -> Check:
    settings = {
        "fsync": server.fsync,
        "full_page_writes": server.full_page_writes,
        "synchronous_commit": server.synchronous_commit != "off",
    }
    off = [name for name, on in settings.items() if not on]
    if off:
        seen = f"{', '.join(off)} off: a crash may take what was acknowledged"
        return Check("durability", "warning", seen, "switch on what is off")
    standbys, level = server.synchronous_standby_names, server.synchronous_commit
    if standbys and level == "local":
        seen = "synchronous_commit is local: no commit waits for the synchronous standby"
        return Check("durability", "warning", seen, "set synchronous_commit to on")
    if standbys:
        return Check("durability", "ok", f"{level}, with synchronous standbys: {standbys}")
    if embedded:
        return Check("durability", "ok", "what is acknowledged is on disk")
    seen = "what is acknowledged is on disk; no standby is synchronous, so a failover may lose it"
    return Check("durability", "note", seen)


def _tls(server: Server, *, pooled: bool) -> Check:
    if pooled:
        said = server.tls or "no TLS"
        return Check("tls", "note", f"from the pooler to the server: {said}; up to it: not known")
    if server.tls is not None:
        return Check("tls", "ok", server.tls)
    if server.client is None:
        return Check("tls", "ok", "not needed on a local socket")
    if server.client == "::1" or server.client.startswith("127."):
        return Check("tls", "ok", "not needed on this machine")
    return Check("tls", "warning", "the connection is not encrypted", "add sslmode=require")


def _clock(clock: Clock) -> Check:
    apart = f"{abs(clock.ahead):.3f} s {'ahead of' if clock.ahead >= 0 else 'behind'} ours"
    seen = f"the server's is {apart}, give or take {clock.within:.3f}"
    if abs(clock.ahead) - clock.within <= SKEW:
        return Check("clock", "ok", seen)
    return Check("clock", "warning", seen, "let both machines keep time by NTP")


def _room(server: Server, around: Surroundings) -> Check:
    room = server.room if server.limit is None else min(server.room, server.limit)
    size = around.pool_size
    if around.pooled_by is not None:
        seen = f"{room} on the server, shared out by the pooler"
        return Check("connections", "ok", seen)
    seen = f"{room} on the server; a store takes up to {size} (pool_size)"
    if size > room:
        return Check("connections", "warning", seen, "give a smaller pool_size, or more room")
    return Check("connections", "ok", seen)


def _extensions(health: Health) -> Check:
    def told(name: str, installed: str | None, available: str | None) -> str:
        if installed is not None:
            return f"{name} {installed}"
        return f"{name} not installed" if available is not None else f"{name} not there"

    seen = ", ".join(told(e.name, e.installed, e.available) for e in health.extensions)
    return Check("extensions", "note", seen)


def _lapsed(around: Surroundings) -> Check:
    if around.lapsed is None:
        if around.admin_given:
            seen = f"the admin URL does not serve: {around.admin_trouble}"
            return Check("runs", "warning", seen, "correct THREADKEEP_ADMIN_URL")
        return Check("runs", "note", "interrupted runs are not counted: that needs the admin role")
    if around.lapsed == 0:
        return Check("runs", "ok", "no interrupted run waits to be written down")
    count = f"{around.lapsed}{' or more' if around.lapsed == MOST_LAPSED else ''}"
    seen = f"{count} interrupted and not written down; reads show them as interrupted anyway"
    return Check("runs", "note", seen, "`threadkeep reap` writes them down")
