"""Drift: every difference between a database and this version is named, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
from databases import ODD_SCHEMAS, Borrowed, executor, login, run, undone

from threadkeep.core.drift import Finding, verify
from threadkeep.core.migrations import Options, up
from threadkeep.sql import quote_name

UNCHECKED = """
  ALTER TABLE messages DROP CONSTRAINT messages_tree_check;
  ALTER TABLE messages ADD CONSTRAINT messages_tree_check
    CHECK (parent_seq < seq AND anchor <= seq) NOT VALID"""
OTHER_VIEW = """
  CREATE OR REPLACE VIEW transcript WITH (security_invoker = true) AS
    SELECT owner_id, user_id, thread_id, title, 1::bigint AS seq, thread_id AS message_id,
           thread_id AS parent_id, true AS is_head, 1 AS turn, '' AS role, status, format,
           created_at, payload, '' AS run
    FROM threads"""
OTHER_OWNER = """
  CREATE OR REPLACE FUNCTION current_owner() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE RETURN 1"""
TRIGGER = """
  CREATE TRIGGER mine BEFORE UPDATE ON threads
    FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"""
INVALID = """
  UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'messages_branch_idx'::regclass"""
DRIFTS = [
    ("ALTER TABLE threads DROP COLUMN format", {("column", "threads.format")}),
    ("ALTER TABLE threads ADD COLUMN extra int", {("column", "threads.extra")}),
    (
        "ALTER TABLE threads RENAME revision TO edits",
        {("column", "threads.revision"), ("column", "threads.edits")},
    ),
    ("ALTER TABLE messages ALTER tokens TYPE bigint", {("column", "messages.tokens")}),
    ("ALTER TABLE threads ALTER payload TYPE jsonb", {("column", "threads.payload")}),
    ("ALTER TABLE messages ALTER format DROP NOT NULL", {("column", "messages.format")}),
    ("ALTER TABLE threads ALTER next_seq SET DEFAULT 1", {("column", "threads.next_seq")}),
    ("ALTER TABLE threads ALTER thread_key DROP IDENTITY", {("column", "threads.thread_key")}),
    (
        'ALTER TABLE threads ALTER external_id TYPE text COLLATE "POSIX"',
        {("column", "threads.external_id")},
    ),
    (
        "ALTER TABLE threads DROP CONSTRAINT threads_id_key",
        {("constraint", "threads.threads_id_key")},
    ),
    (
        "ALTER TABLE messages DROP CONSTRAINT messages_thread_fkey",
        {("constraint", "messages.messages_thread_fkey")},
    ),
    (
        "ALTER TABLE messages DROP CONSTRAINT messages_role_check",
        {("constraint", "messages.messages_role_check")},
    ),
    (
        UNCHECKED,
        {("constraint", "messages.messages_tree_check")},
    ),
    (
        "ALTER TABLE messages ADD CONSTRAINT small CHECK (tokens < 9)",
        {("constraint", "messages.small")},
    ),
    ("DROP INDEX threads_active_idx", {("index", "threads.threads_active_idx")}),
    (
        "DROP INDEX threads_active_idx; CREATE INDEX threads_active_idx ON threads (owner_key)",
        {("index", "threads.threads_active_idx")},
    ),
    ("CREATE INDEX mine ON messages (message_id)", {("index", "messages.mine")}),
    (
        INVALID,
        {("index", "messages.messages_branch_idx")},
    ),
    ("ALTER TABLE threads SET (fillfactor = 90)", {("table", "threads")}),
    ("ALTER TABLE feedback SET UNLOGGED", {("table", "feedback")}),
    ("ALTER POLICY threads_owner ON threads USING (true)", {("policy", "threads.threads_owner")}),
    (
        "ALTER POLICY threads_owner ON threads TO CURRENT_USER",
        {("policy", "threads.threads_owner")},
    ),
    ("ALTER POLICY threads_admin ON threads TO PUBLIC", {("policy", "threads.threads_admin")}),
    ("CREATE POLICY mine ON messages FOR SELECT USING (true)", {("policy", "messages.mine")}),
    ("ALTER TABLE messages DISABLE ROW LEVEL SECURITY", {("rls", "messages")}),
    ("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY", {("rls", "messages")}),
    (
        OTHER_VIEW,
        {("view", "transcript")},
    ),
    ("ALTER VIEW transcript RESET (security_invoker)", {("view", "transcript")}),
    ("DROP VIEW transcript", {("view", "transcript")}),
    (
        OTHER_OWNER,
        {("function", "current_owner()")},
    ),
    ("ALTER FUNCTION owner_key(text) VOLATILE", {("function", "owner_key(text)")}),
    (
        TRIGGER,
        {("trigger", "threads.mine")},
    ),
    ("REVOKE INSERT ON messages FROM {app}", {("privilege", "{app}: messages")}),
    (
        "GRANT TRUNCATE ON messages TO PUBLIC",
        {("privilege", "{app}: messages"), ("privilege", "{admin}: messages")},
    ),
    ("REVOKE USAGE ON SCHEMA threadkeep FROM {admin}", {("privilege", "{admin}: schema")}),
    ("REVOKE ALL ON transcript FROM {app}", {("privilege", "{app}: transcript")}),
    ("DROP TABLE runs CASCADE", {("table", "runs"), ("view", "transcript")}),
    ("DROP OWNED BY {admin}; DROP ROLE {admin}", {("role", "{admin}")}),
]


async def found(url: str, options: Options) -> tuple[Finding, ...]:
    """What `verify` finds."""
    async with executor(url) as ex:
        return await verify(ex, options)


async def migrate(url: str, options: Options) -> None:
    """Migrate."""
    async with executor(url) as ex:
        await up(ex, options)


def damage(url: str, options: Options, text: str) -> None:
    """Run a change by hand, in our schema."""
    text = text.format(app=options.app_role, admin=options.admin_role)
    run(url, f"SET search_path = {quote_name(options.schema)}; {text}")


async def test_each_drift_is_named(database_url: str, options: Options) -> None:
    """Each single change by hand is found under its own name, and nothing else is."""
    names = {"app": options.app_role, "admin": options.admin_role}
    await migrate(database_url, options)
    connection = await asyncpg.connect(database_url)
    wrong = {}
    for text, objects in DRIFTS:
        expected = {(kind, name.format(**names)) for kind, name in objects}
        async with undone(connection):
            await connection.execute(f"SET LOCAL search_path = threadkeep; {text.format(**names)}")
            findings = await verify(Borrowed(connection), options)
            assert await connection.fetchval("SHOW search_path") == "threadkeep"
        if {(f.kind, f.object) for f in findings} != expected:
            wrong[text] = findings
        assert all(f.expected != f.found for f in findings)
    await connection.close()
    assert wrong == {}


async def test_several_drifts_are_named_at_once(database_url: str, options: Options) -> None:
    """Several changes by hand are all found in one go, each with what is expected and found."""
    odd = replace(options, schema=ODD_SCHEMAS[0])
    await migrate(database_url, odd)
    texts = [
        "ALTER TABLE messages ALTER tokens TYPE bigint",
        "ALTER TABLE threads DROP CONSTRAINT threads_status_check",
        "DROP INDEX threads_user_idx",
        "ALTER POLICY messages_owner ON messages USING (owner_key = 1)",
        "ALTER TABLE threads DISABLE ROW LEVEL SECURITY",
        "REVOKE SELECT ON messages FROM {app}",
        "DROP VIEW transcript",
        "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1",
    ]
    for text in texts:
        damage(database_url, odd, text)
    findings = await found(database_url, odd)
    assert [(f.kind, f.object) for f in findings] == [
        ("migration", "0001_initial"),
        ("column", "messages.tokens"),
        ("constraint", "threads.threads_status_check"),
        ("index", "threads.threads_user_idx"),
        ("view", "transcript"),
        ("rls", "threads"),
        ("policy", "messages.messages_owner"),
        ("privilege", f"{odd.app_role}: messages"),
    ]
    assert findings[0].found == "changed"
    assert findings[1] == Finding(
        "column", "messages.tokens", "integer NOT NULL", "bigint NOT NULL"
    )
    assert findings[3].found is None
    assert findings[6].found == "FOR ALL TO PUBLIC USING ((owner_key = 1))"
    assert findings[7].found == "INSERT, UPDATE, DELETE"


async def test_what_is_not_ours_is_ignored(database_url: str, options: Options) -> None:
    """A host's own tables, views, functions and grants in the same schema are no findings."""
    public = replace(options, schema="public")
    await migrate(database_url, public)
    damage(
        database_url,
        public,
        "CREATE TABLE users (id int PRIMARY KEY, n int DEFAULT 1); CREATE INDEX ON users (n);"
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON users USING (true);"
        "CREATE VIEW chats AS SELECT title FROM threads; GRANT ALL ON users TO {app};"
        "CREATE FUNCTION current_owner(int) RETURNS int LANGUAGE sql RETURN 1;"
        "CREATE TABLE likes (owner_key bigint, thread_key bigint,"
        " FOREIGN KEY (owner_key, thread_key) REFERENCES threads ON DELETE CASCADE)",
    )
    assert await found(database_url, public) == ()


async def test_tuning_is_no_drift(database_url: str, options: Options) -> None:
    """What a DBA tunes without changing what the tables say is no finding."""
    await migrate(database_url, options)
    damage(
        database_url,
        options,
        "ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.01);"
        "ALTER TABLE threads ALTER metadata SET STATISTICS 500; CLUSTER threads USING threads_pkey;"
        "COMMENT ON TABLE threads IS 'chats'; REINDEX TABLE messages",
    )
    assert await found(database_url, options) == ()


async def test_a_role_that_owns_the_tables_lacks_nothing(
    database_url: str, options: Options
) -> None:
    """In a one-role deployment, where the app's role owns the tables, nothing need be granted."""
    url = login(database_url, options, "one")
    run(database_url, f"CREATE ROLE {options.admin_role}")
    own = replace(options, app_role=f"{options.app_role.removesuffix('app')}one")
    run(database_url, f"CREATE SCHEMA threadkeep AUTHORIZATION {own.app_role}")
    async with executor(url) as ex:
        assert (await up(ex, own)).notes == ()
        assert await verify(ex, own) == ()


async def test_a_missing_schema_is_one_finding(database_url: str, options: Options) -> None:
    """Where nothing was migrated the schema is missing, or its tables, views and functions are."""
    assert await found(database_url, options) == (Finding("schema", "threadkeep", "exists", None),)
    run(database_url, "CREATE SCHEMA threadkeep")
    kinds = {f.kind for f in await found(database_url, options)}
    assert kinds == {"table", "view", "function", "role"}
