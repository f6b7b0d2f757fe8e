"""The contract of export and import: one thread, out as text and in again, the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.testing.contract.kit import Contract, ids, path, says, turns, user, window
from threadkeep.testing.contract.lossless import FEW, TEXTS
from threadkeep.testing.strategies import json_texts
from threadkeep.values.document import export_text
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import new_id
from threadkeep.values.message import Message
from threadkeep.values.thread import Thread

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
# What differs between a thread and its copy.
_OTHERS = ("id", "owner", "user", "updated_at")


def written(thread: str, *messages: Message) -> str:
    """A document of a thread with these messages, one after the other."""
    rows: list[Message] = []
    for place, message in enumerate(messages):
        parent = rows[-1].id if rows else None
        rows.append(replace(message, created_at=NOON, seq=place + 1, turn=1, parent_id=parent))
    head = rows[-1].id if rows else None
    count = (len(rows), 0, NOON, NOON, NOON)
    made = Thread(thread, "o", None, "T", "active", None, None, head, 1, *count)
    return "".join(export_text(made, rows))


def facts(text: str) -> Any:
    """What a document says, less what a copy has of its own; payloads as they are spelled."""

    def read(pairs: list[tuple[str, Any]]) -> Any:
        return [pair for pair in pairs if pair[0] != "seq"]

    document = dict(json.loads(text, object_pairs_hook=read, parse_float=str, parse_int=str))
    document["thread"] = [pair for pair in document["thread"] if pair[0] not in _OTHERS]
    return document


async def shown(chat: Owner, thread: str) -> list[Any]:
    """All paths and windows of a thread, and the payloads."""
    tree = await path(chat, thread, tree=True)
    seen: list[Any] = [(m.id, m.parent_id, m.turn, m.tokens, m.json) for m in tree]
    for leaf in [None, *ids(tree)]:
        seen.append(ids(await path(chat, thread, leaf=leaf)))
        seen.append(await window(chat, thread, turns=2, leaf=leaf))
    return seen


async def full(chat: Owner, thread: str) -> None:
    """A thread with all that a document can say."""
    await chat.threads.create(
        thread,
        title="T",
        metadata={"k": [1, None]},
        external_id="outside",
        created_at=NOON,
        format="x",
        payload='{ "of": "x", "of": 1e400 }',
    )
    await chat.messages.append(thread, turns(1, 2), created_at=NOON)
    said = Message.of("user", "b", id="b", metadata={"m": 1}, status="failed", session="s1")
    await chat.messages.append(thread, [said, says("c")], parent="u1")
    await chat.messages.append(thread, Message("tool", " null ", "x-own", id="n"), parent=None)
    await chat.messages.delete(thread, "a1")
    await chat.threads.set_head(thread, "u2")
    await chat.threads.update(thread, access="locked", access_reason="over", status="archived")


class TransferContract(Contract):
    """threads.export and threads.import_."""

    async def test_a_copy_is_the_same_but_for_its_names(self, chat: Owner, owner: Owners) -> None:
        """All that a thread is comes back in another owner: tree, head, times, states. [J3 J4]"""
        await full(chat, "t")
        text = await chat.threads.export("t")
        other = owner("other")
        made = await other.threads.import_(text)
        assert made.ids == {"t": made.thread.id}
        assert made.thread.id != "t"
        assert made.thread == await other.threads.get(made.thread.id)
        assert facts(await other.threads.export(made.thread.id)) == facts(text)
        assert await shown(other, made.thread.id) == await shown(chat, "t")
        thread = made.thread
        assert (thread.status, thread.access, thread.access_reason) == (
            "archived",
            "locked",
            "over",
        )
        assert (thread.head, thread.json) == ("u2", '{ "of": "x", "of": 1e400 }')
        assert (thread.created_at, thread.external_id) == (NOON, "outside")
        copied = await other.messages.get(thread.id, "b")
        assert (copied.status, copied.metadata, copied.session) == ("failed", {"m": 1}, "s1")
        assert copied.created_at is not None

    async def test_twice_is_two_threads(self, chat: Owner) -> None:
        """Each import makes a thread of its own, and both go on without each other. [J4]"""
        await chat.messages.append("t", turns(1, 1))
        text = await chat.threads.export("t")
        one, two = [(await chat.threads.import_(text)).thread.id for _ in range(2)]
        await chat.messages.append(one, turns(2, 2))
        await chat.messages.append(two, says("other"), parent="u1")
        assert ids(await path(chat, "t")) == ["u1", "a1"]
        assert ids(await path(chat, one)) == ["u1", "a1", "u2", "a2"]
        assert ids(await path(chat, two)) == ["u1", "other"]
        assert await chat.threads.count() == 3

    async def test_ids_users_and_titles_can_be_given(self, chat: Owner, owner: Owners) -> None:
        """A new id, the old one, another user or title, where asked, else as it says. [J4]"""
        await owner("chat", user="ann").messages.append("t", user("m"))
        text = await chat.threads.export("t")
        take = chat.threads.import_
        made = (await take(text, new_id="n", user="bob", title="B")).thread
        assert (made.id, made.user_id, made.title) == ("n", "bob", "B")
        assert (await take(text)).thread.user_id == "ann"
        assert (await take(text, user=None, title=None)).thread.user_id is None
        other = owner("other", user="eve")
        made = (await other.threads.import_(text, keep_ids=True)).thread
        assert (made.id, made.user_id, made.head) == ("t", "eve", "m")
        with pytest.raises(InvalidError):
            await other.threads.import_(text, user="ann")
        with pytest.raises(InvalidError):
            await take(text, new_id="x", keep_ids=True)
        flag: Any = "no"
        with pytest.raises(InvalidError):
            await take(text, keep_ids=flag)

    async def test_an_id_that_is_taken_is_a_conflict(self, chat: Owner, owner: Owners) -> None:
        """The thread that has it stays as it is; of another user's it says not found. [J4]"""
        ann = owner("chat", user="ann")
        await ann.messages.append("t", user("m"))
        text = await chat.threads.export("t")
        before = await path(chat, "t", tree=True)
        ways: list[dict[str, Any]] = [{"keep_ids": True}, {"new_id": "t"}]
        for which in ways:
            with pytest.raises(ConflictError) as caught:
                await ann.threads.import_(text, **which)
            assert (caught.value.reason, caught.value.id) == ("exists", "t")
            with pytest.raises(NotFoundError):
                await owner("chat", user="bob").threads.import_(text, **which)
        assert await path(chat, "t", tree=True) == before
        assert await chat.threads.count() == 1

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    async def test_payloads_are_kept_verbatim(self, chat: Owner, text: str) -> None:
        """The text of a payload is the same byte for byte, here and there. [J3 J4]"""
        await chat.threads.create("t", format="x-own", payload=text)
        await chat.messages.append("t", Message("user", text, "x-own", id="m"))
        document = await chat.threads.export("t")
        for data in (document, document.encode()):
            made = (await chat.threads.import_(data)).thread
            assert made.json == text
            [message] = await path(chat, made.id)
            assert (message.json, message.format) == (text, "x-own")

    async def test_500_levels_fit_in_a_document(self, chat: Owner) -> None:
        """A payload as deep as payloads may be goes out and comes in."""
        deep = "[" * 500 + "]" * 500
        await chat.messages.append("t", Message("user", deep, "x-own", id="m"))
        made = (await chat.threads.import_(await chat.threads.export("t"))).thread
        assert (await chat.messages.get(made.id, "m")).json == deep
        deeper = written("t", Message("user", f"[{deep}]", "x-own", id="m"))
        with pytest.raises(InvalidError):
            await chat.threads.import_(deeper)

    @FEW
    @given(texts=st.lists(json_texts(), min_size=1, max_size=4))
    async def test_any_payload_is_cut_out_exactly(self, chat: Owner, texts: list[str]) -> None:
        """Whatever JSON the payloads are, a document gives each its own text back. [J4]"""
        listed = [Message("user", text, "x-own", id=f"m{n}") for n, text in enumerate(texts)]
        made = (await chat.threads.import_(written("t", *listed))).thread
        assert [m.json for m in await path(chat, made.id)] == texts

    async def test_a_decoded_document_will_do(self, chat: Owner) -> None:
        """A mapping is taken as well; its payloads are encoded anew, infinities included."""
        await chat.messages.append("t", user("m"))
        own = Message("user", '{"a" : 1e400, "b":-0.0}', "x-own", id="n")
        await chat.messages.append("t", own)
        made = (await chat.threads.import_(json.loads(await chat.threads.export("t")))).thread
        assert ids(await path(chat, made.id)) == ["m", "n"]
        assert (await chat.messages.get(made.id, "n")).json == '{"a":1e999,"b":-0.0}'

    @FEW
    @given(st.data())
    async def test_any_tree_comes_back(self, chat: Owner, data: st.DataObject) -> None:
        """On any tree all paths and windows of the copy are those of the thread. [J3 J4]"""
        one = new_id()
        known: list[str | None] = [None]
        for _ in range(data.draw(st.integers(1, 6))):
            parent = data.draw(st.sampled_from(known))
            batch = [user(f"m{len(known) + n}") for n in range(data.draw(st.integers(1, 3)))]
            known += ids(batch)
            await chat.messages.append(one, batch, parent=parent)
        for gone in data.draw(st.lists(st.sampled_from(known[1:]), max_size=3)):
            await chat.messages.delete(one, str(gone))
        left = ids(await path(chat, one, tree=True))
        if left:
            await chat.threads.set_head(one, data.draw(st.sampled_from(left)))
        text = await chat.threads.export(one)
        two = (await chat.threads.import_(text)).thread.id
        assert facts(await chat.threads.export(two)) == facts(text)
        assert await shown(chat, two) == await shown(chat, one)
        for thread in (one, two):
            await chat.messages.append(thread, turns(1, 1))
        assert await shown(chat, two) == await shown(chat, one)

    async def test_a_long_thread_is_copied_whole(self, chat: Owner) -> None:
        """More messages than one statement holds come in, in one transaction and in order."""
        await chat.messages.append_many({"t": [user(f"m{n}") for n in range(6_000)]})
        made = (await chat.threads.import_(await chat.threads.export("t"))).thread
        assert (made.message_count, made.head, made.turns) == (6_000, "m5999", 6_000)
        assert ids(await path(chat, made.id, limit=1000)) == [f"m{n}" for n in range(6_000)]

    async def test_an_empty_thread_is_a_thread(self, chat: Owner) -> None:
        """A thread without messages goes out and comes in; an unknown one does not."""
        await chat.threads.create("t")
        made = (await chat.threads.import_(await chat.threads.export("t"))).thread
        assert (made.head, made.message_count, made.turns) == (None, 0, 0)
        [m] = await chat.messages.append(made.id, user("m"))
        assert (m.seq, m.turn) == (1, 1)
        with pytest.raises(NotFoundError):
            await chat.threads.export("unknown")

    async def test_what_was_running_is_interrupted(self, chat: Owner) -> None:
        """A run goes on where it is; its message in the copy is interrupted, as in a fork."""
        async with chat.turn("t") as turn:
            await turn.append(replace(says("m"), status="running"))
            await chat.messages.append("t", replace(says("own"), status="running"))
            made = (await chat.threads.import_(await chat.threads.export("t"))).thread
        copied = await path(chat, made.id)
        assert [(m.id, m.status) for m in copied] == [("m", "interrupted"), ("own", "running")]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"format": "other"}, "data.format"),
            ({"version": 2}, "data.version"),
            ({"version": True}, "data.version"),
            ({"messages": {}}, "data.messages"),
            ({"thread": []}, "data.thread"),
            ({"head": "unknown"}, "data.head"),
            ({"head": 7}, "data.head"),
            ({"thread.id": ""}, "data.thread.id"),
            ({"thread.title": "a\0b"}, "data.thread.title"),
            ({"thread.title": 7}, "data.thread.title"),
            ({"thread.status": "gone"}, "data.thread.status"),
            ({"thread.access": "ajar"}, "data.thread.access"),
            ({"thread.access_reason": "none is due"}, "data.thread.access_reason"),
            ({"thread.metadata": {"k": "\0"}}, "data.thread.metadata"),
            ({"thread.created_at": "2025-01-01T00:00:00"}, "data.thread.created_at"),
            ({"thread.active_at": "then"}, "data.thread.active_at"),
            ({"thread.revision": -1}, "data.thread.revision"),
            ({"thread.payload": {}}, "data.thread.payload"),
            ({"message.id": "u1"}, "data.messages[1].id"),
            ({"message.id": None}, "data.messages[1].id"),
            ({"message.parent": "later"}, "data.messages[1].parent"),
            ({"message.parent": "a1"}, "data.messages[1].parent"),
            ({"message.role": "user"}, "data.messages[1].role"),
            ({"message.role": "robot"}, "data.messages[1].role"),
            ({"message.format": ""}, "data.messages[1].format"),
            ({"message.status": "odd"}, "data.messages[1].status"),
            ({"message.turn": 0.5}, "data.messages[1].turn"),
            ({"message.metadata": []}, "data.messages[1].metadata"),
            ({"message.created_at": "9999-12-31T23:59:59-23:00"}, "data.messages[1].created_at"),
            ({"message.session": "\ud800"}, "data.messages[1].session"),
            ({"message.payload": {"role": "assistant"}}, "data.messages[1].parts"),
        ],
    )
    async def test_what_is_wrong_is_named(
        self, chat: Owner, change: dict[str, Any], field: str
    ) -> None:
        """A wrong member is named with its place, and nothing is written. [J4]"""
        document = json.loads(written("t", user("u1"), says("a1")))
        [(name, value)] = change.items()
        where = {"thread": document["thread"], "message": document["messages"][1]}
        target, _, member = name.rpartition(".")
        (where[target] if target else document)[member] = value
        for data in (document, json.dumps(document)):
            with pytest.raises(InvalidError) as caught:
                await chat.threads.import_(data, keep_ids=True)
            assert caught.value.field == field
        assert await chat.threads.count() == 0

    async def test_what_is_missing_is_named(self, chat: Owner) -> None:
        """Each member that the first version had must be there; others may be, and are ignored."""
        later = {"access", "access_reason", "session", "run"}
        unread = {"head", "turns", "messages", "seq"}
        for place in ("", "thread", "messages"):
            names = json.loads(written("t", user("u1")))
            names = names[place] if place else names
            for name in (names[0] if place == "messages" else names).keys() - later:
                document = json.loads(written("t", user("u1")))
                target = document[place] if place else document
                del (target[0] if place == "messages" else target)[name]
                if place and name in unread:
                    await chat.threads.import_(document)
                    continue
                with pytest.raises(InvalidError) as caught:
                    await chat.threads.import_(document)
                assert caught.value.field.endswith(f".{name}")
        document = json.loads(written("t", user("u1")))
        for one in (document, document["thread"], document["messages"][0]):
            one["from a later version"] = {}
            for name in later:
                one.pop(name, None)
        made = (await chat.threads.import_(document)).thread
        assert (made.access, ids(await path(chat, made.id))) == ("open", ["u1"])

    @pytest.mark.parametrize("data", ["", "[]", "null", "{", b"\xff", 7, None, "{}", [], '"x"'])
    async def test_what_is_no_document_is_refused(self, chat: Owner, data: Any) -> None:
        """Anything else than a document is an InvalidError."""
        with pytest.raises(InvalidError) as caught:
            await chat.threads.import_(data)
        assert caught.value.field.startswith("data")
