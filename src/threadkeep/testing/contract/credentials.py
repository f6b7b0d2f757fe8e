"""The contract of credentials: API keys, and lines of refresh tokens."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, items, walk, walk_back
from threadkeep.values.errors import (
    ConflictError,
    CredentialError,
    InvalidCursorError,
    InvalidError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from threadkeep.store import AsyncStore, Owner
    from threadkeep.testing.contract.kit import Owners

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE = datetime(2200, 1, 1, tzinfo=UTC)
LINE, OTHER = "line", "other"
SOON = 0.001
NAIVE = datetime(2200, 1, 1)  # noqa: DTZ001


async def refused(call: Awaitable[object]) -> str:
    """The reason of a CredentialError, which carries nothing else."""
    with pytest.raises(CredentialError) as caught:
        await call
    assert list(vars(caught.value)) == ["reason"]
    assert caught.value.code == "credential"
    return caught.value.reason


async def conflict(call: Awaitable[object]) -> tuple[str, str | None]:
    """The reason of a ConflictError, and the id it names."""
    with pytest.raises(ConflictError) as caught:
        await call
    return caught.value.reason, caught.value.id


async def unknown(call: Awaitable[object]) -> tuple[str, str]:
    """What a NotFoundError calls unknown."""
    with pytest.raises(NotFoundError) as caught:
        await call
    return caught.value.kind, caught.value.id


async def wrong(call: Awaitable[object]) -> str:
    """The field that an InvalidError names."""
    with pytest.raises(InvalidError) as caught:
        await call
    return caught.value.field


async def ended(chat: Owner, line: str) -> None:
    """Wait until a line is past its end, by the server's clock."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(CredentialError):
                await chat.refresh_tokens.check(line, 0)
                await asyncio.sleep(SOON)
                continue
            assert await refused(chat.refresh_tokens.check(line, 0)) == "refresh_expired"
            return


class CredentialsContract(Contract):
    """API keys and refresh tokens."""

    async def test_a_key_is_known_by_its_text(self, store: AsyncStore, chat: Owner) -> None:
        """The text that `create` gave tells owner, user, scopes and all; it is in no other answer.

        [A18]
        """
        made = await chat.keys.create(
            "app", scopes=["read", "x:y", "read"], user="ann", expires_at=FUTURE
        )
        key = made.key
        assert (key.owner_id, key.user_id, key.name) == (chat.owner_id, "ann", "app")
        assert (key.scopes, key.expires_at) == (("read", "x:y"), FUTURE)
        assert (key.revoked_at, key.replaces) == (None, None)
        assert key.created_at == key.updated_at
        assert await store.check_key(made.text) == key == await chat.keys.get(key.id)
        plain = await chat.keys.create("plain")
        assert plain.key.scopes == ("read", "write")
        assert (plain.key.user_id, plain.key.expires_at) == (None, None)
        assert await store.check_key(plain.text) == plain.key
        secret = made.text.rpartition("_")[2]
        assert len(secret) == 32
        listed = [key async for key in chat.keys.list()]
        assert secret not in f"{made!r} {listed!r}"

    async def test_a_text_that_is_no_key_is_refused(self, store: AsyncStore, chat: Owner) -> None:
        """Malformed, of no key, or with another secret: a reason each, and nothing of the text."""
        text = (await chat.keys.create("app")).text
        mark, owner_key, key_id, secret = text.split("_")
        other = "".join("b" if character == "a" else "a" for character in secret)
        nobody = f"{int(owner_key, 16) ^ 1:016x}"
        for part in (
            [mark, owner_key, key_id, other],
            [mark, owner_key, key_id[::-1], secret],
            [mark, nobody, key_id, secret],
        ):
            assert await refused(store.check_key("_".join(part))) == "key_unknown"
        malformed: list[Any] = ["", "tk_", text[:-1], f"{text}\n", f" {text}", 1, None]
        malformed += [text.upper(), text.encode(), text.replace("tk", "sk"), text.replace("_", "-")]
        malformed += [text[:-1] + "\ud800", text[:-1] + "\0", text * 10_000]
        malformed += ["_".join([mark, owner_key, "%" * 36, secret])]
        malformed += [text.replace(owner_key, "f" * 17), text[:-1] + "\uff11"]
        for one in malformed:
            with pytest.raises(CredentialError) as caught:
                await store.check_key(one)
            assert caught.value.reason == "key_malformed"
            assert secret[:-1] not in repr(caught.value)

    async def test_a_key_ends(self, store: AsyncStore, chat: Owner) -> None:
        """Past its expiry and once it is revoked a key is refused; the first revocation stands."""
        old = await chat.keys.create("old", expires_at=PAST)
        assert await refused(store.check_key(old.text)) == "key_expired"
        made = await chat.keys.create("app")
        gone = await chat.keys.revoke(made.key.id)
        assert gone.revoked_at is not None
        assert gone.updated_at == gone.revoked_at
        assert await chat.keys.revoke(made.key.id) == gone == await chat.keys.get(made.key.id)
        assert await refused(store.check_key(made.text)) == "key_revoked"
        await chat.keys.revoke(old.key.id)
        assert await refused(store.check_key(old.text)) == "key_revoked"

    async def test_a_rotated_key_has_one_successor(self, store: AsyncStore, chat: Owner) -> None:
        """The new key is as the old one but for id, text and times; that ends after the grace."""
        first = await chat.keys.create("app", scopes=["x"], user="ann", expires_at=FUTURE)
        second = await chat.keys.rotate(first.key.id, grace=600)
        key = second.key
        assert (key.name, key.scopes, key.user_id) == ("app", ("x",), "ann")
        assert (key.expires_at, key.replaces) == (FUTURE, first.key.id)
        assert await store.check_key(second.text) == key
        old = await store.check_key(first.text)
        assert old.expires_at is not None
        assert old.expires_at - old.updated_at == timedelta(seconds=600)
        again = chat.keys.rotate(first.key.id, grace=6000)
        assert await conflict(again) == ("key_replaced", key.id)
        assert await store.check_key(first.text) == old
        third = await chat.keys.rotate(key.id)
        assert third.key.expires_at == FUTURE
        assert await refused(store.check_key(second.text)) == "key_expired"
        assert await store.check_key(third.text) == third.key
        await chat.keys.revoke(third.key.id)
        assert await conflict(chat.keys.rotate(third.key.id)) == ("key_revoked", third.key.id)
        past = (await chat.keys.create("past", expires_at=PAST)).key.id
        assert await conflict(chat.keys.rotate(past)) == ("key_expired", past)
        assert len((await chat.keys.list(revoked=None)).items) == 4
        soon = datetime.now(UTC) + timedelta(hours=1)
        short = (await chat.keys.create("short", expires_at=soon)).key.id
        await chat.keys.rotate(short, grace=86_400)
        assert (await chat.keys.get(short)).expires_at == soon

    async def test_many_rotate_one_key(self, store: AsyncStore, chat: Owner) -> None:
        """Of those who rotate a key at once one does, and the others learn the id of its key."""
        made = await chat.keys.create("app")
        rotations = [chat.keys.rotate(made.key.id, grace=g) for g in (0, 0, 60, 60, 0, 60)]

        async def tried(call: Awaitable[Any]) -> Any:
            try:
                return await call
            except ConflictError as error:
                return error.reason, error.id

        ended = await asyncio.gather(*(tried(call) for call in rotations))
        [new] = [one for one in ended if not isinstance(one, tuple)]
        others = [one for one in ended if one is not new]
        assert others == [("key_replaced", new.key.id)] * 5
        assert await store.check_key(new.text) == new.key

    async def test_keys_are_listed_by_when_they_were_made(self, chat: Owner) -> None:
        """The newest first, those that are revoked apart, each page of them once."""
        made = [(await chat.keys.create(f"k{n}")).key.id for n in range(5)]
        gone = await chat.keys.revoke(made[2])
        kept = [id_ for id_ in made[::-1] if id_ != gone.id]
        assert [key.id async for key in chat.keys.list()] == kept
        assert [key async for key in chat.keys.list(revoked=True)] == [gone]
        assert [key.id async for key in chat.keys.list(revoked=None, order="asc")] == made
        pages = await walk(chat.keys.list, revoked=None, limit=2)
        assert [key.id for key in items(pages)] == made[::-1]
        back = await walk_back(chat.keys.list, pages[-1], revoked=None, limit=2)
        assert items(back) == items(pages)
        others: list[dict[str, Any]] = [{"revoked": False}, {"order": "asc"}]
        for other in others:
            with pytest.raises(InvalidCursorError):
                await chat.keys.list(**{"revoked": None, **other}, cursor=pages[0].next)

    async def test_the_keys_of_others_are_unknown(self, store: AsyncStore, owner: Owners) -> None:
        """A foreign key's id, real or not, is unknown to owner and user; its text works on.

        [I1 I3]
        """
        ann, bob, whole = owner("a", user="ann"), owner("a", user="bob"), owner("a")
        made, free = await ann.keys.create("app"), await whole.keys.create("app")
        assert made.key.user_id == "ann"
        keys = [made.key, free.key]
        for chat, reached in ((bob, []), (owner("b"), []), (ann, keys[:1]), (whole, keys)):
            for key in keys:
                if key in reached:
                    assert await chat.keys.get(key.id) == key
                    continue
                for call in (chat.keys.get, chat.keys.rotate, chat.keys.revoke):
                    assert await unknown(call(key.id)) == ("key", key.id)
            assert [key async for key in chat.keys.list(order="asc")] == reached
        assert await wrong(bob.keys.create("x", user="ann")) == "user"
        for one in (made, free):
            assert await store.check_key(one.text) == one.key

    async def test_what_is_no_key_cannot_be_made(self, chat: Owner) -> None:
        """Each wrong argument is named, and nothing is written."""
        cases: dict[str, list[dict[str, Any]]] = {
            "name": [{"name": name} for name in ("", "\0", "\ud800", "x" * 257, 1, None)],
            "scopes": [
                {"scopes": scopes}
                for scopes in (
                    *("read", [], ["Read"], ["1"], [""], ["a b"], ["a\n"], ["é"], [1], [["a"]]),
                    *(None, b"a", ["x" * 65], [f"s{n}" for n in range(33)]),
                )
            ],
            "expires_at": [{"expires_at": at} for at in (NAIVE, "soon", 1)],
            "user": [{"user": ""}, {"user": 1}],
        }
        for field, listed in cases.items():
            for case in listed:
                assert await wrong(chat.keys.create(**{"name": "app", **case})) == field
        key = (await chat.keys.create("x" * 256, scopes=[f"s{n}" for n in range(32)])).key
        for grace in (-1, float("nan"), float("inf"), "1", None, True, 10**9):
            bad: Any = grace
            assert await wrong(chat.keys.rotate(key.id, grace=bad)) == "grace"
        for id_ in ("", "\ud800", 1, None):
            no: Any = id_
            assert await wrong(chat.keys.get(no)) == "key_id"
        assert await wrong(chat.keys.list(revoked="no")) == "revoked"  # type: ignore[arg-type]
        assert [key async for key in chat.keys.list(revoked=None)] == [key]

    async def test_a_line_goes_from_one_generation_to_the_next(self, chat: Owner) -> None:
        """The newest generation is good, and the one before it until the newest is used."""
        lines = chat.refresh_tokens
        first = await lines.create(user="ann", lifetime=600)
        assert (first.owner_id, first.user_id, first.generation) == (chat.owner_id, "ann", 0)
        assert first.expires_at - first.created_at == timedelta(seconds=600)
        assert (first.updated_at, first.revoked_at) == (first.created_at, None)
        assert await lines.check(first.id, 0) == first
        second = await lines.use(first.id, 0, lifetime=60)
        assert (second.id, second.user_id, second.generation) == (first.id, "ann", 1)
        assert second.expires_at - second.updated_at == timedelta(seconds=60)
        assert second.created_at == first.created_at
        # The answer was lost: the same again, and the end is where it was.
        assert await lines.use(first.id, 0, lifetime=6000) == second
        assert await lines.check(first.id, 0) == await lines.check(first.id, 1) == second
        third = await lines.use(first.id, 1, lifetime=60)
        assert third.generation == 2
        for call in (lines.check(first.id, 0), lines.use(first.id, 0, lifetime=60)):
            assert await refused(call) == "refresh_replayed"
        assert await lines.use(first.id, 1, lifetime=60) == third
        for call in (lines.check(first.id, 3), lines.use(first.id, 3, lifetime=60)):
            assert await refused(call) == "refresh_unknown"
        assert await lines.check(first.id, 2) == third

    async def test_many_use_one_generation(self, chat: Owner) -> None:
        """All who use the newest generation at once get the same next one."""
        line = await chat.refresh_tokens.create(lifetime=600)
        for generation in range(3):
            uses = [chat.refresh_tokens.use(line.id, generation, lifetime=n) for n in range(1, 9)]
            [made, *others] = await asyncio.gather(*uses)
            assert made.generation == generation + 1
            assert all(other == made for other in others)

    async def test_a_line_ends(self, chat: Owner) -> None:
        """Revoked, expired or purged, a line is refused with a reason of its own."""
        lines = chat.refresh_tokens
        await lines.create(lifetime=600, token_id=LINE)
        assert await lines.revoke(LINE)
        assert await lines.revoke(LINE)
        assert not await lines.revoke(OTHER)
        for call in (lines.check(LINE, 0), lines.use(LINE, 0, lifetime=60)):
            assert await refused(call) == "refresh_revoked"
        await lines.create(lifetime=SOON, token_id=OTHER)
        kept = await lines.create(lifetime=600)
        await ended(chat, OTHER)
        assert await refused(lines.use(OTHER, 0, lifetime=60)) == "refresh_expired"
        assert await lines.purge(before=PAST) == 0
        assert await lines.purge(before=FUTURE) == 1
        assert await lines.purge() == 0
        for call in (lines.check(OTHER, 0), lines.use(OTHER, 0, lifetime=60)):
            assert await refused(call) == "refresh_unknown"
        assert await lines.check(kept.id, 0) == kept
        assert (await lines.use(kept.id, 0, lifetime=SOON)).generation == 1
        await ended(chat, kept.id)
        assert await lines.purge() == 1

    async def test_a_line_is_begun_once(self, owner: Owners) -> None:
        """Under a given id a line that is good and unused is the answer, and any other refused."""
        ann, bob, whole = owner("a", user="ann"), owner("a", user="bob"), owner("a")
        made = await ann.refresh_tokens.create(lifetime=600, token_id=LINE)
        assert made.user_id == "ann"
        assert await ann.refresh_tokens.create(lifetime=60, token_id=LINE) == made
        again = whole.refresh_tokens.create(user="ann", lifetime=60, token_id=LINE)
        assert await again == made
        taken = whole.refresh_tokens.create(lifetime=60, token_id=LINE)
        assert await conflict(taken) == ("exists", LINE)
        foreign = bob.refresh_tokens.create(lifetime=60, token_id=LINE)
        assert await unknown(foreign) == ("refresh_token", LINE)
        await ann.refresh_tokens.use(LINE, 0, lifetime=60)
        used = ann.refresh_tokens.create(lifetime=60, token_id=LINE)
        assert await conflict(used) == ("exists", LINE)
        await ann.refresh_tokens.create(lifetime=60, token_id=OTHER)
        await ann.refresh_tokens.revoke(OTHER)
        revoked = ann.refresh_tokens.create(lifetime=60, token_id=OTHER)
        assert await conflict(revoked) == ("exists", OTHER)

    async def test_the_lines_of_others_are_unknown(self, owner: Owners) -> None:
        """Another owner or user neither checks, uses, revokes nor purges a line. [I1 I3]"""
        ann, whole = owner("a", user="ann"), owner("a")
        await ann.refresh_tokens.create(lifetime=600, token_id=LINE)
        await whole.refresh_tokens.create(lifetime=600, token_id=OTHER)
        short = await ann.refresh_tokens.create(lifetime=SOON)
        await ended(ann, short.id)
        for chat in (owner("a", user="bob"), owner("b"), owner("b", user="ann")):
            lines = chat.refresh_tokens
            for id_ in (LINE, OTHER):
                assert await refused(lines.check(id_, 0)) == "refresh_unknown"
                assert await refused(lines.use(id_, 0, lifetime=60)) == "refresh_unknown"
                assert not await lines.revoke(id_)
            assert await lines.purge() == 0
        assert await refused(ann.refresh_tokens.check(OTHER, 0)) == "refresh_unknown"
        assert (await whole.refresh_tokens.use(LINE, 0, lifetime=60)).user_id == "ann"
        assert (await whole.refresh_tokens.check(OTHER, 0)).generation == 0
        assert await wrong(ann.refresh_tokens.create(user="bob", lifetime=60)) == "user"
        assert await whole.refresh_tokens.purge() == 1

    async def test_the_admin_purges_the_lines_of_all(
        self, store: AsyncStore, owner: Owners
    ) -> None:
        """Across owners and users what is past its end goes, once, and nothing else does."""
        chats = [owner("a", user="ann"), owner("a"), owner("b")]
        for chat in chats:
            await chat.refresh_tokens.create(lifetime=600, token_id=f"{LINE}{chat.user_id}")
            await chat.refresh_tokens.create(lifetime=SOON, token_id=f"{OTHER}{chat.user_id}")
        for chat in chats:
            await ended(chat, f"{OTHER}{chat.user_id}")
        admin = store.admin()
        assert await admin.purge_refresh_tokens(before=PAST) == 0
        assert await wrong(admin.purge_refresh_tokens(before=NAIVE)) == "before"
        assert await admin.purge_refresh_tokens(before=FUTURE) >= len(chats)
        for chat in chats:
            assert await chat.refresh_tokens.purge() == 0
            assert (await chat.refresh_tokens.check(f"{LINE}{chat.user_id}", 0)).generation == 0

    async def test_what_is_no_line_cannot_be_begun(self, chat: Owner) -> None:
        """Each wrong argument is named, and nothing is written."""
        lines = chat.refresh_tokens
        made = await lines.create(lifetime=600, token_id=LINE)
        for lifetime in (0, -1, float("nan"), float("inf"), 1e12, "1", None, True):
            bad: Any = lifetime
            assert await wrong(lines.create(lifetime=bad)) == "lifetime"
            assert await wrong(lines.use(LINE, 0, lifetime=bad)) == "lifetime"
        for generation in (-1, 2**63, 0.0, "0", None, False):
            no: Any = generation
            assert await wrong(lines.check(LINE, no)) == "generation"
            assert await wrong(lines.use(LINE, no, lifetime=60)) == "generation"
        for id_ in ("", "\0", "x" * 513, 1):
            ill: Any = id_
            assert await wrong(lines.create(lifetime=60, token_id=ill)) == "token_id"
            assert await wrong(lines.use(ill, 0, lifetime=60)) == "token_id"
            assert await wrong(lines.revoke(ill)) == "token_id"
        assert await wrong(lines.purge(before=NAIVE)) == "before"
        assert await refused(lines.check(LINE, 2**63 - 1)) == "refresh_unknown"
        assert await lines.check(LINE, 0) == made
