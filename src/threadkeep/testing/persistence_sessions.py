"""What every persistence adapter must do with sessions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from threadkeep.adapters.persistence import SessionRecord
from threadkeep.testing.persistence_kit import PARTS, Make, ids, said, same
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import new_id


class SessionsContract:
    """The part of the contract that is about sessions."""

    async def test_saving_a_session_keeps_when_it_was_made(self, make: Make) -> None:
        """A save makes a session or changes what it gives; `created_at` stays. [F1]"""
        adapter, thread, id_ = await make(), new_id(), new_id()
        state = {"b": [1, {"a": None}], "n": 2**60}
        made = await adapter.save_session(
            id_, thread_id=thread, sdk_version="1.0", state=state, metadata={"k": "v"}
        )
        assert (made.thread_id, made.sdk_version, made.state) == (thread, "1.0", state)
        assert made.archived_at is None
        saved = await adapter.save_session(id_, thread_id=thread, sdk_version="1.1")
        assert (saved.sdk_version, saved.state, saved.metadata) == ("1.1", state, {"k": "v"})
        assert saved.created_at == made.created_at
        assert saved.updated_at is not None
        assert made.updated_at is not None
        assert saved.updated_at > made.updated_at
        whole = replace(saved, state_json=None, metadata_json='{"k": 2}')
        assert (await adapter.save_session(whole)).state is None
        loaded = await adapter.load_session(id_)
        assert loaded is not None
        assert (loaded.state, loaded.metadata) == (None, {"k": 2})
        cleared = await adapter.save_session(
            id_, thread_id=thread, sdk_version="1.1", metadata=None, state=0
        )
        assert (cleared.state, cleared.metadata) == (0, None)

    async def test_a_session_needs_its_thread_and_version(self, make: Make) -> None:
        """Neither can be left out, and a session stays in its thread. [F1]"""
        adapter, thread, id_ = await make(), new_id(), new_id()
        for given in ({}, {"thread_id": thread}, {"sdk_version": "1"}):
            with pytest.raises(InvalidError):
                await adapter.save_session(id_, **given)  # type: ignore[arg-type]
        await adapter.save_session(id_, thread_id=thread, sdk_version="1")
        with pytest.raises(ConflictError) as refused:
            await adapter.save_session(id_, thread_id=new_id(), sdk_version="1")
        assert refused.value.reason == "session_thread"
        loaded = await adapter.load_session(id_)
        assert loaded is not None
        assert loaded.thread_id == thread
        with pytest.raises(ConflictError) as refused:
            await adapter.archive_session(id_, thread_id=new_id())
        assert refused.value.reason == "session_thread"
        with pytest.raises(InvalidError):
            await adapter.archive_session(id_, sdk_version="")
        assert await adapter.unarchive_session(id_) is False

    async def test_the_state_comes_back(self, make: Make) -> None:
        """A session is loaded with the state that was saved, any JSON value, or is None. [F2]"""
        adapter, thread = await make(), new_id()
        for state in ({"a": PARTS}, [1, "two", None], "text", 0, False, {}, 2**70):
            id_ = new_id()
            await adapter.save_session(SessionRecord(id_, thread, "1", state))
            loaded = await adapter.load_session(id_)
            assert loaded is not None
            assert same(loaded.state, state)

    async def test_another_version_is_refused(self, make: Make) -> None:
        """A state that another version of the SDK has written is not handed out. [F3]"""
        adapter, thread, id_ = await make(), new_id(), new_id()
        await adapter.save_session(id_, thread_id=thread, sdk_version="1.0")
        loaded = await adapter.load_session(id_, expect_sdk_version="1.0")
        assert loaded is not None
        with pytest.raises(ConflictError) as refused:
            await adapter.load_session(id_, expect_sdk_version="2.0")
        assert (refused.value.reason, refused.value.id) == ("sdk_version", id_)
        assert await adapter.load_session(new_id(), expect_sdk_version="2.0") is None

    async def test_archiving_again_keeps_the_first_time(self, make: Make) -> None:
        """To archive twice is to archive once, and says so. [F4 seed 002 defect 4]"""
        adapter, thread, id_ = await make(), new_id(), new_id()
        await adapter.save_session(id_, thread_id=thread, sdk_version="1", state=[1])
        assert await adapter.archive_session(id_) is True
        first = await adapter.load_session(id_)
        assert first is not None
        assert first.archived_at is not None
        assert await adapter.archive_session(id_) is False
        assert await adapter.archive_session(id_, thread_id=thread, sdk_version="2") is False
        again = await adapter.load_session(id_)
        assert again is not None
        assert (again.archived_at, again.sdk_version) == (first.archived_at, "1")
        assert again.state == [1]
        saved = await adapter.save_session(id_, thread_id=thread, sdk_version="1", state=[2])
        assert saved.archived_at == first.archived_at

    async def test_an_unknown_session_is_archived_only_with_all_it_needs(self, make: Make) -> None:
        """Without a thread and a version there is nothing to make of it. [F4 seed 002 defect 3]"""
        adapter, thread, id_ = await make(), new_id(), new_id()
        for given in ({}, {"thread_id": thread}, {"sdk_version": "1"}):
            with pytest.raises(NotFoundError):
                await adapter.archive_session(id_, **given)
        assert await adapter.load_session(id_) is None
        await adapter.append_message(thread, said("m"), session_id=id_)
        assert await adapter.archive_session(id_, thread_id=thread, sdk_version="1") is True
        loaded = await adapter.load_session(id_)
        assert loaded is not None
        assert (loaded.thread_id, loaded.sdk_version, loaded.archived) == (thread, "1", True)
        assert await adapter.list_messages(thread) == []
        with pytest.raises(NotFoundError):
            await adapter.unarchive_session(new_id())

    async def test_unarchiving_shows_again(self, make: Make) -> None:
        """A session that is taken out of the archive is live, with all that was said. [F5]"""
        adapter, thread, id_ = await make(), new_id(), new_id()
        await adapter.save_session(id_, thread_id=thread, sdk_version="1")
        await adapter.append_message(thread, said("m"), session_id=id_)
        await adapter.archive_session(id_)
        assert await adapter.list_messages(thread) == []
        assert await adapter.unarchive_session(id_) is True
        assert await adapter.unarchive_session(id_) is False
        loaded = await adapter.load_session(id_)
        assert loaded is not None
        assert loaded.archived_at is None
        assert ids(await adapter.list_messages(thread)) == ["m"]

    async def test_sessions_of_a_thread_are_listed_newest_first(self, make: Make) -> None:
        """Archived ones only where they are asked for. [F8]"""
        adapter, thread = await make(), new_id()
        made = [new_id() for _ in range(4)]
        for id_ in made:
            await adapter.save_session(id_, thread_id=thread, sdk_version="1", state=id_)
        await adapter.save_session(new_id(), thread_id=new_id(), sdk_version="1")
        await adapter.archive_session(made[1])
        listed = await adapter.list_sessions(thread)
        assert [s.session_id for s in listed] == [made[3], made[2], made[0]]
        whole = await adapter.list_sessions(thread, include_archived=True)
        assert [(s.session_id, s.state) for s in whole] == [(id_, id_) for id_ in made[::-1]]
        assert [s.session_id for s in await adapter.list_sessions(thread, limit=1)] == [made[3]]
