"""The contract catches each trap of the seed's design: built in, it makes the suite fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hosts import ODD, SEED, WAYS, Host, run

from threadkeep.adapters.persistence import (
    PersistenceAdapter,
    PostgresPersistence,
    SessionRecord,
    survey,
)
from threadkeep.sql import host as host_sql
from threadkeep.sql import split
from threadkeep.testing.persistence import PersistenceContract
from threadkeep.testing.servers import Database

Change = Callable[[pytest.MonkeyPatch], None]

HIDDEN = """AND NOT EXISTS (
      SELECT FROM /*table sessions*/ s
      WHERE s./*column sessions.session_id*/ = m./*column messages.session_id*/
        AND ($3::text IS NULL OR s./*column sessions.user_id*/ = $3::text)
        AND s./*column sessions.archived_at*/ IS NOT NULL)"""
KEPT = "coalesce(s./*column sessions.archived_at*/, "
COUNT = "FROM /*table messages*/ m WHERE /*use visible*/;"


def sql(*changes: tuple[str, str]) -> Change:
    """Other SQL in the place of ours."""

    def change(patch: pytest.MonkeyPatch) -> None:
        def changed(text: str) -> Iterator[tuple[str, str, str]]:
            for old, new in changes:
                assert old in text, old
                text = text.replace(old, new)
            return split(text)

        patch.setattr(host_sql, "split", changed)

    return change


def archive_whatever(patch: pytest.MonkeyPatch) -> None:
    """An archive that makes up what it is not told."""

    async def archive(self: Any, session_id: str, **given: str | None) -> bool:
        record = SessionRecord(
            session_id, given.get("thread_id") or "?", given.get("sdk_version") or "?"
        )
        return await self._save(record, (False, False), archive=True) is not None

    patch.setattr(PostgresPersistence, "archive_session", archive)


def no_quotes(patch: pytest.MonkeyPatch) -> None:
    """Names that get into the SQL as they are."""
    patch.setattr(host_sql, "_SAFE", re.compile(r"[\s\S]*"))
    patch.setattr(host_sql, "quote_name", lambda name: name)


MUTANTS: dict[str, tuple[Change, str]] = {
    "1 NOT IN": (
        sql(
            (
                HIDDEN,
                """AND m./*column messages.session_id*/ NOT IN (
                SELECT s./*column sessions.session_id*/ FROM /*table sessions*/ s
                WHERE s./*column sessions.archived_at*/ IS NOT NULL)""",
            )
        ),
        "test_archived_sessions_are_hidden",
    ),
    "2 JOIN": (
        sql(
            (
                HIDDEN,
                """AND (m./*column messages.session_id*/ IS NULL OR EXISTS (
                SELECT FROM /*table sessions*/ s
                WHERE s./*column sessions.session_id*/ = m./*column messages.session_id*/
                AND s./*column sessions.archived_at*/ IS NULL))""",
            )
        ),
        "test_archived_sessions_are_hidden",
    ),
    "3 a session out of nothing": (
        archive_whatever,
        "test_an_unknown_session_is_archived_only_with_all_it_needs",
    ),
    "4 archived anew": (
        sql(
            (KEPT, "coalesce("),
            ("  AND s./*column sessions.archived_at*/ IS NULL\n", "\n"),
        ),
        "test_archiving_again_keeps_the_first_time",
    ),
    "5 the time of the transaction": (
        sql(
            (
                "OVER (ORDER BY f.i)) + f.i * interval '1 microsecond' AS created",
                "OVER (ORDER BY f.i)) * 0 + statement_timestamp() AS created",
            ),
            ("greatest((SELECT l.place FROM last l), /*without", "(interval '0' + /*without"),
            (
                "max(coalesce(f.at, statement_timestamp()) - f.i * interval '1 microsecond')",
                "max(interval '0')",
            ),
        ),
        "test_a_large_batch_keeps_its_order",
    ),
    "5 the caller's clock": (
        sql(("greatest((SELECT l.place FROM last l), /*without", "greatest(NULL, /*without")),
        "test_order_is_the_order_of_appending",
    ),
    "5 no lock": (
        sql(("pg_advisory_xact_lock(\n", "hashint8(\n")),
        "test_appenders_at_once_lose_and_split_nothing",
    ),
    "9 a count of its own": (
        sql((COUNT, COUNT.replace("visible", "asked_for"))),
        "test_one_rule_hides_everywhere",
    ),
    "9 a page of its own": (
        sql(
            (
                "WHERE /*use visible*/\n    AND (m./*column messages.order*/",
                "WHERE /*use asked_for*/\n    AND (m./*column messages.order*/",
            )
        ),
        "test_one_rule_hides_everywhere",
    ),
    "a second copy": (
        sql(("WHEN EXISTS (SELECT FROM stored s WHERE NOT s.same) THEN 'differs'", "")),
        "test_other_content_under_an_id_is_a_conflict",
    ),
    "anybody's": (
        sql(("AND ($3::text IS NULL OR m./*column messages.user_id*/ = $3::text)", "AND TRUE")),
        "test_users_are_strangers",
    ),
    "taken over": (
        sql(
            (
                "($1::text IS NULL OR s./*column sessions.user_id*/ = $1::text)",
                "($1::text IS NULL OR s./*column sessions.user_id*/ IS NOT NULL)",
            )
        ),
        "test_users_are_strangers",
    ),
}


@contextmanager
def mutated(change: Change) -> Iterator[None]:
    """Within it the adapter is the mutant."""
    with pytest.MonkeyPatch.context() as patch:
        change(patch)
        host_sql._rendered.cache_clear()
        try:
            yield
        finally:
            host_sql._rendered.cache_clear()


async def contract(host: Host, url: str, test: str) -> None:
    """One test of the contract."""
    async with WAYS["asyncpg"](url) as pool:

        async def make(*, user: str | None = None) -> PersistenceAdapter:
            return host.adapter(pool, user=user)

        await getattr(PersistenceContract(), test)(make)


@pytest.fixture(scope="module")
def tables(shared_database: Database) -> Database:
    """The tables of two apps."""
    for host in (SEED, ODD):
        run(shared_database, host.sql())
    return shared_database


@pytest.mark.parametrize("name", MUTANTS)
async def test_the_contract_catches_it(tables: Database, name: str) -> None:
    """A fault that the seed's design invites makes the named test of the contract fail. [O3]"""
    change, test = MUTANTS[name]
    await contract(SEED, tables.url, test)
    with mutated(change), pytest.raises((AssertionError, pytest.fail.Exception)):
        await contract(SEED, tables.url, test)


async def test_unquoted_names_are_caught(tables: Database) -> None:
    """On tables with odd names nothing works without quotes. [O3]"""
    with mutated(no_quotes), pytest.raises(Exception, match=r"SQLSTATE|is missing"):
        await contract(ODD, tables.url, "test_ids_and_roles_are_kept_verbatim")


async def test_a_name_that_is_not_quoted_is_no_statement() -> None:
    """Whatever made them: only quoted identifiers get into SQL over an app's tables. [A10]"""
    for name in ("messages", '"a"b"', 'a"b"', '"a" x', '"a"."b"."c"', "", '""'):
        with pytest.raises(ValueError, match="not quoted"):
            host_sql.host_statements("persistence", {"messages": name})
    with pytest.raises(ValueError, match="has no name"):
        host_sql.host_statements("persistence", {"messages": '"a"'})


@pytest.mark.parametrize(
    ("change", "spoilt"),
    [
        (
            sql(
                (
                    "pg_catalog.to_regclass(a.quoted)::oid",
                    "(SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname = a.name)",
                )
            ),
            (
                "CREATE SCHEMA other; ALTER TABLE chat_messages SET SCHEMA other; "
                "GRANT USAGE ON SCHEMA other TO threadkeep_app"
            ),
        ),
        (
            lambda patch: patch.setattr(survey, "_TYPES", dict.fromkeys(survey._TYPES, _Any())),
            "ALTER TABLE chat_messages ALTER created_at TYPE timestamp",
        ),
    ],
    ids=["6 any schema", "7 any type"],
)
async def test_a_blind_look_at_the_tables_is_caught(
    empty_database: Database, change: Change, spoilt: str
) -> None:
    """A look that resolves names or takes types otherwise passes what must not. [O3]"""
    run(empty_database, f"{SEED.sql()}; {spoilt}")
    async with WAYS["asyncpg"](empty_database.url) as pool:
        with pytest.raises(survey.TablesMismatchError):
            await SEED.adapter(pool).validate_schema()
        with mutated(change):
            await SEED.adapter(pool).validate_schema()


class _Any(tuple[str, ...]):
    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        return True
