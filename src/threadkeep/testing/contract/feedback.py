"""The contract of feedback: one word of each user on a message, as long as the message stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, says, turns, user, walk, walk_back
from threadkeep.values.errors import InvalidCursorError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from threadkeep.store import Owner
    from threadkeep.testing.contract.kit import Owners
    from threadkeep.values.feedback import Feedback

REMOVALS: dict[str, Callable[[Owner], Awaitable[Any]]] = {
    "delete": lambda chat: chat.messages.delete("t", "a2"),
    "truncate": lambda chat: chat.messages.truncate("t", "u2"),
    "pop_last": lambda chat: chat.messages.pop_last("t"),
    "replace_all": lambda chat: chat.messages.replace_all("t", [user("u1"), says("a2")]),
    "thread": lambda chat: chat.threads.delete("t"),
}


async def said(chat: Owner, **which: Any) -> list[tuple[str, str | None, str]]:
    """Message, user and kind of all feedback of the thread."""
    return [(f.message_id, f.user_id, f.kind) async for f in chat.feedback.list("t", **which)]


class FeedbackContract(Contract):
    """Saying, changing, taking back, lists, users, and what goes with its message."""

    async def test_what_is_said_is_read_again(self, chat: Owner) -> None:
        """A kind and a comment come back as they were given, blanks and all. [H4]"""
        await chat.messages.append("t", turns(1, 1))
        for comment in (None, "", "  \n so so é 😀 \t", "é" * 32768):
            given = await chat.feedback.set("t", "a1", "negative", comment=comment)
            assert (given.thread_id, given.message_id, given.user_id) == ("t", "a1", None)
            assert (given.kind, given.comment) == ("negative", comment)
            assert list(await chat.feedback.list("t")) == [given]

    async def test_a_second_word_takes_the_place_of_the_first(self, chat: Owner) -> None:
        """Kind and comment are replaced, created_at stays; the message does not change. [H4]"""
        await chat.messages.append("t", turns(1, 1))
        before = await chat.messages.get("t", "a1")
        first = await chat.feedback.set("t", "a1", "negative", comment="wrong")
        second = await chat.feedback.set("t", "a1", "positive")
        assert (second.kind, second.comment) == ("positive", None)
        assert second.created_at == first.created_at == first.updated_at < second.updated_at
        assert list(await chat.feedback.list("t")) == [second]
        assert await chat.messages.get("t", "a1") == before

    async def test_each_user_has_one_word(self, owner: Owners) -> None:
        """The owner's handle sees all and speaks for anybody; a user's only its own. [H4]"""
        whole, ann, bob = owner("a"), owner("a", "ann"), owner("a", "bob")
        await ann.messages.append("t", turns(1, 2))
        await ann.feedback.set("t", "a2", "positive")
        await whole.feedback.set("t", "a2", "negative", user="bob")
        await whole.feedback.set("t", "a1", "negative")
        everyone = [("a1", None, "negative"), ("a2", "ann", "positive"), ("a2", "bob", "negative")]
        assert await said(whole) == everyone
        assert await said(ann) == [("a2", "ann", "positive")]
        assert await said(bob) == []
        with pytest.raises(InvalidError) as wrong:
            await ann.feedback.set("t", "a2", "negative", user="bob")
        assert wrong.value.field == "user"
        with pytest.raises(NotFoundError):
            await bob.feedback.set("t", "a2", "positive")
        assert not await bob.feedback.clear("t", "a2")
        assert not await ann.feedback.clear("t", "a1")
        assert await said(whole) == everyone
        assert await ann.feedback.clear("t", "a2", user="ann")
        assert await whole.feedback.clear("t", "a2", user="bob")
        assert not await whole.feedback.clear("t", "a2")
        assert await whole.feedback.clear("t", "a1")
        assert await said(whole) == []

    async def test_only_of_messages_that_are_there(self, chat: Owner) -> None:
        """An unknown message or thread is NotFound, and nothing is made. [H4]"""
        await chat.messages.append("t", turns(1, 1))
        for thread, message in (("t", "unknown"), ("unknown", "a1")):
            with pytest.raises(NotFoundError) as caught:
                await chat.feedback.set(thread, message, "positive")
            assert (caught.value.kind, caught.value.id) == ("message", message)
            assert await chat.feedback.clear(thread, message) is False
        assert await said(chat) == []
        with pytest.raises(NotFoundError):
            await chat.threads.get("unknown")
        assert list(await chat.feedback.list("unknown")) == []

    @pytest.mark.parametrize(
        ("field", "given"),
        [
            *(("kind", {"kind": kind}) for kind in ("", "neutral", None, "Positive")),
            *(("comment", {"comment": c}) for c in ("a\0b", "\ud800", "é" * 32768 + "x", 7)),
            *(("user", {"user": u}) for u in ("", "\0")),
            ("message_id", {"message_id": ""}),
            ("thread_id", {"thread_id": "\0"}),
        ],
    )
    async def test_what_breaks_a_rule_is_invalid(
        self, chat: Owner, field: str, given: dict[str, Any]
    ) -> None:
        """The field is named, and nothing is written."""
        await chat.messages.append("t", turns(1, 1))
        call = {"thread_id": "t", "message_id": "a1", "kind": "positive", **given}
        with pytest.raises(InvalidError) as caught:
            await chat.feedback.set(**call)
        assert caught.value.field == field
        assert await said(chat) == []

    @pytest.mark.parametrize("removal", REMOVALS)
    async def test_feedback_goes_with_its_message(self, chat: Owner, removal: str) -> None:
        """However a message is removed, what users said of it is gone, and only that. [B11 H4]"""
        await chat.messages.append("t", turns(1, 2))
        await chat.messages.append("s", turns(1, 2))
        for thread in ("t", "s"):
            await chat.feedback.set(thread, "u1", "positive")
            await chat.feedback.set(thread, "a2", "negative", user="ann")
        await REMOVALS[removal](chat)
        kept = [] if removal in ("replace_all", "thread") else [("u1", None, "positive")]
        assert await said(chat) == kept
        assert len(await chat.feedback.list("s")) == 2
        if removal == "thread":
            await chat.messages.append("t", turns(1, 2))
            assert await said(chat) == []

    async def test_rewriting_a_message_keeps_its_feedback(self, chat: Owner) -> None:
        """An update, a re-parenting and an archive leave it; a fork starts without. [H4]"""
        await chat.messages.append("t", turns(1, 2))
        given = await chat.feedback.set("t", "a2", "positive")
        await chat.messages.update("t", "a2", says("a2", "better"))
        await chat.messages.delete("t", "u2")
        await chat.threads.archive("t")
        assert list(await chat.feedback.list("t")) == [given]
        fork = await chat.threads.fork("t")
        assert list(await chat.feedback.list(fork.id)) == []

    async def test_a_list_is_by_message_and_user(self, chat: Owner) -> None:
        """Each page once, both ways, also with the longest ids. [H4]"""
        await chat.messages.append("t", turns(1, 4))
        people = [None, "ann", "b" * 512, "\U0001f600" * 128]
        expected: list[Feedback] = []
        for message in ("u1", "a2", "a4"):
            expected += [
                await chat.feedback.set("t", message, "positive", user=person) for person in people
            ]
        for order, wanted in (("asc", expected), ("desc", expected[::-1])):
            pages = await walk(
                lambda **which: chat.feedback.list("t", **which), limit=3, order=order
            )
            assert items(pages) == wanted
            back = await walk_back(
                lambda **which: chat.feedback.list("t", **which), pages[-1], limit=3, order=order
            )
            assert items(back) == wanted
        assert [one async for one in chat.feedback.list("t", limit=5)] == expected
        cursor = (await chat.feedback.list("t", limit=3)).next
        for which in ({"thread_id": "s"}, {"thread_id": "t", "order": "desc"}):
            with pytest.raises(InvalidCursorError):
                await chat.feedback.list(cursor=cursor, **which)  # type: ignore[arg-type]

    async def test_words_said_at_once(self, chat: Owner) -> None:
        """Many words of one user leave one; those on a message that goes meanwhile go too. [H4]"""
        await chat.messages.append("t", turns(1, 6))
        await asyncio.gather(
            *(
                chat.feedback.set("t", "u1", "positive" if n % 2 else "negative", comment=f"{n}")
                for n in range(20)
            )
        )
        assert len(await chat.feedback.list("t")) == 1
        for n in range(2, 7):
            *answers, gone = await asyncio.gather(
                *(chat.feedback.set("t", f"a{n}", "positive", user=f"{k}") for k in range(4)),
                chat.messages.delete("t", f"a{n}"),
                return_exceptions=True,
            )
            assert gone is True
            errors = [one for one in answers if isinstance(one, BaseException)]
            assert all(isinstance(error, NotFoundError) for error in errors), errors
        assert len(await chat.feedback.list("t")) == 1

    async def test_a_comment_is_not_in_the_repr(self, chat: Owner) -> None:
        """Neither a traceback nor a log shows what a user wrote."""
        await chat.messages.append("t", user("m"))
        assert "secret" not in repr(await chat.feedback.set("t", "m", "negative", comment="secret"))
