"""`threadkeep move`: conversations from another system's tables, once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.sync import Store
    from threadkeep.testing.servers import Database

TABLES = """
CREATE SCHEMA "{schema}";
CREATE TABLE "{schema}".threads (
  id bigserial PRIMARY KEY, {public} text NOT NULL, {resource} text NOT NULL,
  {created} timestamp DEFAULT now() NOT NULL, {updated} timestamp DEFAULT now() NOT NULL,
  UNIQUE ({resource}, {public}));
CREATE TABLE "{schema}".messages (
  id bigserial PRIMARY KEY, uuid uuid NOT NULL UNIQUE,
  {thread} bigint NOT NULL REFERENCES "{schema}".threads(id) ON DELETE CASCADE,
  {json} jsonb, {created} timestamp DEFAULT now() NOT NULL);
"""
COLUMNS = {
    "snake_case": {
        "public": "public_id",
        "resource": "resource_id",
        "created": "created_at",
        "updated": "updated_at",
        "thread": "thread_id",
        "json": "ai_sdk_v5",
    },
    "camelCase": {
        "public": '"publicId"',
        "resource": '"resourceId"',
        "created": '"createdAt"',
        "updated": '"updatedAt"',
        "thread": '"threadId"',
        "json": '"aiSdkV5"',
    },
}


def make(database: Database, casing: str, *payloads: str | None, schema: str = "ff_ai") -> None:
    """The tables with a thread t of the resource r that has these messages."""
    names, schema = COLUMNS[casing], schema.replace('"', '""')
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(TABLES.format(schema=schema, **names).encode())
        connection.execute(
            f'INSERT INTO "{schema}".threads ({names["public"]}, {names["resource"]}) '
            "VALUES ('t', 'r')".encode()
        )
        for payload in payloads:
            connection.execute(
                f'INSERT INTO "{schema}".messages (uuid, {names["thread"]}, {names["json"]}) '
                "VALUES (%s, 1, %s::jsonb)".encode(),
                (uuid4(), payload),
            )


SAID = '{"role": "user", "content": "Will it rain?"}'


@pytest.mark.parametrize("casing", sorted(COLUMNS))
def test_moving_again_adds_nothing(
    cli: Cli, database: Database, blocking_store: Store, casing: str
) -> None:
    """The command moves every thread once, in either casing. [J5 A13]"""
    make(database, casing, SAID, SAID)
    arguments = ("move", "ff-ai", database.superuser_url, "--casing", casing, "--json")
    ended = cli(*arguments)
    assert ended.code == 0
    assert ended.json == {
        "threads": {"total": 1, "new": 1},
        "messages": {"total": 2, "new": 2},
        "problems": [],
    }
    again = cli(*arguments)
    assert (again.code, again.json["messages"]) == (0, {"total": 2, "new": 0})
    assert blocking_store.owner("r").messages.count("t") == 2


def test_a_bad_row_is_told_and_ends_with_1(
    cli: Cli, database: Database, blocking_store: Store
) -> None:
    """The row is named, nothing of it is quoted, and the others are there. [J5]"""
    bad = '{"role": "robot", "content": "secret"}'
    make(database, "snake_case", SAID, bad, None, schema='odd "one')
    ended = cli(
        *("move", "ff-ai", database.superuser_url, "--ff-schema", 'odd "one'),
        *("--owner-prefix", "app-", "--resource", "r", "--zone", "Europe/Lisbon"),
    )
    assert ended.code == 1
    assert "1 threads, 1 of them new" in ended.out
    assert "role: must be one of" in ended.err
    assert "2 rows were not moved" in ended.err
    assert "secret" not in ended.out + ended.err
    assert blocking_store.owner("app-r").messages.count("t") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--casing", "camelCase"], 2),
        (["--ff-schema", "nowhere"], 2),
        (["--zone", "Mars"], 2),
    ],
)
def test_wrong_names_are_a_wrong_call(
    cli: Cli, database: Database, arguments: list[str], code: int
) -> None:
    """What the tables are not called is said, and nothing is moved."""
    make(database, "snake_case", SAID)
    ended = cli("move", "ff-ai", database.superuser_url, *arguments)
    assert ended.code == code
    assert ended.out == ""
    assert cli("threads", "--owner", "r", "--json").json["threads"] == []


def test_a_source_that_cannot_be_reached_is_said(cli: Cli) -> None:
    """It ends with 5, and a URL that is none with 2."""
    assert cli("move", "ff-ai", "postgresql://nobody@127.0.0.1:1/none").code == 5
    assert cli("move", "ff-ai", "nonsense").code == 2
