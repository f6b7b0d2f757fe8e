"""Database URLs: pasted as the hosting pages show them, they mean the same to both drivers."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import psycopg
import pytest
from asyncpg.connect_utils import _parse_connect_arguments
from hypothesis import given
from hypothesis import strategies as st
from psycopg import conninfo

from threadkeep.drivers.parameters import ASYNCPG
from threadkeep.drivers.urls import Address, Host
from threadkeep.testing.servers import Database
from threadkeep.values.errors import InvalidError

SECRET = "s3cr3t-N0b0dy"  # noqa: S105

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@pytest.fixture(scope="module", autouse=True)
def nothing_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The drivers read PG* and the home folder; these tests are about the URL alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE", "SSLMODE", "SSLROOTCERT"):
            patch.delenv(f"PG{name}", raising=False)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@dataclass(frozen=True)
class Seen:
    """What a driver understands of an address."""

    hosts: list[tuple[str, int]]
    user: str | None
    password: str | None
    database: str | None


def parsed_by_asyncpg(address: Address) -> tuple[list[Any], Any]:
    """What asyncpg itself makes of it: its addresses and its parameters."""
    dsn, arguments = address.for_asyncpg()
    given = {
        name: parameter.default
        for name, parameter in inspect.signature(asyncpg.connect).parameters.items()
        if name not in ("loop", "timeout", "connection_class", "record_class")
    }
    told = {name: value for name, value in arguments.items() if name != "timeout"}
    assert set(told) <= set(given)
    addresses, parameters, _ = _parse_connect_arguments(**{**given, "dsn": dsn, **told})
    return addresses, parameters


def seen_by_asyncpg(address: Address) -> Seen:
    addresses, told = parsed_by_asyncpg(address)
    hosts = []
    for found in addresses:
        if isinstance(found, str):
            folder, _, port = found.rpartition("/.s.PGSQL.")
            hosts.append((folder, int(port)))
        else:
            hosts.append(found)
    return Seen(hosts, told.user, told.password, told.database)


def seen_by_psycopg(address: Address) -> Seen:
    told: dict[str, Any] = dict(conninfo.conninfo_to_dict(address.for_psycopg()))
    names = told["host"].split(",")
    ports = told.get("port", ",".join(["5432"] * len(names))).split(",")
    hosts = [(name, int(port)) for name, port in zip(names, ports, strict=True)]
    return Seen(hosts, told.get("user"), told.get("password"), told.get("dbname"))


def seen(url: str) -> Seen:
    """What both drivers understand, which is the same."""
    address = Address.parse(url)
    by_psycopg = seen_by_psycopg(address)
    assert seen_by_asyncpg(address) == by_psycopg
    return by_psycopg


def told_to_both(url: str) -> None:
    address = Address.parse(url)
    address.for_psycopg()
    address.for_asyncpg()


def refusal(url: str) -> InvalidError:
    """What the parser or a driver's half raises: it and what is behind it hold no secret."""
    with pytest.raises(InvalidError) as refused:
        told_to_both(url)
    assert SECRET not in str(refused.value)
    assert refused.value.__context__ is None
    assert refused.value.field == "url"
    return refused.value


TOKEN = "db.rds.amazonaws.com:5432/?Action=connect&DBUser=app&X-Amz-Sig=a%2Bb"  # noqa: S105
EP = "ep-cool-darkness-a1b2c3d4"
NEON = f"{EP}.us-east-2.aws.neon.tech"
NEON_POOLED = f"{EP}-pooler.us-east-2.aws.neon.tech"
AURORA = "mydb.cluster-abc123.eu-west-1.rds.amazonaws.com"
SOCKET = "/cloudsql/project:region:instance"

PASTED = [
    # The URL, what both drivers see, whether it looks pooled, its sslmode.
    pytest.param(
        f"postgresql://app:{SECRET}@{NEON}/neondb?sslmode=require&channel_binding=require",
        Seen([(NEON, 5432)], "app", SECRET, "neondb"),
        (False, "require"),
        id="neon",
    ),
    pytest.param(
        f"postgresql://app:{SECRET}@{NEON_POOLED}/neondb?sslmode=require&channel_binding=require",
        Seen([(NEON_POOLED, 5432)], "app", SECRET, "neondb"),
        (True, "require"),
        id="neon-pooler",
    ),
    pytest.param(
        f"postgresql://app:{SECRET}@{NEON}/neondb?sslmode=require&options=endpoint%3D{EP}",
        Seen([(NEON, 5432)], "app", SECRET, "neondb"),
        (False, "require"),
        id="neon-without-sni",
    ),
    pytest.param(
        f"postgresql://postgres:{SECRET}@db.abcdefgh.supabase.co:5432/postgres",
        Seen([("db.abcdefgh.supabase.co", 5432)], "postgres", SECRET, "postgres"),
        (False, None),
        id="supabase",
    ),
    pytest.param(
        f"postgresql://postgres.abcdefgh:{SECRET}@aws-0-eu-west-1.pooler.supabase.com:5432/postgres",
        Seen(
            [("aws-0-eu-west-1.pooler.supabase.com", 5432)],
            *("postgres.abcdefgh", SECRET, "postgres"),
        ),
        (True, None),
        id="supabase-session-pooler",
    ),
    pytest.param(
        f"postgres://postgres.abcdefgh:{SECRET}@aws-0-eu-west-1.pooler.supabase.com:6543/postgres"
        "?sslmode=require&supa=base-pooler.x&pgbouncer=true&connection_limit=1",
        Seen(
            [("aws-0-eu-west-1.pooler.supabase.com", 6543)],
            *("postgres.abcdefgh", SECRET, "postgres"),
        ),
        (True, "require"),
        id="supabase-transaction-pooler",
    ),
    pytest.param(
        f"postgres://u:{SECRET}@db.abcdefgh.supabase.co:6543/postgres"
        "?workaround=supabase-pooler.vercel",
        Seen([("db.abcdefgh.supabase.co", 6543)], "u", SECRET, "postgres"),
        (True, None),
        id="supabase-on-vercel",
    ),
    pytest.param(
        f"postgresql://app:{SECRET}@{AURORA}:5432/app?sslmode=require",
        Seen([(AURORA, 5432)], "app", SECRET, "app"),
        (False, "require"),
        id="aurora",
    ),
    pytest.param(
        f"postgresql://app:{quote(TOKEN, safe='')}@{AURORA}:5432/app?sslmode=require",
        Seen([(AURORA, 5432)], "app", TOKEN, "app"),
        (False, "require"),
        id="aurora-iam-token",
    ),
    pytest.param(
        f"postgresql://app:{SECRET}@/app?host={SOCKET}",
        Seen([(SOCKET, 5432)], "app", SECRET, "app"),
        (False, None),
        id="cloud-sql",
    ),
    pytest.param(
        f"postgresql+asyncpg://app:{SECRET}@{quote(SOCKET, safe='')}/app",
        Seen([(SOCKET, 5432)], "app", SECRET, "app"),
        (False, None),
        id="cloud-sql-in-the-authority",
    ),
    pytest.param(
        f"postgresql://app%40server:{SECRET}@server.postgres.database.azure.com:5432/app"
        "?sslmode=require",
        Seen([("server.postgres.database.azure.com", 5432)], "app@server", SECRET, "app"),
        (False, "require"),
        id="azure",
    ),
    pytest.param(
        f"postgresql://app@server:{SECRET}@server.postgres.database.azure.com:6432/app",
        Seen([("server.postgres.database.azure.com", 6432)], "app@server", SECRET, "app"),
        (True, None),
        id="azure-raw-and-pooled",
    ),
    pytest.param(
        f"postgres://abc:{SECRET}@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1",
        Seen([("ec2-1-2-3-4.compute-1.amazonaws.com", 5432)], "abc", SECRET, "d1"),
        (False, None),
        id="heroku",
    ),
    pytest.param(
        f"postgres://application:{SECRET}@p.abcd.db.postgresbridge.com:5432/postgres"
        "?sslmode=require",
        Seen([("p.abcd.db.postgresbridge.com", 5432)], "application", SECRET, "postgres"),
        (False, "require"),
        id="crunchy-bridge",
    ),
    pytest.param(
        f"postgresql://u:{SECRET}@localhost:5432/app?schema=public&connection_limit=5"
        "&pool_timeout=10&sslaccept=accept_invalid_certs",
        Seen([("localhost", 5432)], "u", SECRET, "app"),
        (False, None),
        id="prisma",
    ),
    pytest.param(
        f"postgresql+asyncpg://u:{SECRET}@h/app?ssl=require&prepared_statement_cache_size=0",
        Seen([("h", 5432)], "u", SECRET, "app"),
        (False, "require"),
        id="sqlalchemy",
    ),
    pytest.param(
        f"postgresql+psycopg://u:{SECRET}@/app?host=h1:5433&host=h2",
        Seen([("h1", 5433), ("h2", 5432)], "u", SECRET, "app"),
        (False, None),
        id="sqlalchemy-hosts",
    ),
    pytest.param(
        f"postgres://u:{SECRET}@h/app?sslmode=no-verify&uselibpqcompat=true",
        Seen([("h", 5432)], "u", SECRET, "app"),
        (False, "require"),
        id="node-postgres",
    ),
    pytest.param(
        f"postgresql://h/app?user=u&password={SECRET}&ssl=true&ApplicationName=x",
        Seen([("h", 5432)], "u", SECRET, "app"),
        (False, "require"),
        id="jdbc",
    ),
    pytest.param(
        f"postgresql://u:{SECRET}@h1:5432,h2:5433,[2001:db8::1]:5434,h4/app",
        Seen(
            [("h1", 5432), ("h2", 5433), ("2001:db8::1", 5434), ("h4", 5432)],
            *("u", SECRET, "app"),
        ),
        (False, None),
        id="several-hosts",
    ),
    pytest.param(
        f"postgresql://u:{SECRET}@h1,h2/app?port=6000",
        Seen([("h1", 6000), ("h2", 6000)], "u", SECRET, "app"),
        (False, None),
        id="one-port-for-all",
    ),
    pytest.param(
        f"host=h1,h2 port=1,2 user=u password='{SECRET}' dbname=app sslmode=require",
        Seen([("h1", 1), ("h2", 2)], "u", SECRET, "app"),
        (False, "require"),
        id="connection-string",
    ),
    pytest.param(
        f"  postgresql://u:{SECRET}#?@h/app\n",
        Seen([("h", 5432)], "u", f"{SECRET}#?", "app"),
        (False, None),
        id="raw-characters",
    ),
]


@pytest.mark.parametrize(("url", "expected", "traits"), PASTED)
def test_what_hosting_pages_show_works_as_pasted(
    url: str, expected: Seen, traits: tuple[bool, str | None]
) -> None:
    """Both drivers find the same hosts, user, password and database, and TLS where it is asked.

    [A1]
    """
    pooled, mode = traits
    assert seen(url) == expected
    address = Address.parse(url)
    assert address.looks_pooled is pooled
    assert address.database == expected.database
    assert str(expected.password) not in f"{address} {address!r}"
    told = conninfo.conninfo_to_dict(address.for_psycopg())
    assert told.get("sslmode") == mode
    _, by_asyncpg = parsed_by_asyncpg(address)
    known = {"application_name", "options", None}
    assert set(by_asyncpg.server_settings or ()) <= known
    if mode is not None:
        assert by_asyncpg.sslmode.name == mode


def test_several_hosts_are_searched_for_the_one_that_takes_writes() -> None:
    """With several hosts and no word about it both drivers look for read-write; a word stands."""
    for given_word, expected in (("", "read-write"), ("?target_session_attrs=any", "any")):
        address = Address.parse(f"postgresql://u@h1,h2/app{given_word}")
        assert parsed_by_asyncpg(address)[1].target_session_attrs == expected
        told = conninfo.conninfo_to_dict(address.for_psycopg())
        assert told["target_session_attrs"] == expected
    alone = Address.parse("postgresql://u@h1/app")
    assert parsed_by_asyncpg(alone)[1].target_session_attrs == "any"


def test_certificates_are_found_by_both_drivers(tmp_path: Path) -> None:
    """A root certificate is loaded and the host's name is checked, from a file or the system."""
    bundle = tmp_path / "global-bundle.pem"
    bundle.write_text(ROOT)
    for root in (str(bundle), "system"):
        url = f"postgresql://u:p@{AURORA}/app?sslmode=verify-full&sslrootcert={quote(root)}"
        address = Address.parse(url)
        _, told = parsed_by_asyncpg(address)
        assert told.ssl.check_hostname
        assert told.ssl.verify_mode is ssl.CERT_REQUIRED
        by_psycopg = conninfo.conninfo_to_dict(address.for_psycopg())
        assert by_psycopg["sslmode"] == "verify-full"
        assert root in ("system", by_psycopg["sslrootcert"])
    strict = Address.parse("postgresql://u:p@h/app?sslaccept=strict")
    assert parsed_by_asyncpg(strict)[1].ssl.check_hostname
    assert conninfo.conninfo_to_dict(strict.for_psycopg())["sslmode"] == "verify-full"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_each_sslmode_reaches_both_drivers(mode: str) -> None:
    """An sslmode that needs no certificate is the same word for both."""
    address = Address.parse(f"postgresql://u@h/app?sslmode={mode}")
    assert parsed_by_asyncpg(address)[1].sslmode.name == mode
    assert conninfo.conninfo_to_dict(address.for_psycopg())["sslmode"] == mode


@pytest.mark.parametrize("demand", ["channel_binding=require", "sslnegotiation=direct"])
def test_a_demand_that_implies_tls_never_connects_without_it(demand: str) -> None:
    """Where asyncpg has no channel binding it still insists on TLS; psycopg gets the demand."""
    address = Address.parse(f"postgresql://u@h/app?{demand}")
    assert parsed_by_asyncpg(address)[1].sslmode.name == "require"
    name, _, value = demand.partition("=")
    assert conninfo.conninfo_to_dict(address.for_psycopg())[name] == value


def test_every_parameter_of_libpq_is_decided() -> None:
    """What this libpq knows is told to asyncpg, left out or refused on purpose; never guessed."""
    keywords = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    apart = {"user", "password", "dbname", "host", "port", "sslcompression", "client_encoding"}
    assert keywords - apart - {"replication"} <= set(ASYNCPG)


def test_settings_of_a_session_reach_both_drivers() -> None:
    """The timeout, the name and the options arrive; keepalives are psycopg's alone."""
    url = (
        "postgresql://u@h1,h2/app?connect_timeout=3&application_name=my%20app&keepalives_idle=7"
        "&tcp_user_timeout=3000&load_balance_hosts=random&options=-c%20geqo%3Doff&gssencmode=disable"
    )
    address = Address.parse(url)
    assert address.application_name == "my app"
    _, arguments = address.for_asyncpg()
    assert arguments["timeout"] == 6.0
    expected = {"application_name": "my app", "options": "-c geqo=off"}
    assert parsed_by_asyncpg(address)[1].server_settings == expected
    told = conninfo.conninfo_to_dict(address.for_psycopg())
    assert {name: told[name] for name in expected} == expected
    assert (told["connect_timeout"], told["keepalives_idle"]) == ("3", "7")


@pytest.mark.parametrize(
    ("tail", "named"),
    [
        ("?frobnicate=1", "'frobnicate'"),
        ("?search_path=x", "'search_path'"),
        ("?replication=database", "'replication'"),
        (f"?a={SECRET}@x", "a parameter is not known"),
        (f"?sslmode={SECRET}", "sslmode must be one of"),
        (f"?target_session_attrs={SECRET}", "target_session_attrs must be"),
        (f"?connect_timeout={SECRET}", "connect_timeout must be"),
        ("?sslmode=require&sslrootcert=system", "sslrootcert=system goes with"),
        ("?sslmode=prefer&sslnegotiation=direct", "sslnegotiation=direct needs"),
        ("?sslmode=disable&channel_binding=require", "channel_binding=require contradicts"),
        ("?sslmode=verify-full", "needs sslrootcert"),
        (f"?sslmode=verify-full&sslrootcert=/nowhere/{SECRET}", "sslrootcert names cannot"),
        (f"?sslcert=/nowhere/{SECRET}", "sslcert names cannot"),
        ("?require_auth=scram-sha-256", "has no require_auth"),
        ("?gssencmode=require", "has no gssencmode"),
        ("?port=1,2,3", "one port"),
        ("?hostaddr=1.2.3.4,1.2.3.5", "one hostaddr"),
        ("%zz", "a % must begin"),
        ("%00", "a % must begin"),
        ("%ff", "must be UTF-8"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(tail: str, named: str) -> None:
    """The error says which parameter and which rule, and neither the URL nor the value."""
    assert named in str(refusal(f"postgresql://u:{SECRET}@h/app{tail}"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app",
        f"mysql://u:{SECRET}@h/app",
        f"postgresql://u:{SECRET}/x@h/app",
        f"postgresql://u:1/{SECRET}@h/app",
        f"postgresql://u:1/x?{SECRET}=1@h/app",
        f"postgresql://u:{SECRET}%@h/app",
        f"postgresql://u:{SECRET}@h1,,h2/app",
        f"postgresql://u:{SECRET}@h:0/app",
        f"postgresql://u:{SECRET}@h:99999/app",
        f"postgresql://u:{SECRET}@::1/app",
        f"postgresql://u:{SECRET}@[::1/app",
        f"postgresql://u:{SECRET}\ud800@h/app",
        f"postgresql://u:{SECRET}\0@h/app",
        f"host=h {SECRET}",
        f"host=h frobnicate={SECRET}",
        f"host=h password='{SECRET}",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_being_repeated(url: str) -> None:
    """Whatever is wrong, the error names the field and a rule and holds nothing of the URL."""
    refusal(url)


@pytest.mark.parametrize(
    "url", ["postgresql://", "postgresql:///app", "postgresql://u@/app", "postgresql://:5433/app"]
)
def test_a_url_without_a_host_leaves_it_to_the_driver(url: str) -> None:
    """No host is told, so that PGHOST or the driver's own default counts; a port still is."""
    address = Address.parse(url)
    told = conninfo.conninfo_to_dict(address.for_psycopg())
    assert "host" not in told
    assert "host" not in address.for_asyncpg()[1]
    ports = [int(port)] if (port := told.get("port")) else []
    assert [host.port for host in address.hosts] == ports
    parsed_by_asyncpg(address)


# A NUL and a lone surrogate can stand in no URL; the rest comes through.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True)
folders = st.from_regex(r"(/[A-Za-z0-9_.: -]{1,8}){1,3}", fullmatch=True)
addresses = st.one_of(labels, folders, st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))
hosts_with_ports = st.lists(st.tuples(addresses, st.integers(1, 65535)), min_size=1, max_size=4)


def in_the_authority(name: str) -> str:
    if name.startswith("/"):
        return quote(name, safe="")
    return f"[{name}]" if ":" in name else name


@given(words, words, words, hosts_with_ports)
def test_what_is_put_in_comes_out_of_both_drivers(
    user: str, password: str, database: str, hosts: list[tuple[str, int]]
) -> None:
    """Any user, password, database and hosts, percent-encoded, reach both drivers unchanged."""
    netloc = ",".join(f"{in_the_authority(name)}:{port}" for name, port in hosts)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    url = f"postgresql://{login}@{netloc}/{quote(database, safe='')}"
    assert seen(url) == Seen(hosts, user, password, database)
    assert Address.parse(url).hosts == tuple(Host(*host) for host in hosts)


@given(words, words, words, st.lists(addresses, min_size=1, max_size=4), st.integers(1, 65535))
def test_the_query_may_say_it_all(
    user: str, password: str, database: str, names: list[str], port: int
) -> None:
    """The same by parameters of the query, as libpq, JDBC and SQLAlchemy have it."""
    given_words = {"user": user, "password": password, "dbname": database, "port": str(port)}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given_words.items())
    url = f"postgresql://?host={quote(','.join(names), safe='')}&{query}"
    assert seen(url) == Seen([(name, port) for name in names], user, password, database)


@given(words.map(lambda text: SECRET + text), words)
def test_no_text_of_an_address_shows_its_password(password: str, user: str) -> None:
    """Neither str nor repr nor a refusal holds the password, wherever it was given."""
    encoded = quote(password, safe="")
    urls = (
        f"postgresql://{quote(user, safe='')}:{encoded}@h/app",
        f"postgresql://h?password={encoded}",
    )
    for url in urls:
        address = Address.parse(url)
        assert SECRET not in f"{address} {address!r} {[address]}"
        joined = "&" if "?" in url else "?"
        refusal(f"{url}{joined}frobnicate=1")


PARAMETERS = (
    "sslmode=prefer&channel_binding=prefer&application_name=pasted&options=-c%20geqo%3Doff"
    "&connect_timeout=5&keepalives=1&pgbouncer=false&schema=public"
)
SHOWN = "SELECT current_setting('application_name'), current_setting('geqo'), current_database()"


async def test_a_url_with_parameters_connects(empty_database: Database) -> None:
    """Through each driver such a URL opens a session, in which its settings hold. [A1]"""
    address = Address.parse(f"{empty_database.url}&{PARAMETERS}")
    dsn, arguments = address.for_asyncpg()
    connection = await asyncpg.connect(dsn, **arguments)
    try:
        assert tuple(await connection.fetchrow(SHOWN)) == ("pasted", "off", empty_database.name)
    finally:
        await connection.close()
    with psycopg.connect(address.for_psycopg()) as blocking:
        assert blocking.execute(SHOWN).fetchone() == ("pasted", "off", empty_database.name)


async def test_the_first_of_several_hosts_that_answers_is_used(
    empty_database: Database, tmp_path: Path
) -> None:
    """A host where nobody listens is passed over by both drivers."""
    (real,) = Address.parse(empty_database.url).hosts
    before, _, _ = empty_database.url.partition("?")
    address = Address.parse(f"{before}?host={tmp_path},{real.name}&port={real.port}")
    dsn, arguments = address.for_asyncpg()
    connection = await asyncpg.connect(dsn, **arguments)
    try:
        assert await connection.fetchval("SELECT current_database()") == empty_database.name
    finally:
        await connection.close()
    with psycopg.connect(address.for_psycopg()) as blocking:
        assert blocking.info.dbname == empty_database.name


@pytest.mark.parametrize("demand", ["sslmode=require", "channel_binding=require"])
async def test_a_demand_for_tls_is_not_given_up(demand: str) -> None:
    """A server that has no TLS is not used by either driver, and no password is sent to it."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.readexactly(8))
        writer.write(b"N")
        heard.put_nowait(await reader.read())
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = Address.parse(f"postgresql://u:{SECRET}@127.0.0.1:{port}/app?{demand}")
        dsn, arguments = address.for_asyncpg()
        with pytest.raises(ConnectionError, match="rejected SSL"):
            await asyncpg.connect(dsn, **arguments)
        with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
            await asyncio.to_thread(lambda: psycopg.connect(address.for_psycopg()))
        # The request for TLS, and nothing after it.
        assert [await heard.get() for _ in range(4)] == [SSL_REQUEST, b""] * 2


# The root of a throw-away authority; only its form matters.
ROOT = """\
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUQOhOQ5O6NBSGUXcB2YobBUdGnNIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJdGVzdCByb290MCAXDTI2MTEyMTEzMzg0OVoYDzIxMjYxMDI4
MTMzODQ5WjAUMRIwEAYDVQQDDAl0ZXN0IHJvb3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATfcYDCl2CkHLCOKBHZj9DON7iheWxHhzEOw14VmoS7/Lzet1Cf+IYU
6vsNGslW6xVKKjOuIQOZN2RmxiIrVnuOo1MwUTAdBgNVHQ4EFgQU84ZBCKjopg+n
tDWoCnNyb8OwVpgwHwYDVR0jBBgwFoAU84ZBCKjopg+ntDWoCnNyb8OwVpgwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB7RljDGR8IPfYukAHKtFoq
wnBh5WXGWhNsAE4q3CCwkQIhAK1+iwBVjrtjO2HyqTLES2oKgopJ1rTrRgKQulR4
9CoN
-----END CERTIFICATE-----
"""
