"""The contract of attachments: what is known of files, whose they are, and when they go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, user, walk, walk_back
from threadkeep.values.errors import InvalidCursorError, InvalidError, NotFoundError
from threadkeep.values.unset import UNSET

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.attachment import Attachment

# As a ChatKit server may send it, spaced as nobody else would.
CHATKIT = (
    '{ "type":"image", "id":"atc_1" ,"name":"caf\\u00e9 \\u0000 \\ud800.png",'
    '"mime_type":"image/png","preview_url":"https:\\/\\/example.org\\/p?n=1e400",'
    ' "upload_descriptor":{"method":"PUT","url":"https://example.org/u","headers":{"b":"1","a":"2"}},"thread_id":null,"own":[-0.0,1]}\n'
)
AT = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
WRONG: list[tuple[str, dict[str, Any]]] = [
    *(("name", {"name": value}) for value in ("", "x" * 1025, "é" * 513, "a\0", "\ud800", None)),
    *(("media_type", {"media_type": value}) for value in ("", "x" * 1025, "\0", b"text/plain")),
    *(("size", {"size": value}) for value in (-1, 2**63, 1.0, True, "1")),
    *(("thread", {"thread": value}) for value in ("", "a\0", 7)),
    *(("user", {"user": value}) for value in ("", "x" * 513)),
    ("payload", {"format": "chatkit"}),
    ("payload", {"payload": "{}"}),
    ("payload", {"format": "chatkit", "payload": "{"}),
    ("payload", {"format": "chatkit", "payload": {"x": float("nan")}}),
    ("format", {"format": "", "payload": "{}"}),
    ("metadata", {"metadata": [1]}),
    ("stored_at", {"stored_at": datetime(2026, 5, 1)}),  # noqa: DTZ001 (what is refused)
    ("stored_at", {"stored_at": "now"}),
]


async def saved(chat: Owner, id: str | None, **more: Any) -> Attachment:
    """An attachment of which only what a test is about is said."""
    return await chat.attachments.save(
        id, **{"name": f"{id}.png", "media_type": "image/png", **more}
    )


async def all_of(chat: Owner, **which: Any) -> list[str]:
    """The ids of a list."""
    return [one.id async for one in chat.attachments.list(**which)]


class AttachmentsContract(Contract):
    """Saving, reading, lists, owners and users, deletion."""

    async def test_what_is_saved_is_read_again(self, chat: Owner) -> None:
        """Each way of reading gives the attachment as it was saved. [G12]"""
        await chat.threads.create("t")
        given: dict[str, Any] = {
            "name": "é" * 512,
            "media_type": "application/vnd.example+json; charset=utf-8",
            "size": 2**63 - 1,
            "thread": "t",
            "user": "ann",
            "format": "chatkit",
            "payload": CHATKIT,
            "metadata": {"a": [1, None], "b": {}},
            "stored_at": AT,
        }
        made = await chat.attachments.save("a" * 512, **given)
        assert {name: getattr(made, name) for name in given if hasattr(made, name)} == {
            name: value
            for name, value in given.items()
            if name not in ("thread", "user", "payload")
        }
        assert (made.id, made.owner_id) == ("a" * 512, chat.owner_id)
        assert (made.thread_id, made.user_id, made.json) == ("t", "ann", CHATKIT)
        assert made.created_at == made.updated_at
        assert await chat.attachments.get(made.id) == made
        assert await chat.attachments.get_many([made.id]) == {made.id: made}
        assert list(await chat.attachments.list()) == [made]
        assert list(await chat.attachments.list(thread="t")) == [made]
        least = await saved(chat, None, name="n")
        assert (least.size, least.thread_id, least.user_id) == (None, None, None)
        assert (least.metadata, least.format, least.json, least.stored_at) == (None,) * 4
        assert await chat.attachments.get(least.id) == least

    @pytest.mark.parametrize("given", [CHATKIT, CHATKIT.encode(), {"b": 1, "a": "\0 \ud800 é"}])
    async def test_a_payload_is_kept_verbatim(self, chat: Owner, given: Any) -> None:
        """The object of a framework comes back byte for byte, also once written over. [C12 G12]"""
        text = '{"b":1,"a":"\\u0000 \\ud800 é"}' if isinstance(given, dict) else CHATKIT
        await saved(chat, "a", format="older", payload="1")
        made = await saved(chat, "a", format="chatkit", payload=given)
        assert (made.format, made.json) == ("chatkit", text)
        assert (await chat.attachments.get("a")).json == text

    async def test_saving_again_writes_over_it(self, chat: Owner) -> None:
        """Its user and created_at stay; what is not given stays where None would clear it. [G12]"""
        for thread in ("t", "s"):
            await chat.threads.create(thread)
        first = await saved(chat, "a", user="ann", thread="t", metadata={"k": 1}, stored_at=AT)
        second = await chat.attachments.save("a", name="b", media_type="text/plain", size=0)
        assert second.updated_at > first.updated_at
        assert (second.created_at, second.user_id) == (first.created_at, "ann")
        assert (second.name, second.media_type, second.size) == ("b", "text/plain", 0)
        assert (second.thread_id, second.metadata, second.stored_at) == ("t", {"k": 1}, AT)
        moved = await saved(chat, "a", thread="s", metadata={}, stored_at=AT - timedelta(1))
        assert (moved.thread_id, moved.metadata) == ("s", {})
        assert moved.stored_at == AT - timedelta(1)
        bare = await saved(chat, "a", thread=None, metadata=None, stored_at=None)
        assert (bare.thread_id, bare.metadata, bare.stored_at, bare.size) == (None,) * 4
        assert bare.created_at == first.created_at

    async def test_an_upload_in_two_phases(self, chat: Owner) -> None:
        """Announced, then stored, then in a thread: the row says how far it is. [G12]"""
        announced = await saved(chat, "a", format="chatkit", payload=CHATKIT)
        assert (announced.stored_at, announced.thread_id) == (None, None)
        assert await all_of(chat, unused_before=datetime.now(UTC) + timedelta(1)) == ["a"]
        stored = await saved(chat, "a", size=3, stored_at=AT, format="chatkit", payload="{}")
        assert (stored.stored_at, stored.size, stored.json) == (AT, 3, "{}")
        await chat.messages.append("t", user("m"))
        used = await saved(chat, "a", size=3, thread="t", format="chatkit", payload="{}")
        assert (used.stored_at, used.thread_id) == (AT, "t")
        assert await all_of(chat, unused_before=datetime.now(UTC) + timedelta(1)) == []

    @pytest.mark.parametrize("user", [None, "ann"])
    async def test_a_thread_must_be_there(self, owner: Owners, user: str | None) -> None:
        """An unknown thread, another owner's or user's is NotFound, and nothing is written."""
        chat = owner("chat", user)
        await owner("other").threads.create("theirs")
        await owner("chat", "bob").threads.create("bobs")
        before = await saved(chat, "a")
        for thread in ("unknown", "theirs", *(["bobs"] if user else [])):
            for id in ("a", "new"):
                with pytest.raises(NotFoundError) as caught:
                    await saved(chat, id, thread=thread, name="changed")
                assert (caught.value.kind, caught.value.id) == ("thread", thread)
        assert [one async for one in chat.attachments.list()] == [before]
        if user is None:
            assert (await saved(chat, "a", thread="bobs")).thread_id == "bobs"

    async def test_an_id_held_by_another_user_is_not_found(self, owner: Owners) -> None:
        """Who speaks for one user neither sees nor changes what is another's or nobody's. [G12]"""
        whole, ann, bob = owner("a"), owner("a", "ann"), owner("a", "bob")
        before = [await saved(ann, "anns"), await saved(whole, "nobodys")]
        attempts = [(bob, {}), (whole, {"user": "bob"}), (bob, {"user": "bob"})]
        for one in before:
            for chat, more in attempts:
                with pytest.raises(NotFoundError) as caught:
                    await saved(chat, one.id, name="taken over", **more)
                assert (caught.value.kind, caught.value.id) == ("attachment", one.id)
            with pytest.raises(NotFoundError):
                await bob.attachments.get(one.id)
            assert not await bob.attachments.delete(one.id)
        assert await bob.attachments.get_many(["anns", "nobodys"]) == {}
        assert await all_of(bob) == []
        assert [one async for one in whole.attachments.list(order="asc")] == before
        assert await all_of(ann) == ["anns"]
        with pytest.raises(InvalidError) as wrong:
            await saved(bob, "x", user="ann")
        assert wrong.value.field == "user"
        assert (await saved(whole, "anns", user="ann", name="n")).user_id == "ann"
        assert (await saved(whole, "anns", name="o")).user_id == "ann"

    async def test_the_same_id_of_two_owners_is_two(self, owner: Owners) -> None:
        """Owners share nothing, whatever their ids. [G12]"""
        mine, theirs = owner("a"), owner("b")
        first, second = await saved(mine, "x", name="mine"), await saved(theirs, "x", name="theirs")
        assert await mine.attachments.delete("x")
        assert await theirs.attachments.get("x") == second
        with pytest.raises(NotFoundError):
            await mine.attachments.get("x")
        assert first.name == "mine"

    async def test_many_are_verified_at_once(self, owner: Owners) -> None:
        """get_many leaves out what is unknown or another's, and keeps the order given. [C16]"""
        chat, other = owner("a", "ann"), owner("a", "bob")
        for id in ("x", "y", "z"):
            await saved(chat, id)
        await saved(other, "foreign")
        await saved(owner("b"), "b")
        found = await chat.attachments.get_many(["z", "foreign", "x", "unknown", "z", "b"])
        assert list(found) == ["z", "x"]
        assert found["z"] == await chat.attachments.get("z")
        assert list(await owner("a").attachments.get_many(["foreign", "x"])) == ["foreign", "x"]
        assert await chat.attachments.get_many(()) == {}
        for wrong in ("xyz", 5, [""], [7], [f"{n}" for n in range(1001)]):
            with pytest.raises(InvalidError):
                await chat.attachments.get_many(wrong)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("field", "given"), WRONG)
    async def test_what_breaks_a_rule_is_invalid(
        self, chat: Owner, field: str, given: dict[str, Any]
    ) -> None:
        """The field is named, and nothing is written."""
        with pytest.raises(InvalidError) as caught:
            await saved(chat, "a", **given)
        assert caught.value.field == field
        assert await all_of(chat) == []

    async def test_lists_are_by_time_and_whole(self, owner: Owners) -> None:
        """All, of a user, of a thread, unused: each once, both ways, also with long ids. [G12]"""
        whole, ann = owner("a"), owner("a", "ann")
        await ann.threads.create("t")
        made = []
        for n in range(12):
            chat = ann if n % 2 else whole
            thread = "t" if n % 3 == 0 else UNSET
            made.append(await saved(chat, f"{n}".ljust(512, "x"), thread=thread))
        later = made[-1].created_at + timedelta(seconds=1)
        lists: list[tuple[Owner, dict[str, Any], list[Attachment]]] = [
            (whole, {}, made),
            (ann, {}, made[1::2]),
            (whole, {"thread": "t"}, made[::3]),
            (ann, {"thread": "t"}, [one for one in made[::3] if one.user_id]),
            (whole, {"unused_before": later}, [one for one in made if one.thread_id is None]),
            (whole, {"unused_before": made[7].created_at}, [made[n] for n in (1, 2, 4, 5)]),
            (ann, {"unused_before": later}, [made[n] for n in (1, 5, 7, 11)]),
            (ann, {"thread": "unknown"}, []),
        ]
        for chat, which, expected in lists:
            for order, wanted in (("asc", expected), ("desc", expected[::-1])):
                pages = await walk(chat.attachments.list, limit=2, order=order, **which)
                assert items(pages) == wanted, (which, order)
                back = await walk_back(
                    chat.attachments.list, pages[-1], limit=2, order=order, **which
                )
                assert items(back) == wanted
            assert [one async for one in chat.attachments.list(limit=5, **which)] == expected[::-1]

    async def test_a_cursor_belongs_to_its_list(self, owner: Owners) -> None:
        """A cursor of another list, user or owner is an InvalidCursorError."""
        chat = owner("a")
        await chat.threads.create("t")
        for n in range(3):
            await saved(chat, f"{n}", thread="t")
        cursor = (await chat.attachments.list(limit=1)).next
        others: list[tuple[Owner, dict[str, Any]]] = [
            (chat, {"thread": "t"}),
            (chat, {"order": "asc"}),
            (chat, {"unused_before": AT}),
            (owner("a", "ann"), {}),
            (owner("b"), {}),
        ]
        for other, which in others:
            with pytest.raises(InvalidCursorError):
                await other.attachments.list(cursor=cursor, **which)
        with pytest.raises(InvalidError):
            await chat.attachments.list(thread="t", unused_before=AT)
        with pytest.raises(InvalidError):
            await chat.attachments.list(unused_before=datetime(2026, 5, 1))  # noqa: DTZ001

    async def test_a_thread_takes_its_attachments_along(self, chat: Owner) -> None:
        """Deleting a thread deletes the rows of its attachments, and no others. [B11 G12]"""
        for thread in ("t", "s"):
            await chat.messages.append(thread, user("m"))
            await saved(chat, f"of-{thread}", thread=thread)
        await saved(chat, "loose")
        assert await chat.threads.delete("t")
        assert await all_of(chat) == ["loose", "of-s"]
        assert await chat.attachments.get_many(["of-t"]) == {}
        await chat.messages.append("t", user("m"))
        assert await all_of(chat, thread="t") == []

    async def test_deleting_says_whether_there_was_one(self, chat: Owner) -> None:
        """True once, then False; a thread stays. [G12]"""
        await chat.threads.create("t")
        await saved(chat, "a", thread="t")
        assert await chat.attachments.delete("a") is True
        assert await chat.attachments.delete("a") is False
        assert await chat.attachments.delete("unknown") is False
        await chat.threads.get("t")
        with pytest.raises(NotFoundError):
            await chat.attachments.get("a")

    async def test_a_collector_leaves_what_is_used(self, chat: Owner) -> None:
        """With unused_before only what is still in no thread and old enough is deleted. [G12]"""
        await chat.threads.create("t")
        one = await saved(chat, "a")
        later = one.created_at + timedelta(seconds=1)
        assert await chat.attachments.delete("a", unused_before=one.created_at) is False
        await saved(chat, "a", thread="t")
        assert await chat.attachments.delete("a", unused_before=later) is False
        await saved(chat, "a", thread=None)
        assert await chat.attachments.delete("a", unused_before=later) is True

    async def test_savers_and_deleters_meet(self, chat: Owner) -> None:
        """Saves of one id at once make one row; a thread that is deleted meanwhile is NotFound."""
        made = await asyncio.gather(*(saved(chat, "a", size=n) for n in range(20)))
        assert len({one.created_at for one in made}) == 1
        assert (await chat.attachments.get("a")).size in range(20)
        for n in range(10):
            await chat.threads.create(f"t{n}")
            *answers, deleted = await asyncio.gather(
                *(saved(chat, f"{n}-{k % 2}", thread=f"t{n}") for k in range(6)),
                chat.threads.delete(f"t{n}"),
                return_exceptions=True,
            )
            assert deleted is True
            errors = [one for one in answers if isinstance(one, BaseException)]
            assert all(isinstance(error, NotFoundError) for error in errors), errors
        assert await all_of(chat) == ["a"]

    async def test_nothing_of_a_file_is_in_its_repr(self, chat: Owner) -> None:
        """Neither its name nor what an app or a framework says of it."""
        one = await saved(
            chat, "a", name="secret", metadata={"secret": 1}, format="f", payload='"secret"'
        )
        assert "secret" not in repr(one)
