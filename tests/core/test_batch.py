"""What a batch holds reaches its columns as it is, on both drivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from threadkeep import AsyncStore, Message, Store
from threadkeep.core.append import append, batch
from threadkeep.core.drafts import Draft, Drafting, estimate_tokens
from threadkeep.sync import step
from threadkeep.testing.servers import Database
from threadkeep.testing.strategies import json_texts
from threadkeep.values import jsontext

DRAFTING = Drafting(lambda _: None, estimate_tokens)
NASTY = (
    "NULL",
    "null",
    "{}",
    "a,b",
    '"',
    "\\",
    "\\x1e",
    " ",
    "\n",
    "\x01",
    "\x1e",
    "é😀",
    "'$1::text'",
)
READ = (
    "SELECT message_id, format, created_at, turn, tokens, starts, cut, calls, answers, "
    "metadata::text, payload::text FROM threadkeep.messages WHERE owner_key = (SELECT owner_key "
    "FROM threadkeep.threads WHERE owner_id = %s) ORDER BY seq"
)

held = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
texts = st.sampled_from(NASTY) | st.lists(st.sampled_from(NASTY), max_size=4).map("".join) | held
links = st.none() | st.lists(texts, min_size=1, max_size=3)
instants = st.datetimes(datetime(1, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001
examples = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def drafts(draw: st.DrawFn) -> list[Draft]:
    """A batch, with all that a draft may hold."""
    made = []
    for name in draw(st.lists(texts, min_size=1, max_size=4, unique=True)):
        metadata = draw(st.none() | st.dictionaries(texts, texts, max_size=2))
        message = Message(
            "user",
            draw(json_texts()),
            "f" + draw(texts),
            "m" + name,
            draw(st.none() | instants),
            metadata,
        )
        draft = DRAFTING.message(message, created_at=None)
        draft = replace(draft, starts=draw(st.booleans()), cut=draw(st.booleans()))
        made.append(replace(draft, calls=draw(links), answers=draw(links)))
    return made


def check(database: Database, owner: str, given: Sequence[Draft], stored: list[Message]) -> None:
    """Compare the rows of an owner, who has nothing else, and the answer, with the drafts."""
    with psycopg.connect(database.superuser_url) as connection:
        rows = connection.execute(READ, (owner,)).fetchall()
    assert len(rows) == len(stored) == len(given)
    starts = 0
    for row, message, draft in zip(rows, stored, given, strict=True):
        starts += draft.starts
        assert row[:2] == (draft.id, draft.format)
        assert row[2] == message.created_at == (draft.created_at or message.updated_at)
        assert row[3:7] == (starts, draft.tokens, draft.starts, draft.cut)
        assert row[7:9] == (draft.calls, draft.answers)
        assert (row[9] and jsontext.decode(row[9])) == draft.metadata
        assert row[10] == message.json == draft.json


@examples
@given(given=drafts())
def test_a_batch_is_stored_as_it_is_by_psycopg(
    blocking_store: Store, database: Database, given: list[Draft]
) -> None:
    """Each member comes to its column equal, whatever text it is."""
    owner = str(uuid4())
    scope: Any = blocking_store.owner(owner)._inner._scope
    check(database, owner, given, step(append(scope, "t", given)))


@examples
@given(given=drafts())
async def test_a_batch_is_stored_as_it_is_by_asyncpg(
    store: AsyncStore, database: Database, given: list[Draft]
) -> None:
    """Each member comes to its column equal, whatever text it is."""
    owner = str(uuid4())
    check(database, owner, given, await append(store.owner(owner)._scope, "t", given))


@given(json_texts())
def test_no_payload_holds_the_separator(text: str) -> None:
    """Two payloads stay two: JSON text has no control characters but white space."""
    draft = DRAFTING.message(Message("user", text, "f", "m"), created_at=None)
    assert batch([draft, draft])[1].split("\x1e") == [text, text]


@pytest.mark.parametrize("size", [1, 4 << 20])
def test_a_payload_may_be_large(blocking_store: Store, size: int) -> None:
    """A text of megabytes full of quotes comes back."""
    text = '"\\é' * size
    chat = blocking_store.owner("o")
    chat.messages.append("t", [Message.user(text, id="m"), Message.user("x")])
    assert chat.messages.get("t", "m").text == text
