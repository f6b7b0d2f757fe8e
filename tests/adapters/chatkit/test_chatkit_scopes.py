"""ChatKitStore: who is asking, and what others cannot reach."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import chatkit_kit as kit
import pytest
from chatkit.store import default_generate_id

from threadkeep import AsyncStore, InvalidError
from threadkeep.adapters.chatkit import ChatKitStore, NotFoundError, Scope, by_tenant, by_user
from threadkeep.adapters.chatkit.ids import PREFIXES


@dataclass
class Request:
    """A context as the documentation of ChatKit has them."""

    user_id: str | None = None
    tenant_id: str | None = None


@dataclass
class Face:
    """A store, and the contexts of two users who must not meet."""

    chatkit: ChatKitStore[Any]
    ann: Any
    bob: Any


@pytest.fixture(params=["users", "tenants", "one tenant"])
def face(request: pytest.FixtureRequest, store: AsyncStore) -> Face:
    """Users who are owners; users of two tenants with one id; users of one tenant."""
    if request.param == "users":
        return Face(ChatKitStore(store), Request("ann"), Request("bob"))
    bob = Request("ann", "other") if request.param == "tenants" else Request("bob", "acme")
    return Face(ChatKitStore(store, scope=by_tenant), Request("ann", "acme"), bob)


async def test_two_users_never_meet(face: Face) -> None:
    """Each of the 12 methods reaches its user's rows only. [I1 I3 seed 003 defect 10, 11, 12]"""
    chatkit, ann, bob = face.chatkit, face.ann, face.bob
    made, item, file = kit.thread(title="Ann's"), kit.asked(), kit.file()
    await chatkit.save_thread(made, ann)
    await chatkit.add_thread_item("thr_1", item, ann)
    await chatkit.save_attachment(file, ann)

    with pytest.raises(NotFoundError):
        await chatkit.load_thread("thr_1", bob)
    assert (await chatkit.load_threads(10, None, "asc", bob)).data == []
    assert (await chatkit.load_thread_items("thr_1", None, 10, "asc", bob)).data == []
    for read in (chatkit.load_item("thr_1", "msg_1", bob), chatkit.load_attachment("atc_1", bob)):
        with pytest.raises(NotFoundError):
            await read
    for write in (
        chatkit.add_thread_item("thr_1", kit.said(), bob),
        chatkit.save_item("thr_1", kit.said(), bob),
        chatkit.save_item("thr_1", kit.asked("changed"), bob),
        chatkit.record_feedback("thr_1", ["msg_1"], "negative", bob),
        chatkit.truncate_after_item("thr_1", "msg_1", bob),
    ):
        with pytest.raises(NotFoundError):
            await write
    await chatkit.delete_thread_item("thr_1", "msg_1", bob)
    await chatkit.delete_attachment("atc_1", bob)
    await chatkit.delete_thread("thr_1", bob)

    assert await chatkit.load_thread("thr_1", ann) == made
    assert (await chatkit.load_thread_items("thr_1", None, 10, "asc", ann)).data == [item]
    assert await chatkit.load_attachment("atc_1", ann) == file


async def test_nobody_takes_a_thread_over(face: Face) -> None:
    """A thread saved under another user's id leaves that one alone. [B5 seed 003 defect 11]"""
    chatkit = face.chatkit
    await chatkit.save_thread(kit.thread(title="Ann's", metadata={"k": 1}), face.ann)
    theirs = kit.thread(title="Bob's", seconds=5)
    if chatkit.scope_of(face.ann).owner_id == chatkit.scope_of(face.bob).owner_id:
        # Ids are one namespace within a tenant.
        with pytest.raises(NotFoundError):
            await chatkit.save_thread(theirs, face.bob)
        await chatkit.save_attachment(kit.file(thread_id="thr_1"), face.ann)
        with pytest.raises(NotFoundError):
            await chatkit.save_attachment(kit.file(), face.bob)
    else:
        await chatkit.save_thread(theirs, face.bob)
        assert (await chatkit.load_thread("thr_1", face.bob)).title == "Bob's"
    found = await chatkit.load_thread("thr_1", face.ann)
    assert (found.title, found.metadata) == ("Ann's", {"k": 1})


@pytest.mark.parametrize(
    "context", [{}, None, {"user_id": None}, {"user_id": ""}, Request(), "ann", {"user_id": 7}]
)
async def test_a_missing_user_is_an_error(store: AsyncStore, context: Any) -> None:
    """No method works without a user, and none is anonymous. [I1 I4 seed 003 defect 12]"""
    chatkit = ChatKitStore[Any](store)
    await chatkit.save_thread(kit.thread(), {"user_id": "anonymous"})
    for call in (
        chatkit.load_thread("thr_1", context),
        chatkit.save_thread(kit.thread(), context),
        chatkit.load_threads(20, None, "desc", context),
        chatkit.load_thread_items("thr_1", None, 20, "desc", context),
        chatkit.add_thread_item("thr_1", kit.asked(), context),
        chatkit.save_item("thr_1", kit.asked(), context),
        chatkit.load_item("thr_1", "msg_1", context),
        chatkit.delete_thread("thr_1", context),
        chatkit.delete_thread_item("thr_1", "msg_1", context),
        chatkit.save_attachment(kit.file(), context),
        chatkit.load_attachment("atc_1", context),
        chatkit.delete_attachment("atc_1", context),
        chatkit.record_feedback("thr_1", [], "positive", context),
        chatkit.truncate_after_item("thr_1", "msg_1", context),
    ):
        with pytest.raises(InvalidError, match="user_id"):
            await call
    assert (await chatkit.load_thread("thr_1", {"user_id": "anonymous"})).id == "thr_1"


def test_contexts_may_be_anything() -> None:
    """Mappings and objects name the user; a tenant is asked for or refused, never left out."""
    assert by_user({"user_id": "ann"}) == by_user(Request("ann")) == Scope("ann")
    assert by_user(SimpleNamespace(user_id="ann")) == Scope("ann")
    assert by_tenant({"user_id": "ann", "tenant_id": "acme"}) == Scope("ann", "acme")
    with pytest.raises(InvalidError, match="tenant_id"):
        by_user(Request("ann", "acme"))
    with pytest.raises(InvalidError, match="tenant_id"):
        by_tenant(Request("ann"))
    for bad in ("", "\0", "x" * 513):
        with pytest.raises(InvalidError):
            Scope(bad)
    scope = Scope("ann", "acme")
    assert (scope.owner_id, scope.person) == ("acme", "ann")
    assert (Scope("ann").owner_id, Scope("ann").person) == ("ann", None)


async def test_a_scope_function_must_give_a_scope(store: AsyncStore) -> None:
    """What an app's own function gives is looked at: anything else would be no isolation."""
    chatkit = ChatKitStore[Any](store, scope=lambda context: context["user"])
    with pytest.raises(InvalidError):
        await chatkit.load_threads(1, None, "asc", {"user": "ann"})


async def test_a_tenant_is_not_left_out(store: AsyncStore) -> None:
    """Without a tenant a user whose id is that of a tenant would list all of it. [I1]"""
    chatkit = ChatKitStore[Any](store, scope=by_tenant)
    await chatkit.save_thread(kit.thread(), {"user_id": "ann", "tenant_id": "acme"})
    with pytest.raises(InvalidError, match="tenant_id"):
        await chatkit.list_user_threads("acme")
    assert len(await chatkit.list_user_threads("ann", tenant_id="acme")) == 1
    assert await chatkit.list_user_threads("bob", tenant_id="acme") == []


def test_ids_are_wide(store: AsyncStore) -> None:
    """Ids have ChatKit's prefixes and 122 random bits instead of 32. [seed 003 defect 15]"""
    chatkit = ChatKitStore[Any](store)
    made = kit.thread()
    ids = {chatkit.generate_thread_id(kit.ANN)}
    for kind, prefix in PREFIXES.items():
        assert default_generate_id(kind).startswith(f"{prefix}_")
        id = chatkit.generate_item_id(kind, made, kit.ANN)
        assert id.startswith(f"{prefix}_")
        assert len(id) == len(prefix) + 33
        ids.add(id)
    assert len(ids) == len(PREFIXES) + 1


async def test_a_subclass_may_give_ids(store: AsyncStore) -> None:
    """Overridden generators are honoured."""

    class Own(ChatKitStore[Any]):
        def generate_thread_id(self, context: Any) -> str:
            return f"{context['user_id']}-1"

    chatkit = Own(store)
    id = chatkit.generate_thread_id(kit.ANN)
    await chatkit.save_thread(kit.thread(id), kit.ANN)
    assert (await chatkit.load_thread("ann-1", kit.ANN)).id == "ann-1"
