"""Migrations: what `up`, `status`, `script` and `check` promise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace

import psycopg
import pytest
from databases import (
    ODD_SCHEMAS,
    database_name,
    executor,
    facts_of,
    login,
    next_migration,
    role_of,
    run,
    ship,
    step,
)

from threadkeep.core import migrations
from threadkeep.core.drift import verify
from threadkeep.core.migrations import Options, check, script, status, up
from threadkeep.drivers.limits import Limits
from threadkeep.drivers.psycopg import PsycopgExecutor
from threadkeep.drivers.urls import Address
from threadkeep.sql import migration_files, quote_name
from threadkeep.values.errors import (
    DatabaseError,
    ForbiddenError,
    InvalidError,
    SchemaMismatchError,
    UnavailableError,
)

VERSIONS = tuple(version for version, _, _ in migration_files())
LATEST = VERSIONS[-1]


async def test_up_migrates_an_empty_database(database_url: str, options: Options) -> None:
    """After `up` every migration is applied, nothing is left to a DBA, and no drift is found."""
    async with executor(database_url) as ex:
        report = await up(ex, options)
        assert report == migrations.UpReport(VERSIONS, ())
        assert await verify(ex, options) == ()
        states = await status(ex, options)
        assert [(s.version, s.state) for s in states] == [(v, "applied") for v in VERSIONS]
        assert all(s.applied_at is not None and s.applied_at.tzinfo for s in states)


async def test_a_second_up_changes_nothing(database_url: str, options: Options) -> None:
    """A repeated `up` writes no catalog row and no ledger row. [A7]"""
    written = """
      SELECT max(x) FROM (
        SELECT max(xmin::text::bigint) x FROM pg_class UNION ALL
        SELECT max(xmin::text::bigint) FROM pg_policy UNION ALL
        SELECT max(xmin::text::bigint) FROM pg_attribute UNION ALL
        SELECT max(xmin::text::bigint) FROM pg_proc UNION ALL
        SELECT max(xmin::text::bigint) FROM pg_namespace UNION ALL
        SELECT max(xmin::text::bigint) FROM threadkeep.schema_migrations) s"""
    async with executor(database_url) as ex:
        await up(ex, options)
        before = run(database_url, written), await facts_of(ex, options)
        assert await up(ex, options) == migrations.UpReport((), ())
        assert (run(database_url, written), await facts_of(ex, options)) == before


async def test_a_second_up_waits_for_no_writer(database_url: str, options: Options) -> None:
    """With nothing to do `up` takes no lock that an open transaction of a writer would hold up."""
    async with executor(database_url) as ex:
        await up(ex, options)
        with psycopg.connect(database_url) as writer:
            for table in ("threads", "messages", "schema_migrations"):
                writer.execute(
                    f"LOCK TABLE threadkeep.{table} IN SHARE ROW EXCLUSIVE MODE".encode()
                )
            await asyncio.wait_for(up(ex, options), 5)


async def test_many_tasks_may_migrate_at_once(database_url: str, options: Options) -> None:
    """Of several `up` on one empty database exactly one applies, and all succeed."""
    executors = [executor(database_url) for _ in range(6)]
    opened = [await e.__aenter__() for e in executors]
    reports = await asyncio.gather(*(up(ex, options) for ex in opened))
    assert sorted(r.applied for r in reports) == [()] * 5 + [VERSIONS]
    assert await verify(opened[0], options) == ()
    for e in executors:
        await e.__aexit__(None, None, None)


def test_two_processes_may_migrate_at_once(database_url: str, options: Options) -> None:
    """Of two processes that migrate one empty database one applies, and both succeed. [A7]"""
    program = (
        "import sys; from threadkeep.core.migrations import Options, up; "
        "from threadkeep.drivers.limits import Limits; "
        "from threadkeep.drivers.psycopg import PsycopgExecutor; "
        "from threadkeep.drivers.urls import Address\n"
        "ex = PsycopgExecutor.open(Address.parse(sys.argv[1]), Limits(pool_size=1))\n"
        "print('ready', flush=True); input()\n"
        "def step(c):\n"
        "    try: c.send(None)\n"
        "    except StopIteration as end: return end.value\n"
        "print(step(up(ex, Options(app_role=sys.argv[2], admin_role=sys.argv[3]))).applied)\n"
        "step(ex.close())"
    )
    command = [sys.executable, "-c", program, database_url, options.app_role, options.admin_role]
    pair = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in pair:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=30)[0].strip() for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert sorted(said) == sorted([str(VERSIONS), "()"])


@pytest.mark.parametrize("schema", ODD_SCHEMAS)
async def test_any_schema_name_works(database_url: str, options: Options, schema: str) -> None:
    """`up`, `check`, `verify` and `script` work in a schema of any legal name."""
    odd = replace(options, schema=schema)
    async with executor(database_url) as ex:
        assert (await up(ex, odd)).notes == ()
        assert await verify(ex, odd) == ()
        assert (await check(ex, odd)).version == LATEST
        facts = await facts_of(ex, odd)
        run(database_url, f"DROP SCHEMA {quote_name(schema)} CASCADE")
        run(database_url, script(odd))
        assert await verify(ex, odd) == ()
        assert await facts_of(ex, odd) == facts


async def test_any_role_names_work(database_url: str, options: Options) -> None:
    """Roles may have quotes, dollars, marks and spaces in their names."""
    odd = replace(
        options,
        app_role=options.app_role + """ o'b"x $$ \\ é""",
        admin_role=options.admin_role + """ :'role' $1""",
    )
    async with executor(database_url) as ex:
        assert (await up(ex, odd)).notes == ()
        assert await verify(ex, odd) == ()
        run(database_url, "DROP SCHEMA threadkeep CASCADE")
        run(database_url, script(odd))
        assert await verify(ex, odd) == ()


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("schema", ""),
        ("schema", "x" * 64),
        ("schema", "a\0b"),
        ("schema", "\ud800"),
        ("schema", "pg_x"),
        ("app_role", "public"),
        ("app_role", "none"),
        ("admin_role", "threadkeep_app"),
        ("admin_role", "a$threadkeep$b"),
    ],
)
def test_impossible_names_are_refused(field: str, name: str) -> None:
    """A name that PostgreSQL cannot have, or keeps for itself, is an error naming the option."""
    with pytest.raises(InvalidError) as caught:
        Options(**{field: name})  # type: ignore[arg-type]
    assert caught.value.field == field


async def test_a_host_may_make_the_schema(database_url: str, options: Options) -> None:
    """With create_schema=False a role without CREATE on the database migrates a given schema."""
    given = replace(options, create_schema=False)
    url = login(database_url, options, "migrator")
    run(database_url, f'CREATE ROLE "{options.app_role}"; CREATE ROLE "{options.admin_role}"')
    async with executor(url) as ex:
        with pytest.raises(SchemaMismatchError, match="CREATE SCHEMA"):
            await up(ex, given)
        with pytest.raises(ForbiddenError):
            await up(ex, options)
        run(database_url, f'CREATE SCHEMA threadkeep AUTHORIZATION "{role_of(url)}"')
        assert await up(ex, given) == migrations.UpReport(VERSIONS, ())
        assert await up(ex, options) == migrations.UpReport((), ())
        assert await verify(ex, given) == ()


async def test_what_a_dba_must_grant_is_in_the_notes(database_url: str, options: Options) -> None:
    """A role that may not make roles migrates all the same; its notes are SQL that is enough."""
    url = login(database_url, options, "migrator")
    run(database_url, f'GRANT CREATE ON DATABASE "{database_name(url)}" TO PUBLIC')
    async with executor(url) as ex:
        report = await up(ex, options)
        assert report.applied == VERSIONS
        assert len(report.notes) == 2
        assert await up(ex, options) == replace(report, applied=())
        assert [(f.kind, f.object) for f in await verify(ex, options)] == [
            ("role", options.admin_role),
            ("role", options.app_role),
        ]
        for note in report.notes:
            run(database_url, note)
        assert await verify(ex, options) == ()
        assert await up(ex, options) == migrations.UpReport((), ())


async def test_a_role_that_may_make_roles_suffices(database_url: str, options: Options) -> None:
    """CREATEROLE and CREATE on the database are enough: no superuser is needed, nothing noted."""
    url = login(database_url, options, "migrator")
    run(database_url, f"ALTER ROLE {role_of(url)} CREATEROLE")
    run(database_url, f"GRANT CREATE ON DATABASE {database_name(url)} TO {role_of(url)}")
    async with executor(url) as ex:
        assert await up(ex, options) == migrations.UpReport(VERSIONS, ())
        assert await verify(ex, options) == ()


async def test_a_grant_that_has_no_effect_is_noted(database_url: str, options: Options) -> None:
    """Where the migrating role may not pass on USAGE of the schema, a note says what is missing."""
    url = login(database_url, options, "migrator")
    run(
        database_url,
        f'CREATE ROLE "{options.app_role}"; CREATE ROLE "{options.admin_role}"; '
        f'CREATE SCHEMA threadkeep; GRANT ALL ON SCHEMA threadkeep TO "{role_of(url)}"',
    )
    async with executor(url) as ex:
        report = await up(ex, options)
        assert len(report.notes) == 2
        assert "CREATE ROLE" not in report.notes[0]
        for note in report.notes:
            run(database_url, note)
        assert await verify(ex, options) == ()


async def test_a_stranger_may_not_migrate(database_url: str, options: Options) -> None:
    """A role that owns nothing gets ForbiddenError from each call, not a SQLSTATE."""
    stranger = login(database_url, options, "stranger")
    async with executor(database_url) as ex, executor(stranger) as other:
        await up(ex, options)
        with pytest.raises(ForbiddenError):
            await up(other, options)
        with pytest.raises(ForbiddenError, match=options.app_role):
            await check(other, options)
        for call in (status, verify):
            with pytest.raises(ForbiddenError, match="may not read"):
                await call(other, options)


async def test_an_edited_migration_is_refused(database_url: str, options: Options) -> None:
    """If the text of an applied migration is another one by now, `up` and `check` refuse."""
    async with executor(database_url) as ex:
        await up(ex, options)
        run(
            database_url, "UPDATE threadkeep.schema_migrations SET checksum = 'x' WHERE version = 1"
        )
        for call in (up, check):
            with pytest.raises(SchemaMismatchError, match="another text"):
                await call(ex, options)
        assert (await status(ex, options))[0].state == "changed"


async def test_a_newer_database_is_refused(database_url: str, options: Options) -> None:
    """If a newer version migrated the database, `up` and `check` say so."""
    async with executor(database_url) as ex:
        await up(ex, options)
        run(
            database_url,
            "INSERT INTO threadkeep.schema_migrations VALUES (9999, 'later', 'x', now())",
        )
        for call in (up, check):
            with pytest.raises(SchemaMismatchError, match="newer"):
                await call(ex, options)
        assert (await status(ex, options))[-1].state == "unknown"


async def test_a_pending_migration_is_applied(
    database_url: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` refuses a database that lacks a migration, and `up` applies just that one."""
    async with executor(database_url) as ex:
        await up(ex, options)
        ship(monkeypatch, next_migration("CREATE TABLE /*schema*/notes (n bigint)"))
        with pytest.raises(SchemaMismatchError, match=f"lacks migration {LATEST + 1}"):
            await check(ex, options)
        assert (await status(ex, options))[-1].state == "pending"
        assert (await up(ex, options)).applied == (LATEST + 1,)
        assert (await check(ex, options)).version == LATEST + 1


async def test_migrators_wait_for_each_other(
    database_url: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pending migration is not begun while another session writes the ledger."""
    async with executor(database_url) as ex:
        await up(ex, options)
        ship(monkeypatch, next_migration("CREATE TABLE /*schema*/notes (n bigint)"))
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE threadkeep.schema_migrations IN ROW EXCLUSIVE MODE")
            waiting = asyncio.create_task(up(ex, options))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            other.rollback()
            assert (await waiting).applied == (LATEST + 1,)


async def test_a_failed_migration_leaves_nothing(
    database_url: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one migration fails none is applied, and the schema is not there either."""
    ship(monkeypatch, next_migration("SELECT 1/0"))
    async with executor(database_url) as ex:
        with pytest.raises(DatabaseError) as caught:
            await up(ex, options)
        assert caught.value.sqlstate == "22012"
    assert run(database_url, "SELECT 1 FROM pg_namespace WHERE nspname = 'threadkeep'") == []


async def test_an_unmigrated_database_is_named(database_url: str, options: Options) -> None:
    """Without a ledger `check` names the command, `status` says pending, `verify` the schema."""
    async with executor(database_url) as ex:
        for _ in range(2):
            with pytest.raises(SchemaMismatchError, match="not migrated") as caught:
                await check(ex, options)
            assert caught.value.command == "threadkeep migrate up"
            assert {s.state for s in await status(ex, options)} == {"pending"}
            run(database_url, "CREATE SCHEMA IF NOT EXISTS threadkeep")


async def test_another_tools_ledger_is_named(database_url: str, options: Options) -> None:
    """A table schema_migrations of another tool is said to be that, and is left alone."""
    public = replace(options, schema="public")
    run(database_url, "CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY)")
    async with executor(database_url) as ex:
        for call in (up, check, status):
            with pytest.raises(SchemaMismatchError, match="another tool"):
                await call(ex, public)


async def test_a_taken_name_is_named(database_url: str, options: Options) -> None:
    """If the host has a table of a name of ours, `up` says so and changes nothing."""
    run(database_url, "CREATE TABLE public.threads (n int)")
    async with executor(database_url) as ex:
        with pytest.raises(SchemaMismatchError, match="already holds"):
            await up(ex, replace(options, schema="public"))
    assert run(database_url, "SELECT to_regclass('public.messages')") == [(None,)]


async def test_a_read_only_server_is_named(database_url: str, options: Options) -> None:
    """On a read-only server `up` raises UnavailableError, but only if there is something to do."""
    url = login(database_url, options, "reader")
    role = role_of(url)
    run(database_url, f"ALTER ROLE {role} SUPERUSER")
    run(database_url, f"ALTER ROLE {role} SET default_transaction_read_only = on")
    async with executor(url) as reader:
        with pytest.raises(UnavailableError, match="read-only"):
            await up(reader, options)
        run(database_url, script(options))
        assert await up(reader, options) == migrations.UpReport((), ())


class OldServer:
    """An executor on a server of version 14."""

    async def fetch(self, statement: object, *args: object) -> list[tuple[object, ...]]:
        return [(140_005, [], [], [], False, False, False, False)]


async def test_an_old_server_is_refused(options: Options) -> None:
    """A server before 15 is an UnavailableError that says which versions will do."""
    with pytest.raises(UnavailableError, match=r"14\.5: threadkeep needs 15"):
        await check(OldServer(), options)  # type: ignore[arg-type]


async def test_check_says_how_the_role_stands(database_url: str, options: Options) -> None:
    """`check` tells superuser, app, admin and tables' owner apart, as direct roles or members."""
    async with executor(database_url) as ex:
        await up(ex, options)
        stands = [await check(ex, options)]
    for name, role in (("a", options.app_role), ("b", options.admin_role)):
        async with executor(login(database_url, options, name, member_of=role)) as ex:
            stands.append(await check(ex, options))
    assert [(s.bypasses_rls, s.is_admin) for s in stands] == [
        (True, True),
        (False, False),
        (False, True),
    ]
    assert all(s.rls_enabled and s.rls_forced for s in stands)
    assert all(s.version == LATEST and s.server_version_num >= 150_000 for s in stands)


async def test_an_admin_without_its_policy_is_none(database_url: str, options: Options) -> None:
    """A member of the admin role that one table hides rows from does not count as admin."""
    async with executor(database_url) as ex:
        await up(ex, options)
        run(database_url, "DROP POLICY messages_admin ON threadkeep.messages")
        async with executor(login(database_url, options, "b", member_of=options.admin_role)) as b:
            assert not (await check(b, options)).is_admin
            reads = f"FOR SELECT TO {options.admin_role} USING (true)"
            run(database_url, f"CREATE POLICY reads ON threadkeep.messages {reads}")
            assert not (await check(b, options)).is_admin
            run(database_url, "ALTER TABLE threadkeep.messages DISABLE ROW LEVEL SECURITY")
            standing = await check(b, options)
    assert (standing.is_admin, standing.rls_enabled, standing.rls_forced) == (True, False, True)


async def test_the_blocking_driver_migrates_too(database_url: str, options: Options) -> None:
    """Stepped over psycopg, `up`, `status`, `check` and `verify` say the same."""
    ex = PsycopgExecutor.open(Address.parse(database_url), Limits(pool_size=1))
    try:
        assert step(up(ex, options)) == migrations.UpReport(VERSIONS, ())
        assert step(verify(ex, options)) == ()
        assert step(check(ex, options)).version == LATEST
        assert [s.state for s in step(status(ex, options))] == ["applied"] * len(VERSIONS)
    finally:
        step(ex.close())
