"""Database URLs as people paste them, told to each driver in the words that it understands."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote_to_bytes, urlencode

from threadkeep.drivers.parameters import ASYNCPG, settle
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from ssl import SSLContext

# With the driver that SQLAlchemy puts into the scheme.
_SCHEME = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
# No error of a codec is caught here: it would hold the text, and tracebacks show what is behind.
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKETED = re.compile(r"\[([^\]]+)\](?::(.*))?")
_PORT = 5432
_POOLER_PORTS = (6432, 6543)
_POOLER_NAMES = ("-pooler.", ".pooler.")
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_AT_HOME = ".postgresql/root.crt"
# Where systems keep their roots, for a libpq that was built to look elsewhere.
_ROOTS = (
    *("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"),
    "/etc/ssl/cert.pem",
)


class Host(NamedTuple):
    """One host: a name, an address or the folder of a socket; "" is the driver's own default."""

    name: str
    port: int | None
    """None where the URL names none for any host: PGPORT, else 5432."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is and how to connect to it. Its text never shows a secret.

    Both drivers get the same hosts, user, password and database. With several hosts and no
    `target_session_attrs` they look for the one that takes writes.
    """

    hosts: tuple[Host, ...]
    user: str | None
    database: str | None
    _password: str | None = field(repr=False)
    _parameters: Mapping[str, str] = field(repr=False, hash=False)
    _asks_pooler: bool = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a postgresql:// URL, or a connection string of libpq (`host=... dbname=...`).

        InvalidError says the rule that is broken and never repeats the URL. Nothing is looked up.
        """
        text = _checked(url)
        scheme = _SCHEME.match(text)
        if scheme is None:
            return _of_string(text)
        authority, database, tail = _divide(text[scheme.end() :])
        login, _, netloc = authority.rpartition("@")
        user, _, password = login.partition(":")
        names, ports = _hosts_of(netloc.split(",") if netloc else [], decode=True)
        given = {"user": _decoded(user), "password": _decoded(password)}
        pasted: dict[str, str] = {"dbname": _decoded(database), **given}
        query: list[str] = []
        for item in filter(None, tail.split("&")):
            name, value = (_decoded(part) for part in item.split("=", 1) + [""] * ("=" not in item))
            if name == "host":
                query += value.split(",") if value else []
            else:
                pasted["dbname" if name == "database" else name] = value
        if query:
            # SQLAlchemy repeats `host`, each with its port.
            names, own = _hosts_of(query)
            ports = own if any(own) else ports
        return _made(names, ports, pasted, name_unknown="@" not in tail)

    @property
    def application_name(self) -> str | None:
        """The name that the URL gives to its sessions."""
        return self._parameters.get("application_name")

    @property
    def looks_pooled(self) -> bool:
        """Whether a port, a host's name or `pgbouncer=true` says that a pooler is in front."""
        return self._asks_pooler or any(
            host.port in _POOLER_PORTS or any(part in host.name for part in _POOLER_NAMES)
            for host in self.hosts
        )

    def for_asyncpg(self) -> tuple[str, dict[str, Any]]:
        """The DSN and the arguments for asyncpg's connect and create_pool.

        asyncpg has no channel binding: `channel_binding=require` still demands TLS. `timeout` is
        the `connect_timeout` of all hosts together. InvalidError for what asyncpg cannot keep, and
        for files of keys and certificates that are not there.
        """
        given = self._parameters
        self._check_files()
        for name in given:
            if ASYNCPG[name] == "refused":
                raise InvalidError("url", f"asyncpg, the driver of AsyncStore, has no {name}")
        if given.get("gssencmode") == "require":
            raise InvalidError("url", "asyncpg, the driver of AsyncStore, has no gssencmode")
        found: dict[str, Any] = {
            "user": self.user,
            "password": self._password,
            "database": self.database,
            **self._asyncpg_hosts(),
            **{name: value for name, value in given.items() if ASYNCPG[name] == "argument"},
        }
        settings = {name: value for name, value in given.items() if ASYNCPG[name] == "setting"}
        if "fallback_application_name" in given:
            settings.setdefault("application_name", given["fallback_application_name"])
        found["server_settings"] = settings or None
        if (seconds := int(given.get("connect_timeout", 0))) > 0:
            found["timeout"] = float(seconds * max(1, len(self.hosts)))
        if "sslnegotiation" in given:
            found["direct_tls"] = given["sslnegotiation"] == "direct"
        dsn = "postgresql://"
        if given.get("sslrootcert") == "system":
            found["ssl"] = _trusting_the_system(given)
        else:
            found["ssl"] = given.get("sslmode")
            files = {name: value for name, value in given.items() if ASYNCPG[name] == "url"}
            dsn += f"?{urlencode(files, quote_via=quote_plus)}" if files else ""
        return dsn, {name: value for name, value in found.items() if value is not None}

    def for_psycopg(self) -> str:
        """The connection string for psycopg. InvalidError for files that are not there."""
        self._check_files()
        given = dict(self._parameters)
        if given.get("sslrootcert") == "system":
            # psycopg's wheel brings an OpenSSL that looks for them in a folder of its own.
            given["sslrootcert"] = _system_roots() or "system"
        ports = [host.port for host in self.hosts]
        found = {
            "host": ",".join(host.name for host in self.hosts),
            "port": ",".join(str(port) for port in ports if port is not None),
            "user": self.user,
            "password": self._password,
            "dbname": self.database,
            **given,
        }
        return " ".join(f"{name}={_quoted(value)}" for name, value in found.items() if value)

    def _asyncpg_hosts(self) -> dict[str, Any]:
        names = [host.name for host in self.hosts if host.name]
        ports = [host.port for host in self.hosts if host.port is not None]
        return {"host": names or None, "port": (ports if names else ports[0]) if ports else None}

    def _check_files(self) -> None:
        """The drivers would call a missing file a connection that failed, to be tried again."""
        given, mode = self._parameters, self._parameters.get("sslmode")
        if mode == "disable":
            return
        for name in _FILES:
            value = given.get(name, "system")
            if value != "system" and not os.access(value, os.R_OK):
                raise InvalidError("url", f"the file that {name} names cannot be read")
        implied = (
            given.get("sslrootcert") or given.get("service") or os.environ.get("PGSSLROOTCERT")
        )
        if mode in ("verify-ca", "verify-full") and not implied and not _root_at_home():
            raise InvalidError(
                "url",
                f"sslmode={mode} needs sslrootcert: a file, or `system` for the system's roots",
            )

    def __str__(self) -> str:
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        hosts = ",".join(_shown(host) for host in self.hosts)
        database = f"/{quote(self.database, safe='')}" if self.database else ""
        return f"postgresql://{user}{hosts}{database}"


def _checked(url: str) -> str:
    if not isinstance(url, str) or not url.strip():
        raise InvalidError("url", "must be a postgresql:// URL or a connection string of libpq")
    if _SURROGATE.search(url):
        raise InvalidError("url", "must be valid Unicode")
    if "\0" in url:
        raise InvalidError("url", "must not hold a NUL")
    return url.strip()


def _divide(rest: str) -> tuple[str, str, str]:
    """The authority, the database and the query of what follows the scheme.

    A password may hold `#`, `?` and `@` as they are, as far as that has one meaning.
    """
    head = rest.partition("/")[0]
    before = head.partition("?")[0]
    login = before.rpartition("@") if "@" in before else head.rpartition("@")
    after = rest[len(login[0]) + len(login[1]) :]
    path, _, tail = after.partition("?")
    netloc, _, database = path.partition("/")
    if "@" in database:
        # Else a password with a raw / would be taken for a database's name, and be shown.
        raise InvalidError("url", "a / in a password is %2F, and an @ in a database's name is %40")
    return login[0] + login[1] + netloc, database, tail


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise InvalidError("url", "a % must begin an escape other than %00; % itself is %25")
    decoded = unquote_to_bytes(text).decode(errors="surrogateescape")
    if _SURROGATE.search(decoded):
        raise InvalidError("url", "its escapes must be UTF-8")
    return decoded


def _hosts_of(items: list[str], *, decode: bool = False) -> tuple[list[str], list[str]]:
    """The names and the ports of `host:port,...`; a port is "" where none stands."""
    names: list[str] = []
    ports: list[str] = []
    for item in items:
        bracketed = _BRACKETED.fullmatch(item)
        if bracketed is not None:
            name, port = bracketed[1], bracketed[2] or ""
        elif item.startswith("/") or (not decode and item.count(":") > 1):
            # The folder of a socket, or an IPv6 address as `host=` takes it.
            name, port = item, ""
        else:
            name, _, port = item.partition(":")
        names.append(_decoded(name) if decode else name)
        ports.append(_decoded(port) if decode else port)
    return names, ports


def _of_string(text: str) -> Address:
    """An Address of libpq's `keyword=value` form."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    given: dict[str, str] | None
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(text).items()}
    except ProgrammingError:
        # Its message quotes the text.
        given = None
    if given is None:
        raise InvalidError(
            "url",
            "must be a postgresql:// URL or a connection string with libpq's keywords, host=... "
            "dbname=...",
        )
    names = given.pop("host", "")
    return _made(names.split(",") if names else [], [], given)


def _made(
    names: list[str], ports: list[str], pasted: dict[str, str], *, name_unknown: bool = True
) -> Address:
    user, password, database = (pasted.pop(key, "") for key in ("user", "password", "dbname"))
    if port := pasted.pop("port", ""):
        ports = port.split(",")
    parameters, asks_pooler = settle(pasted, name_unknown=name_unknown)
    if not any(names) and "hostaddr" in parameters:
        names = parameters.pop("hostaddr").split(",")
    hosts = _paired(names, ports)
    if (addresses := parameters.get("hostaddr")) and addresses.count(",") + 1 != len(hosts):
        raise InvalidError("url", "there must be one hostaddr for each host")
    if len(hosts) > 1:
        parameters.setdefault("target_session_attrs", "read-write")
    return Address(
        hosts=hosts,
        user=user or None,
        database=database or None,
        _password=password or None,
        _parameters=parameters,
        _asks_pooler=asks_pooler,
    )


def _paired(names: list[str], ports: list[str]) -> tuple[Host, ...]:
    """Hosts with their ports: one port is for all of them, as libpq has it."""
    if len(names) > 1 and not all(names):
        raise InvalidError("url", "a host of several must not be empty")
    if any("," in name or name.startswith("[") for name in names):
        raise InvalidError("url", "a host must be a name, an address, or an [IPv6 address]")
    if not any(ports):
        return tuple(Host(name, None) for name in names if name)
    names = names or [""]
    ports = ports * len(names) if len(ports) == 1 else ports
    if len(names) != len(ports):
        raise InvalidError("url", "there must be one port, or one for each host")
    return tuple(Host(name, _port(port)) for name, port in zip(names, ports, strict=True))


def _port(text: str) -> int:
    if not text:
        return _PORT
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536):
        raise InvalidError(
            "url",
            "a port must be a number from 1 to 65535; special characters of a user or password "
            "are percent-encoded",
        )
    return int(text)


def _trusting_the_system(given: Mapping[str, str]) -> SSLContext:
    """What asyncpg makes of sslmode=verify-full itself, with the system's roots."""
    import ssl

    context = ssl.create_default_context()
    context.set_alpn_protocols(["postgresql"])
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name, attribute in (
        ("ssl_min_protocol_version", "minimum_version"),
        ("ssl_max_protocol_version", "maximum_version"),
    ):
        if name in given:
            setattr(context, attribute, ssl.TLSVersion[given[name].replace(".", "_")])
    if "sslcert" in given:
        secret = given.get("sslpassword", "")
        context.load_cert_chain(given["sslcert"], given.get("sslkey"), password=lambda: secret)
    if "sslcrl" in given:
        context.load_verify_locations(cafile=given["sslcrl"])
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    return context


def _system_roots() -> str | None:
    from ssl import get_default_verify_paths

    known = (get_default_verify_paths().cafile, *_ROOTS)
    return next((path for path in known if path and os.access(path, os.R_OK)), None)


def _root_at_home() -> bool:
    try:
        return (Path.home() / _AT_HOME).is_file()
    except (RuntimeError, OSError):
        return False


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _shown(host: Host) -> str:
    name = f"[{host.name}]" if ":" in host.name and "/" not in host.name else host.name
    name = quote(name, safe="") if "/" in name else name
    return name if host.port is None else f"{name}:{host.port}"
