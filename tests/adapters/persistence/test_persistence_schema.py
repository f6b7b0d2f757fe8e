"""validate_schema says all that is wrong with an app's tables, and what would mend it."""

from __future__ import annotations

import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hosts import HOSTS, ODD, SEED, SEED_DDL, Host, asyncpg_pool, run
from sqlalchemy import create_engine

from threadkeep.adapters.persistence import (
    ChatMessage,
    PostgresPersistence,
    TablesMismatchError,
    persistence_ddl,
    sqlalchemy_model,
)
from threadkeep.testing.servers import Database
from threadkeep.values.errors import InvalidError, SchemaMismatchError
from threadkeep.values.ports import Executor, Row, Statement

BOTH = pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
M, S = "chat_messages", "chat_sessions"


@asynccontextmanager
async def adapter(
    database: Database, host: Host = SEED, **more: Any
) -> AsyncIterator[PostgresPersistence]:
    """An adapter over an app's tables, as the app's role."""
    async with asyncpg_pool(database.url) as pool:
        yield host.adapter(pool, **more)


async def problems(database: Database, host: Host = SEED, **more: Any) -> TablesMismatchError:
    """What is wrong."""
    async with adapter(database, host, **more) as made:
        with pytest.raises(TablesMismatchError) as refused:
            await made.validate_schema()
        return refused.value


async def mended(database: Database, found: TablesMismatchError, host: Host = SEED) -> None:
    """Run the SQL of an error, and see that nothing is wrong any more."""
    run(database, found.ddl)
    async with adapter(database, host) as made:
        await made.validate_schema()
        await made.append_message("t", ChatMessage("m", "user", [{"n": 1}]))
        await made.save_session("s", thread_id="t", sdk_version="1", state={}, metadata={})
        assert await made.archive_session("s") is True
        assert await made.count_messages("t") == 1


@BOTH
@pytest.mark.parametrize("name", HOSTS)
async def test_tables_as_they_are_printed_are_right(empty_database: Database, name: str) -> None:
    """The seed's DDL, and what is printed for any names, validates as it is. [A11 A12 A13]"""
    host = HOSTS[name]
    run(empty_database, host.sql())
    for user in (None, "ann"):
        async with adapter(empty_database, host, user=user) as made:
            assert (await made.validate_schema()).notes == ()


@BOTH
async def test_everything_is_reported_at_once(empty_database: Database) -> None:
    """A table that is not there, columns, types, NULLs, keys and privileges, in one error. [A12]"""
    run(
        empty_database,
        f"""{SEED_DDL}
        ALTER TABLE {M} DROP COLUMN role, ALTER parts_json TYPE text USING parts_json::text,
          ALTER created_at TYPE timestamp, ALTER session_id SET NOT NULL,
          DROP CONSTRAINT {M}_pkey, ALTER message_id DROP NOT NULL, ADD odd int NOT NULL;
        DROP TABLE {S};
        GRANT INSERT ON {M} TO threadkeep_app;
        """,
    )
    found = await problems(empty_database)
    assert {(p.table, p.column, p.rule) for p in found.problems} == {
        (f'"{M}"', "role", "is missing"),
        (f'"{M}"', "created_at", "is timestamp without time zone and must be timestamptz"),
        (f'"{M}"', "session_id", "must take NULL"),
        (f'"{M}"', "message_id", "must be NOT NULL"),
        (f'"{M}"', "odd", "is not written here: must take NULL or have a default"),
        (
            f'"{M}"',
            None,
            'has no unique key on exactly ("thread_id", "message_id") that ON CONFLICT can use',
        ),
        (f'"{M}"', None, "may not be used by the role: it lacks SELECT"),
        (f'"{S}"', None, "is missing"),
    }
    assert isinstance(found, SchemaMismatchError)
    for problem in found.problems:
        assert str(problem) in str(found)
    await mended(empty_database, found)


SPOILT = {
    "column": (f"ALTER TABLE {M} DROP COLUMN user_id", "user_id", "is missing"),
    "state": (f"ALTER TABLE {S} DROP COLUMN state_json", "state_json", "is missing"),
    "number": (
        (
            f"ALTER TABLE {M} DROP CONSTRAINT {M}_pkey, ALTER thread_id TYPE int USING 1, "
            "ADD PRIMARY KEY (thread_id, message_id)"
        ),
        "thread_id",
        "is integer and must be text",
    ),
    "padded": (f"ALTER TABLE {S} ALTER sdk_version TYPE char(9)", "sdk_version", "is character"),
    "enum": (
        f"CREATE TYPE role AS ENUM ('user'); ALTER TABLE {M} ALTER role TYPE role USING 'user'",
        "role",
        "is role and must be text",
    ),
    "array": (
        f"ALTER TABLE {M} ALTER parts_json TYPE text[] USING '{{}}'",
        "parts_json",
        "is text[] and must be jsonb, json or text",
    ),
    "naive": (f"ALTER TABLE {S} ALTER updated_at TYPE timestamp", "updated_at", "is timestamp"),
    "coarse": (f"ALTER TABLE {M} ALTER created_at TYPE timestamptz(3)", "created_at", "must keep"),
    "nullable": (f"ALTER TABLE {M} ALTER role DROP NOT NULL", "role", "must be NOT NULL"),
    "strict": (f"ALTER TABLE {S} ALTER archived_at SET NOT NULL", "archived_at", "must take NULL"),
    "extra": (f"ALTER TABLE {S} ADD tenant text NOT NULL", "tenant", "is not written here"),
    "no key": (f"ALTER TABLE {S} DROP CONSTRAINT {S}_pkey", None, "has no unique key"),
    "partial": (
        (
            f"ALTER TABLE {S} DROP CONSTRAINT {S}_pkey; "
            f"CREATE UNIQUE INDEX ON {S} (session_id) WHERE archived_at IS NULL"
        ),
        None,
        "has no unique key",
    ),
    "deferrable": (f"ALTER TABLE {S} ADD UNIQUE (session_id) DEFERRABLE", None, "a deferrable key"),
    "wider": (
        f"ALTER TABLE {M} DROP CONSTRAINT {M}_pkey, ADD PRIMARY KEY (thread_id, message_id, role)",
        None,
        "has no unique key",
    ),
    "select": (f"REVOKE SELECT ON {M} FROM threadkeep_app", None, "it lacks SELECT"),
    "insert": (f"REVOKE INSERT ON {S} FROM threadkeep_app", None, "it lacks INSERT"),
    "update": (
        (
            f"REVOKE UPDATE ON {S} FROM threadkeep_app; "
            "GRANT UPDATE (archived_at, updated_at, sdk_version, state_json) "
            f"ON {S} TO threadkeep_app"
        ),
        "metadata_json",
        "it lacks UPDATE",
    ),
}


@BOTH
@pytest.mark.parametrize("name", SPOILT)
async def test_what_is_wrong_is_named_and_mended(empty_database: Database, name: str) -> None:
    """Each fault is one problem with its column, and its SQL mends it. [A12 seed 002 defect 7]"""
    spoil, column, rule = SPOILT[name]
    run(empty_database, f"{SEED.sql()}; {spoil}")
    found = await problems(empty_database)
    assert [(p.column, rule in p.rule) for p in found.problems if p.column != "session_id"] == [
        (column, True)
    ]
    # The alternative of a key that is gone is nullable too.
    assert {p.column for p in found.problems} <= {column, "session_id"}
    await mended(empty_database, found)


@BOTH
async def test_a_table_of_another_schema_does_not_count(empty_database: Database) -> None:
    """A name is resolved by the search path or its own schema. [A12 seed 002 defect 6]"""
    run(
        empty_database,
        f"""CREATE SCHEMA other; SET search_path = other; {SEED_DDL}
        GRANT USAGE ON SCHEMA other TO threadkeep_app;
        GRANT ALL ON ALL TABLES IN SCHEMA other TO threadkeep_app;
        CREATE TABLE public.chat_sessions (session_id text PRIMARY KEY)""",
    )
    found = await problems(empty_database)
    assert (f'"{M}"', None, "is missing") in {(p.table, p.column, p.rule) for p in found.problems}
    named = Host(tables={"messages": f"other.{M}", "sessions": ("other", S)})
    async with adapter(empty_database, named) as made:
        await made.validate_schema()
    async with asyncpg.create_pool(
        empty_database.url, max_size=1, min_size=1, server_settings={"search_path": "other, public"}
    ) as pool:
        await PostgresPersistence(pool).validate_schema()


@BOTH
async def test_a_schema_that_may_not_be_entered_is_named(empty_database: Database) -> None:
    """Without USAGE the table is found all the same, and the grant is the cure. [A12]"""
    run(empty_database, f"{ODD.sql()}; REVOKE USAGE ON SCHEMA app FROM threadkeep_app")
    found = await problems(empty_database, ODD)
    rules = {(p.column, p.rule) for p in found.problems}
    assert rules == {(None, "is in a schema that the role may not use")}
    await mended(empty_database, found, ODD)
    run(empty_database, "DROP SCHEMA app CASCADE")
    absent = await problems(empty_database, ODD)
    assert [p.rule for p in absent.problems] == ["is missing", "is missing"]
    run(empty_database, absent.ddl)
    async with adapter(empty_database, ODD) as made:
        await made.validate_schema()


@BOTH
async def test_what_postgres_makes_equal_is_equal(empty_database: Database) -> None:
    """Domains, varchar, text for JSON, a plain unique index, partitions, extra columns. [A11]"""
    run(
        empty_database,
        f"""CREATE DOMAIN id AS text CHECK (length(VALUE) < 600);
        CREATE DOMAIN ids AS id;
        CREATE TABLE {M} (thread_id ids NOT NULL, message_id varchar(512) NOT NULL, session_id id,
          user_id text, role varchar NOT NULL, created_at timestamptz(6) NOT NULL,
          parts_json text NOT NULL, n bigserial NOT NULL, "Own" text,
          tenant text NOT NULL DEFAULT 'x', g int GENERATED ALWAYS AS (1) STORED NOT NULL)
          PARTITION BY HASH (thread_id);
        CREATE TABLE m0 PARTITION OF {M} FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE m1 PARTITION OF {M} FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE UNIQUE INDEX ON {M} (message_id, thread_id) INCLUDE (role);
        CREATE TABLE sessions (session_id text UNIQUE NOT NULL, thread_id text NOT NULL,
          sdk_version text NOT NULL, state_json json, metadata_json text,
          created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
          archived_at timestamptz, secret text);
        CREATE VIEW {S} AS SELECT session_id, thread_id, sdk_version, state_json, metadata_json,
          created_at, updated_at, archived_at FROM sessions;
        GRANT SELECT, INSERT ON {M} TO threadkeep_app;
        GRANT SELECT, INSERT, UPDATE ON {S} TO threadkeep_app;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO threadkeep_app""",
    )
    async with adapter(empty_database) as made:
        notes = (await made.validate_schema()).notes
        assert notes == (f'"{S}" is a view: its keys and what may be NULL were not looked at',)
        await made.append_message("t", ChatMessage("m", "user", [{"b": 1, "a": 2}]))
        await made.save_session("s", thread_id="t", sdk_version="1", state={"z": 1, "a": 2})
        assert await made.archive_session("s") is True
        loaded = await made.load_session("s")
        assert loaded is not None
        assert loaded.state_json == '{"z":1,"a":2}'
        [message] = await made.list_messages("t")
        assert message.parts_json == '[{"b":1,"a":2}]'


@BOTH
async def test_what_is_no_table_is_named(empty_database: Database) -> None:
    """A view that cannot be written to and a materialized one are not taken for tables. [A12]"""
    run(
        empty_database,
        f"""{SEED_DDL} ALTER TABLE {M} RENAME TO kept; ALTER TABLE {S} RENAME TO kept_too;
        CREATE VIEW {M} AS SELECT DISTINCT * FROM kept;
        CREATE MATERIALIZED VIEW {S} AS SELECT * FROM kept_too;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO threadkeep_app""",
    )
    found = await problems(empty_database)
    assert [(p.table, p.rule, p.ddl) for p in found.problems] == [
        (f'"{M}"', "is a view that cannot be written to", None),
        (f'"{S}"', "is not a table", None),
    ]


@BOTH
async def test_what_is_worth_to_know_is_a_note(empty_database: Database) -> None:
    """Row-level security, foreign keys and narrower keys are the app's business. [A12]"""
    run(
        empty_database,
        f"""{SEED.sql()}; ALTER TABLE {M} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {M} ADD CONSTRAINT said FOREIGN KEY (session_id) REFERENCES {S};
        CREATE UNIQUE INDEX ON {M} (message_id)""",
    )
    async with adapter(empty_database) as made:
        notes = (await made.validate_schema()).notes
    assert len(notes) == 3
    assert "row-level security" in notes[0]
    assert "foreign key said" in notes[1]
    assert "another unique key" in notes[2]


@BOTH
async def test_a_column_for_the_order_must_be_ours_to_write(empty_database: Database) -> None:
    """`seq` is written here: a column that the server counts itself will not do. [A12]"""
    columns = {"messages": {"seq": "n"}}
    run(empty_database, f"{SEED.sql()}; ALTER TABLE {M} ADD n bigint GENERATED ALWAYS AS IDENTITY")
    found = await problems(empty_database, Host(columns=columns))
    assert [(p.column, p.rule) for p in found.problems] == [
        ("n", "is generated by the server and cannot be written")
    ]
    run(
        empty_database,
        f"""ALTER TABLE {M} DROP n, ADD n bigint NOT NULL,
        ALTER created_at TYPE timestamptz(3)""",
    )
    async with adapter(empty_database, Host(columns=columns)) as made:
        await made.validate_schema()


async def test_a_user_needs_a_column_of_sessions(empty_database: Database) -> None:
    """On the seed's tables as they are, a bound adapter says what is missing. [F10]"""
    run(empty_database, Host(ddl=SEED_DDL).sql())
    found = await problems(empty_database, user="ann")
    assert [(p.column, p.rule) for p in found.problems] == [("user_id", "is missing")]
    async with adapter(empty_database, user="ann") as made:
        with pytest.raises(TablesMismatchError):
            await made.append_message("t", ChatMessage("m", "user", []))
    await mended(empty_database, found)


async def test_it_is_one_round_trip(empty_database: Database) -> None:
    """The look at both tables is one statement. [A12]"""
    run(empty_database, SEED.sql())

    class Counted:
        def __init__(self, ex: Executor) -> None:
            self.ex, self.said = ex, list[str]()

        async def fetch(self, statement: Statement, *args: object) -> Any:
            self.said.append(statement.name)
            rows: list[Row] = list(await self.ex.fetch(statement, *args))
            return rows

        def __getattr__(self, name: str) -> Any:
            return getattr(self.ex, name)

    async with adapter(empty_database) as made:
        counted: Any = Counted(made._ex)
        made._ex = counted
        await made.validate_schema()
        assert counted.said == ["persistence.look"]
        await made.list_messages("t")
        await made.count_messages("t")
        assert counted.said[1:] == ["persistence.list", "persistence.count"]


async def test_calls_on_tables_that_are_gone_say_so(empty_database: Database) -> None:
    """Without validate_schema a missing table or privilege is an error that names it."""
    async with adapter(empty_database) as made:
        for call in (
            lambda: made.append_message("t", ChatMessage("m", "user", [])),
            lambda: made.list_messages("t"),
            lambda: made.load_session("s"),
        ):
            with pytest.raises(TablesMismatchError):
                await call()


@BOTH
@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("payload", ["jsonb", "json"])
async def test_the_model_makes_the_same_tables(
    empty_database: Database, tmp_path: Path, name: str, payload: Any
) -> None:
    """SQLAlchemy's create_all over the printed model makes tables that validate. [A10 A13]"""
    host = HOSTS[name]
    source = sqlalchemy_model(**host.names, payload=payload, per_user=True)
    (tmp_path / "model.py").write_text(source, "utf-8")
    made = runpy.run_path(str(tmp_path / "model.py"))
    run(empty_database, "CREATE SCHEMA app")
    engine = create_engine(
        empty_database.superuser_url.replace("postgresql:", "postgresql+psycopg:")
    )
    made["Base"].metadata.create_all(engine)
    engine.dispose()
    async with asyncpg_pool(empty_database.superuser_url) as pool:
        for user in (None, "ann"):
            await host.adapter(pool, user=user).validate_schema()
            adapter_ = host.adapter(pool, user=user)
            await adapter_.append_message(f"t{user}", ChatMessage("m", "user", [1]))


def test_bad_names_are_refused() -> None:
    """Names of no table, unknown keys and double use never reach SQL. [A10 seed 002 defect 8]"""
    bad: list[dict[str, Any]] = [
        {"tables": {"mesages": "x"}},
        {"tables": {"messages": ""}},
        {"tables": {"messages": "a b"}},
        {"tables": {"messages": "a.b.c"}},
        {"tables": {"messages": 'a"b'}},
        {"tables": {"messages": '"a'}},
        {"tables": {"messages": "a; DROP TABLE b"}},
        {"tables": {"messages": '"a\0b"'}},
        {"tables": {"messages": "x" * 64}},
        {"tables": {"messages": ("a", "b", "c")}},
        {"tables": {"messages": ("a", "ü" * 32)}},
        {"tables": {"messages": 7}},
        {"tables": {"messages": "same", "sessions": "SAME"}},
        {"columns": {"message": {}}},
        {"columns": {"messages": {"text": "x"}}},
        {"columns": {"messages": {"role": "thread_id"}}},
        {"columns": {"messages": {"role": ""}}},
        {"columns": {"messages": {"role": "\0"}}},
        {"columns": {"messages": {"role": "\ud800"}}},
        {"columns": {"messages": {"role": 7}}},
        {"columns": {"messages": "role"}},
        {"casing": "kebab-case"},
    ]
    for given in bad:
        for make in (persistence_ddl, sqlalchemy_model):
            with pytest.raises(InvalidError):
                make(**given)
    with pytest.raises(InvalidError):
        persistence_ddl(payload="xml")  # type: ignore[arg-type]


def test_names_are_read_as_postgres_reads_them() -> None:
    """Folded where they are bare, verbatim in quotes, a pair as it is. [A10]"""
    for given, sql in {
        "Chat": '"chat"',
        " app . Chat ": '"app"."chat"',
        'app."Chat.Messages"': '"app"."Chat.Messages"',
        '"a""b".c$1': '"a""b"."c$1"',
        "ÄÖ": '"ÄÖ"',
        "user": '"user"',
        ("App", 'x"y.z'): '"App"."x""y.z"',
    }.items():
        ddl = persistence_ddl(tables={"messages": given})  # type: ignore[dict-item]
        assert f"CREATE TABLE {sql} (" in ddl
