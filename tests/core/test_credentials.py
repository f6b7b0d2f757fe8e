"""Credentials: what a check costs, what a line of tokens never does, and what nobody sees."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import permutations

import asyncpg
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import KEY, OWNER

from threadkeep import CredentialError, RefreshToken, Store, ThreadkeepError, connect, connect_async
from threadkeep.sql import statements
from threadkeep.sync import Owner
from threadkeep.testing.servers import Database
from threadkeep.testing.wire import counted

MANY_KEYS = """
INSERT INTO threadkeep.api_keys (owner_key, created_at, updated_at, owner_id, key_id, name, scopes,
  hash)
SELECT $1::bigint, now(), now(), $2::text, gen_random_uuid()::text, 'k', '{read}', sha256('k')
FROM generate_series(1, 20000)
"""
Answer = int | str
"""The generation that a use gave, or the reason why it gave none."""


@dataclass(slots=True)
class Model:
    """What a line is: the newest generation is unused, and only it and the one before are good."""

    newest: int = 0

    def use(self, generation: int) -> Answer:
        """What a use answers."""
        if generation > self.newest:
            return "refresh_unknown"
        if generation < self.newest - 1:
            return "refresh_replayed"
        self.newest = generation + 1
        return self.newest


@dataclass(slots=True)
class Line:
    """A line in the store; each generation that was ever seen of it must always look the same."""

    chat: Owner
    id: str
    seen: dict[int, RefreshToken] = field(default_factory=dict)

    def use(self, generation: int) -> Answer:
        """Use a generation."""
        try:
            made = self.chat.refresh_tokens.use(self.id, generation, lifetime=600)
        except CredentialError as error:
            return error.reason
        assert self.seen.setdefault(made.generation, made) == made
        return made.generation

    def good(self, most: int) -> list[int]:
        """The generations up to this one that are good."""
        found = []
        for generation in range(most + 1):
            try:
                line = self.chat.refresh_tokens.check(self.id, generation)
            except CredentialError:
                continue
            assert line.generation - generation in (0, 1)
            found.append(generation)
        return found


def fits(newest: int, uses: Sequence[int], answers: Sequence[Answer]) -> set[int]:
    """The newest generations that some order of the uses ends with, if it gives these answers."""
    ends = set()
    for order in permutations(range(len(uses))):
        model = Model(newest)
        if all(model.use(uses[n]) == answers[n] for n in order):
            ends.add(model.newest)
    return ends


BACK = st.integers(-1, 3)
STEPS = st.lists(st.lists(BACK, min_size=1, max_size=3), min_size=1, max_size=8)
LOSSES = st.lists(st.tuples(st.booleans(), st.lists(st.integers(1, 3), max_size=2)), max_size=9)
QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(steps=STEPS)
def test_a_line_is_as_its_model_under_retries_and_races(
    blocking_store: Store, steps: list[list[int]]
) -> None:
    """Uses of any generations, one by one and at once, answer as in some order of them.

    So two live successors never stand beside each other, and what is older is refused.
    """
    chat = blocking_store.owner("o")
    line, newest = Line(chat, chat.refresh_tokens.create(lifetime=600).id), 0
    with ThreadPoolExecutor(3) as pool:
        for backs in steps:
            uses = [max(newest - back, 0) for back in backs]
            answers = list(pool.map(line.use, uses))
            good = line.good(newest + len(uses) + 1)
            assert good[-1] in fits(newest, uses, answers), (newest, uses, answers)
            newest = good[-1]
            assert good == [n for n in (newest - 1, newest) if n >= 0]


@QUICK
@given(steps=LOSSES)
def test_a_lost_answer_never_loses_the_identity(
    blocking_store: Store, steps: list[tuple[bool, list[int]]]
) -> None:
    """Whoever holds the newest token it was told of gets on, whatever older one is replayed."""
    chat = blocking_store.owner("o")
    line, held = Line(chat, chat.refresh_tokens.create(lifetime=600).id), 0
    for lost, replays in steps:
        for back in replays:
            line.use(max(held - back, 0))
        answer = line.use(held)
        assert answer == held + 1
        held = held if lost else held + 1
    assert chat.refresh_tokens.check(line.id, held).generation in (held, held + 1)


@pytest.mark.parametrize("server", ["postgres", "debian15"], indirect=True)
async def test_a_check_reads_one_key_of_many(database: Database) -> None:
    """Of 20 000 keys of an owner a check reads one, by one statement in one round trip. [A17]"""
    superuser = await asyncpg.connect(database.superuser_url)
    try:
        await superuser.execute(MANY_KEYS, KEY, OWNER)
    finally:
        await superuser.close()
    with counted(database.url) as wire:
        async with connect_async(wire.url, pool_size=1) as store:
            made = await store.owner(OWNER).keys.create("app")
            await store.check_key(made.text)
            trips = wire.trips
            assert await store.check_key(made.text) == made.key
            assert wire.trips - trips == 1
    app = await asyncpg.connect(database.url)
    try:
        for mode in ("force_custom_plan", "force_generic_plan"):
            await app.execute(f"SET plan_cache_mode = {mode}")
            query = statements("threadkeep")["key_check"].text
            text = await app.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", KEY, made.key.id
            )
            plan = json.loads(text)[0]["Plan"]
            assert round(plan["Actual Rows"]) == 1
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 16, (mode, plan)
    finally:
        await app.close()


def test_no_log_and_no_error_shows_a_credential(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a key's secret nor its hash is in a log, a repr or the trace of an error. [A18]"""
    caplog.set_level(logging.DEBUG)
    told = []
    with connect(database.url) as store:
        keys = store.owner("o").keys
        made = keys.create("app")
        new = keys.rotate(made.key.id)
        forged = made.text[:-1] + ("a" if made.text[-1] != "a" else "b")
        told.append(repr([made, new, keys.get(new.key.id)]))
        for text in (made.text, forged, made.text + "x"):
            with pytest.raises(CredentialError) as refused:
                store.check_key(text)
            told.append("".join(traceback.format_exception(refused.value)) + repr(refused.value))
        for change in ("ADD CHECK (name <> 'no') NOT VALID", "RENAME TO elsewhere"):
            damage(database, change)
            with pytest.raises(ThreadkeepError) as failed:
                keys.create("no")
            told.append("".join(traceback.format_exception(failed.value)))
        with pytest.raises(ThreadkeepError) as failed:
            store.check_key(new.text)
        told.append("".join(traceback.format_exception(failed.value)))
    shown = "".join([*told, caplog.text])
    for text in (made.text, new.text, forged):
        secret = text.rpartition("_")[2]
        hash_ = sha256(secret.encode()).digest()
        for hidden in (secret[:-1], hash_.hex(), repr(hash_)):
            assert hidden not in shown
    assert "Failing row" not in shown


def damage(database: Database, change: str) -> None:
    """Change the table of keys by hand."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE threadkeep.api_keys {change}".encode())
