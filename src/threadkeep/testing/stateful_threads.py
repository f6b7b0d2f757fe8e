"""The rules of the state machine for `owner.threads`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from threadkeep.testing.stateful_base import Base, thread_facts, thread_row_facts
from threadkeep.testing.stateful_draws import leaves, metadata_values, picks, seldom, threads, users
from threadkeep.values.unset import UNSET


class ThreadRules(Base):
    """Create, update, archive, delete, set_head, fork, list."""

    @rule(
        user=users,
        thread=threads,
        title=st.sampled_from([None, "T"]),
        metadata=metadata_values,
        external_id=st.sampled_from([None, "e"]),
        exist_ok=st.booleans(),
    )
    def create(self, user: Any, thread: str, exist_ok: bool, **fields: Any) -> None:
        self.touched = thread
        self.agree(
            lambda: thread_facts(
                self.call(self.handles[user].threads.create, thread, exist_ok=exist_ok, **fields)
            ),
            lambda: thread_row_facts(self.models[user].create(thread, exist_ok=exist_ok, **fields)),
        )

    @rule(
        user=users,
        thread=threads,
        fields=st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from([None, "U"]),
                "status": st.sampled_from(["active", "archived"]),
                "external_id": st.sampled_from([None, "f"]),
                "expected_revision": st.integers(0, 2),
            },
        ),
        metadata=st.sampled_from([UNSET]) | metadata_values,
        merge=st.booleans(),
    )
    def update_thread(
        self, user: Any, thread: str, metadata: Any, merge: bool, fields: dict[str, Any]
    ) -> None:
        self.touched = thread
        changes = {**fields, "metadata" if merge else "replace_metadata": metadata}
        self.agree(
            lambda: thread_facts(self.call(self.handles[user].threads.update, thread, **changes)),
            lambda: thread_row_facts(self.models[user].update_thread(thread, **changes)),
        )

    @rule(user=users, thread=threads, status=st.sampled_from(["archived", "active"]))
    def archive(self, user: Any, thread: str, status: str) -> None:
        self.touched = thread
        name = "archive" if status == "archived" else "unarchive"
        self.agree(
            lambda: thread_facts(self.call(getattr(self.handles[user].threads, name), thread)),
            lambda: thread_row_facts(self.models[user].update_thread(thread, status=status)),
        )

    @rule(
        user=users,
        thread=threads,
        change=st.sampled_from(
            [
                *[{"access": "open"}] * 4,
                {"access": "locked"},
                {"access": "locked", "access_reason": "R"},
                {"access": "closed"},
            ]
        ),
    )
    def shut(self, user: Any, thread: str, change: dict[str, Any]) -> None:
        """Lock or close a thread, or more often open it again."""
        self.touched = thread
        self.agree(
            lambda: thread_facts(self.call(self.handles[user].threads.update, thread, **change)),
            lambda: thread_row_facts(self.models[user].update_thread(thread, **change)),
        )

    @rule(user=users, thread=threads, sure=seldom)
    def delete_thread(self, user: Any, thread: str, sure: bool) -> None:
        if not sure:
            return
        self.touched = thread
        self.agree(
            lambda: self.call(self.handles[user].threads.delete, thread),
            lambda: self.models[user].delete_thread(thread),
        )

    @rule(user=users, thread=threads, message=picks)
    def set_head(self, user: Any, thread: str, message: int) -> None:
        self.touched, id_ = thread, self.pick(thread, message)
        self.agree(
            lambda: thread_facts(self.call(self.handles[user].threads.set_head, thread, id_)),
            lambda: thread_row_facts(self.models[user].set_head(thread, str(id_))),
        )

    @rule(
        user=users,
        thread=threads,
        new=st.sampled_from(["fork", "t1"]),
        at=leaves,
        named=st.sampled_from([{}, {"title": None}, {"title": "F"}]),
    )
    def fork(self, user: Any, thread: str, new: str, at: Any, named: dict[str, Any]) -> None:
        self.touched = new
        named = {**named, "at": self.pick(thread, at)}
        self.agree(
            lambda: thread_facts(self.call(self.handles[user].threads.fork, thread, new, **named)),
            lambda: thread_row_facts(self.models[user].fork(thread, new, **named)),
        )

    @rule(
        user=users,
        status=st.sampled_from(["active", "archived", "all"]),
        external_id=st.sampled_from([None, None, "e"]),
        metadata=st.sampled_from([None, None, {"a": 1}, {"a": {"b": "x"}}]),
        order=st.sampled_from(["asc", "desc"]),
        limit=st.integers(1, 3),
    )
    def list_threads(self, user: Any, order: str, limit: int, **named: Any) -> None:
        threads, model = self.handles[user].threads, self.models[user]
        found = model.list_threads(order=order, **named)
        wanted = [thread_row_facts(thread) for thread in found]
        walked = self.walk(threads.list, order=order, limit=limit, **named)
        assert [thread_facts(thread) for thread in walked] == wanted
        assert self.call(threads.count, **named) == len(wanted)
        active = [thread for thread in model.list_threads() if thread.access != "closed"]
        newest = self.call(threads.find_active)
        assert (newest and newest.id) == (active[0].id if active else None)
