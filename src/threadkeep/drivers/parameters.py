"""The parameters of a database URL: which there are, and how asyncpg is told each of them.

psycopg hands them to libpq, which knows them all and refuses others. asyncpg knows some, and
sends every other one to the server as a setting, which the server then refuses.
"""

from __future__ import annotations

from typing import Final, Literal

from threadkeep.values.errors import InvalidError

Way = Literal["argument", "setting", "url", "own", "without", "refused"]

ASYNCPG: Final[dict[str, Way]] = {
    # Arguments of the same name and meaning.
    **dict.fromkeys(("passfile", "service", "krbsrvname", "gsslib"), "argument"),
    "target_session_attrs": "argument",
    # What libpq sends to the server at the start; Neon takes `endpoint=` in the options.
    **dict.fromkeys(("application_name", "options"), "setting"),
    # asyncpg takes these in its own URL only.
    **dict.fromkeys(("sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl"), "url"),
    **dict.fromkeys(("ssl_min_protocol_version", "ssl_max_protocol_version"), "url"),
    # Told in other words; `channel_binding` comes down to TLS, which asyncpg can demand.
    **dict.fromkeys(("sslmode", "sslnegotiation", "channel_binding", "connect_timeout"), "own"),
    **dict.fromkeys(("fallback_application_name", "gssencmode"), "own"),
    # Only names what to connect to beside `host`; asyncpg looks the name up itself.
    "hostaddr": "without",
    # It tunes, and nothing is promised by it that would be lost without. A pool that looks for a
    # primary gains nothing from hosts in random order.
    **dict.fromkeys(("keepalives", "keepalives_idle", "keepalives_interval"), "without"),
    **dict.fromkeys(("keepalives_count", "tcp_user_timeout", "load_balance_hosts"), "without"),
    **dict.fromkeys(("sslsni", "sslcertmode", "sslkeylogfile", "gssdelegation"), "without"),
    **dict.fromkeys(("min_protocol_version", "max_protocol_version"), "without"),
    # Demands and ways to log in that asyncpg does not have. Without them it would connect to what
    # the user meant to refuse, or not at all.
    **dict.fromkeys(("require_auth", "requirepeer", "sslcrldir"), "refused"),
    **dict.fromkeys(("scram_client_key", "scram_server_key"), "refused"),
    **dict.fromkeys(("oauth_issuer", "oauth_client_id", "oauth_client_secret"), "refused"),
    "oauth_scope": "refused",
}
"""How asyncpg is told each parameter of libpq. psycopg gets them all as they are."""

# Known to libpq, left out for both: one does nothing, the other is always UTF-8 here.
_IDLE = {"sslcompression", "client_encoding"}

# Settings of other tools and of hosting pages. They steer those tools, and mean nothing here.
_FOREIGN = {
    # Prisma; `schema` is where it keeps its own tables.
    *("connection_limit", "pool_timeout", "socket_timeout", "schema", "sslidentity"),
    *("max_connection_lifetime", "max_idle_connection_lifetime", "single_use_connections"),
    # Vercel's and Supabase's pages, node-postgres.
    *("supa", "workaround", "uselibpqcompat"),
    # SQLAlchemy with asyncpg.
    *("prepared_statement_cache_size", "statement_cache_size", "prepared_statement_name_func"),
    *("async_fallback", "command_timeout"),
    # JDBC.
    *("currentSchema", "prepareThreshold", "preparedStatementCacheQueries", "socketTimeout"),
    *("loginTimeout", "tcpKeepAlive", "reWriteBatchedInserts"),
    # pgx.
    *("pool_max_conns", "pool_min_conns", "pool_max_conn_lifetime", "pool_max_conn_idle_time"),
    *("pool_health_check_period", "default_query_exec_mode", "statement_cache_capacity"),
}

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_STRONG = ("require", "verify-ca", "verify-full")
_CHOICES = {
    "sslmode": _MODES,
    "channel_binding": ("disable", "prefer", "require"),
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": _TLS,
    "ssl_max_protocol_version": _TLS,
    "gssencmode": ("disable", "prefer", "require"),
    "load_balance_hosts": ("disable", "random"),
    "target_session_attrs": (
        *("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    ),
}
_NUMBERS = (
    *("connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle"),
    *("keepalives_interval", "keepalives_count"),
)
_YES = {"true", "1", "on", "yes", "t", "y"}
_NO = {"false", "0", "off", "no", "f", "n"}


def settle(pasted: dict[str, str], *, name_unknown: bool = True) -> tuple[dict[str, str], bool]:
    """What was pasted in libpq's words, and whether it says that there is a pooler.

    InvalidError names a parameter that is unknown, unless its name may be a piece of something
    secret, or whose value is wrong. An empty value counts as none, as it does for libpq.
    """
    given = {name: value for name, value in pasted.items() if value}
    pooled = given.pop("pgbouncer", "").lower() in _YES
    aliased = _aliases(given)
    settled: dict[str, str] = {}
    for name, value in aliased.items():
        if name in ASYNCPG:
            _check(name, value)
            settled[name] = value
        elif name not in _FOREIGN | _IDLE:
            named = f"the parameter {name!r}" if name_unknown else "a parameter"
            raise InvalidError(
                "url",
                f"{named} is not known; a setting of the server goes into "
                "options=-c%20name%3Dvalue, and special characters are percent-encoded",
            )
    _secure(settled)
    return settled, pooled


def _aliases(given: dict[str, str]) -> dict[str, str]:
    """The words of other tools in libpq's. What stands there in libpq's own words wins."""
    ssl, accept = given.pop("ssl", ""), given.pop("sslaccept", "")
    if (name := given.pop("ApplicationName", "")) and "application_name" not in given:
        given["application_name"] = name
    if ssl and "sslmode" not in given:
        lower = ssl.lower()
        given["sslmode"] = "require" if lower in _YES else "disable" if lower in _NO else ssl
    if given.get("sslmode") == "no-verify":
        given["sslmode"] = "require"
    if accept == "strict":
        # Prisma checks the certificate then, against the system's roots.
        if given.get("sslmode") not in ("verify-ca", "verify-full"):
            given["sslmode"] = "verify-full"
        given.setdefault("sslrootcert", "system")
    return given


def _check(name: str, value: str) -> None:
    choices = _CHOICES.get(name)
    if choices is not None and value not in choices:
        raise InvalidError("url", f"{name} must be one of: {', '.join(choices)}")
    digits = value.removeprefix("-")
    if name in _NUMBERS and not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise InvalidError("url", f"{name} must be a whole number")


def _secure(settled: dict[str, str]) -> None:
    """Settle on one sslmode where other parameters demand TLS, as libpq does."""
    mode = settled.get("sslmode")
    if settled.get("sslrootcert") == "system":
        if mode not in (None, "verify-full"):
            raise InvalidError("url", "sslrootcert=system goes with sslmode=verify-full only")
        settled["sslmode"] = mode = "verify-full"
    if settled.get("sslnegotiation") == "direct":
        if mode not in (None, *_STRONG):
            raise InvalidError("url", "sslnegotiation=direct needs sslmode=require or stronger")
        settled["sslmode"] = mode = mode or "require"
    if settled.get("channel_binding") == "require":
        if mode == "disable":
            raise InvalidError("url", "channel_binding=require contradicts sslmode=disable")
        if mode not in _STRONG:
            settled["sslmode"] = "require"
