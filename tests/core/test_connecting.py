"""Connecting: what is used, what is refused, what is said."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from pathlib import Path

import psycopg
import pytest

from threadkeep import (
    DatabaseError,
    ForbiddenError,
    InvalidError,
    Message,
    NotFoundError,
    SchemaMismatchError,
    ThreadkeepError,
    ThreadkeepWarning,
    UnavailableError,
    connect,
    connect_async,
)
from threadkeep.connecting import settings
from threadkeep.drivers.refusals import refusal
from threadkeep.testing.servers import Database


def test_a_database_without_our_tables_is_refused_with_the_command(
    empty_database: Database,
) -> None:
    """An unmigrated database raises SchemaMismatchError, which names the command that mends it."""
    with pytest.raises(SchemaMismatchError) as refused:
        connect(empty_database.owner_url)
    assert refused.value.command == "threadkeep migrate up"


async def test_migrate_makes_the_tables(empty_database: Database) -> None:
    """`migrate=True` migrates a database once; connecting again finds it done."""
    for _ in range(2):
        async with connect_async(empty_database.owner_url, migrate=True) as store:
            await store.owner("o").messages.append("t", Message.user("x"))
    assert await _count(empty_database.url) == 2


async def _count(url: str) -> int:
    store = await connect_async(url)
    try:
        return await store.owner("o").messages.count("t")
    finally:
        await store.close()


def test_a_role_that_bypasses_row_level_security_is_named(database: Database) -> None:
    """A superuser is warned about by default, refused with rls="required", and still kept apart."""
    with pytest.warns(ThreadkeepWarning, match="bypasses"):
        opened = connect(database.superuser_url)
    with opened as store:
        store.owner("a").messages.append("t", Message.user("x"))
        assert store.owner("b").messages.count("t") == 0
        assert [t.owner_id for t in store.admin().threads.list()] == ["a"]
    with pytest.raises(ForbiddenError, match="bypasses"):
        connect(database.superuser_url, rls="required")


def test_tables_without_row_level_security_must_be_asked_for(empty_database: Database) -> None:
    """`rls=False` works without policies; a store that expects them refuses such tables."""
    with connect(empty_database.owner_url, migrate=True, rls=False) as store:
        store.owner("a").messages.append("t", Message.user("x", id="m"))
        assert store.owner("a").messages.delete("t", "m")
        with pytest.raises(NotFoundError):
            store.owner("b").threads.get("t")
    with pytest.raises(SchemaMismatchError, match="row-level security"):
        connect(empty_database.owner_url)


def test_only_the_admin_role_reaches_across_owners(database: Database) -> None:
    """The app's role gets ForbiddenError; the admin's URL lists the threads of all owners."""
    with connect(database.url) as store:
        for owner in ("a", "b", "c"):
            store.owner(owner).threads.create("t")
        with pytest.raises(ForbiddenError, match="THREADKEEP_ADMIN_URL"):
            store.admin().threads.list()
    with connect(database.url, admin_url=database.admin_url) as store:
        threads = store.admin().threads.list(limit=1)
        assert sorted(t.owner_id for t in threads) == ["a", "b", "c"]
        back = store.admin().threads.list(limit=2, order="desc")
        assert [t.owner_id for t in back] == [t.owner_id for t in threads][::-1]
        second = store.admin().threads.list(limit=1, cursor=threads.next)
        assert [t.id for t in second.items] == ["t"]
        assert second.previous is not None


def test_the_url_comes_from_the_argument_then_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The argument goes before THREADKEEP_URL, that before DATABASE_URL; drivers' names go. [A1]"""
    monkeypatch.setenv("DATABASE_URL", "postgres://third/db")
    assert str(settings().url) == "postgresql://third/db"
    monkeypatch.setenv("THREADKEEP_URL", "postgresql+asyncpg://second/db")
    assert str(settings().url) == "postgresql://second/db"
    assert str(settings("postgresql://first/db").url) == "postgresql://first/db"


def test_the_embedded_server_can_be_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREADKEEP_EMBEDDED=0 and no URL: UnavailableError says what to set."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("THREADKEEP_URL", raising=False)
    monkeypatch.setenv("THREADKEEP_EMBEDDED", "0")
    with pytest.raises(UnavailableError, match="THREADKEEP_URL"):
        connect()


@pytest.mark.parametrize(
    "bad",
    [
        *({"pool_size": 0}, {"rls": "maybe"}, {"schema": ""}, {"pool_min": 11}),
        *({"deadline": -1}, {"connect_timeout": 0}, {"statement_timeout": 0}),
        *({"max_message_bytes": 0}, {"max_message_bytes": "1"}),
        *({"pooler": "session"}, {"admin_url": "mysql://x"}, {"direct_url": "mysql://x"}),
    ],
)
def test_a_bad_option_is_named_before_anything_is_opened(bad: dict[str, str]) -> None:
    """InvalidError names the option."""
    with pytest.raises(InvalidError) as refused:
        connect("postgresql://nowhere.invalid/db", **bad)  # type: ignore[arg-type]
    assert refused.value.field in bad


async def test_a_message_beyond_the_limit_is_refused_before_anything_is_sent(
    database: Database,
) -> None:
    """Bytes of its UTF-8 text count; the batch it stands in is refused with it. [C15]"""
    async with connect_async(database.url, max_message_bytes=100) as store:
        chat = store.owner("o")
        item = {"role": "user", "content": ""}
        room = 100 - len(json.dumps(item, separators=(",", ":")))
        fits = item | {"content": "e" * (room - 2) + "\u00e9"}
        await chat.messages.append("t", [fits], dialect="openai-chat")
        for content in ("e" * (room + 1), "e" * (room - 1) + "\u00e9"):
            with pytest.raises(InvalidError) as refused:
                await chat.messages.append(
                    "t", [item, item | {"content": content}], dialect="openai-chat"
                )
            assert refused.value.field == "payload"
        assert await chat.messages.count("t") == 1


@pytest.mark.parametrize("url", ["postgresql://u@127.0.0.1:1/db", "postgresql:///db?host=/nowhere"])
async def test_a_server_that_does_not_answer_is_unavailable(url: str) -> None:
    """Both faces raise UnavailableError for a server that is not there."""
    with pytest.raises(UnavailableError):
        connect(url)
    with pytest.raises(UnavailableError):
        await connect_async(url)


async def test_a_closed_store_says_so(database: Database) -> None:
    """Calls after close raise UnavailableError; closing twice is fine."""
    store = await connect_async(database.url)
    await store.close()
    await store.close()
    with pytest.raises(UnavailableError):
        await store.owner("o").threads.get("t")
    blocking = connect(database.url)
    blocking.close()
    blocking.close()
    with pytest.raises(UnavailableError):
        blocking.owner("o").threads.get("t")


def test_nothing_configured_is_the_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing configured the embedded server is used, announced, and keeps what it got.

    [A2]
    """
    for name in ("DATABASE_URL", "THREADKEEP_URL", "THREADKEEP_ADMIN_URL", "THREADKEEP_EMBEDDED"):
        monkeypatch.delenv(name, raising=False)
    folder = Path(tempfile.mkdtemp(prefix="threadkeep-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        monkeypatch.setenv("THREADKEEP_DATA", str(folder / "data"))
        with pytest.warns(ThreadkeepWarning, match="data"):
            opened = connect()
        with opened as store:
            store.owner("o").messages.append("t", Message.user("kept", id="m"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ThreadkeepWarning)
            with connect() as store:
                assert store.owner("o").messages.get("t", "m").text == "kept"
                assert [t.id for t in store.admin().threads.list()] == ["t"]
                assert store.migrations.verify() == ()
    finally:
        shutil.rmtree(folder)


def test_what_the_server_refuses_shows_no_content(database: Database) -> None:
    """An error of the server carries its SQLSTATE, and neither its message nor a value."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE threadkeep.messages ADD CONSTRAINT no_secrets "
            "CHECK (payload::text NOT LIKE '%secret%')"
        )
    with connect(database.url) as store, pytest.raises(DatabaseError) as refused:
        store.owner("o").messages.append("t", Message.user("a secret"))
    shown = str(refused.value) + repr(refused.value.__cause__)
    assert "23514" in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("08006", UnavailableError),
        ("53100", UnavailableError),
        ("57P01", UnavailableError),
        ("42501", ForbiddenError),
        ("42P01", SchemaMismatchError),
        ("23514", DatabaseError),
    ],
)
def test_a_sqlstate_has_one_meaning(sqlstate: str, kind: type[ThreadkeepError]) -> None:
    """What the server refuses becomes the error that tells the caller what to do."""
    assert type(refusal(sqlstate)) is kind


def test_a_message_shows_no_content() -> None:
    """Repr of a message and of an error leaves the content out."""
    message = Message.of("user", "a secret", id="m", metadata={"k": "secret"})
    assert "secret" not in repr(message)
    assert "m" in repr(message)
