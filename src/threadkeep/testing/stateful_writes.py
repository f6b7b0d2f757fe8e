"""The rules of the state machine that write messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from threadkeep.testing.stateful_base import Base, Facts, maybe_facts, message_facts
from threadkeep.testing.stateful_draws import (
    batches,
    items,
    leaves,
    metadata_values,
    news,
    picks,
    seldom,
    threads,
    users,
    ways,
    wheres,
)
from threadkeep.values.ids import new_id

if TYPE_CHECKING:
    from threadkeep.values.message import Message


class WriteRules(Base):
    """Append, retry, update, delete, truncate, pop_last, replace_all."""

    @initialize(batch=news, more=news, at=picks, metadata=metadata_values)
    def begin(self, batch: list[Message], more: list[Message], at: int, metadata: Any) -> None:
        """A thread with some metadata and two branches."""
        self.call(self.handles[None].threads.create, "t0", metadata=metadata)
        self.models[None].create("t0", metadata=metadata)
        self.send(None, "t0", batch, {})
        self.send(None, "t0", more, self.place("t0", "parent", at % len(batch)))

    @rule(batch=news)
    def go_on(self, batch: list[Message]) -> None:
        """Append to the head, with new ids."""
        self.send(None, "t0", batch, {})

    @rule(thread=threads, batch=news, at=picks)
    def branch(self, thread: str, batch: list[Message], at: int) -> None:
        """Append under any message, with new ids."""
        self.send(None, thread, batch, self.place(thread, "parent", at))

    @rule(user=users, thread=threads, batch=batches, where=wheres, at=picks, way=ways)
    def append(
        self,
        user: Any,
        thread: str,
        batch: list[Message],
        where: str,
        at: int,
        way: dict[str, Any],
    ) -> None:
        self.send(user, thread, batch, {**self.place(thread, where, at), **way})

    @rule(
        thread=threads,
        number=picks,
        shape=st.sampled_from(["whole", "prefix", "suffix", "longer", "reversed", "other"]),
        more=batches,
        where=wheres,
        at=picks,
        way=ways,
    )
    @precondition(lambda self: self.sent)
    def retry(
        self,
        thread: str,
        number: int,
        shape: str,
        more: list[Message],
        where: str,
        at: int,
        way: dict[str, Any],
    ) -> None:
        """Send an earlier batch again: whole, in part, with more, in another order or changed."""
        thread, batch = self.sent[-1 - number % len(self.sent)]
        first = batch[0]
        batch = {
            "whole": batch,
            "prefix": batch[:-1] or batch,
            "suffix": batch[1:] or batch,
            "longer": [*batch, *more],
            "reversed": batch[::-1],
            "other": [*batch[1:], replace(first, json=first.json.replace('"x', '"z'))],
        }[shape]
        self.send(None, thread, batch, {**self.place(thread, where, at), **way})

    def place(self, thread: str, where: str, at: int) -> dict[str, Any]:
        if where == "head":
            return {}
        if where == "root":
            return {"parent": None}
        if where == "parent":
            return {"parent": self.pick(thread, at)}
        # The newest row is the head, most often.
        expected = {"expected_head": self.pick(thread, at if at > 5 else 0)}
        return expected if where == "expected" else {**expected, "on_conflict": "sibling"}

    def send(self, user: Any, thread: str, batch: list[Message], place: dict[str, Any]) -> None:
        self.touched = thread
        named = [message if message.id else replace(message, id=new_id()) for message in batch]

        def append() -> list[Facts]:
            given = self.call(self.handles[user].messages.append, thread, batch, **place)
            for n, message in enumerate(batch):
                if message.id is None:
                    named[n] = replace(message, id=given[n].id)
            return [message_facts(message) for message in given]

        self.agree(
            append,
            lambda: self.rows(thread, self.models[user].append(thread, named, **place)),
        )
        self.sent.append((thread, named))

    @rule(
        user=users,
        thread=threads,
        message=picks,
        item=st.none() | items,
        fields=st.fixed_dictionaries(
            {},
            optional={
                "metadata": metadata_values,
                "replace_metadata": metadata_values,
                "status": st.sampled_from(["complete", "running", "failed"]),
            },
        ).filter(lambda fields: len({"metadata", "replace_metadata"} & fields.keys()) < 2),
        under=leaves,
    )
    def update(
        self, user: Any, thread: str, message: int, item: Any, fields: dict[str, Any], under: Any
    ) -> None:
        self.touched, id_ = thread, str(self.pick(thread, message))
        place: dict[str, Any] = {} if under is None else {"parent": self.pick(thread, under)}
        # The id in the item does not count; one that says another is refused.
        item = item and replace(item, id=None)
        given = () if item is None else (item,)
        self.agree(
            lambda: [
                message_facts(
                    self.call(
                        self.handles[user].messages.update, thread, id_, *given, **fields, **place
                    )
                )
            ],
            lambda: self.rows(
                thread, [self.models[user].update(thread, id_, item, **fields, **place)]
            ),
        )

    @rule(
        user=users,
        thread=threads,
        message=picks,
        name=st.sampled_from(["delete", "delete", "truncate"]),
    )
    def remove(self, user: Any, thread: str, message: int, name: str) -> None:
        self.touched, id_ = thread, self.pick(thread, message)
        self.agree(
            lambda: self.call(getattr(self.handles[user].messages, name), thread, id_),
            lambda: getattr(self.models[user], name)(thread, id_),
        )

    @rule(user=users, thread=threads, sure=st.booleans())
    def pop_last(self, user: Any, thread: str, sure: bool) -> None:
        if not sure:
            return
        self.touched = thread
        self.agree(
            lambda: maybe_facts(self.call(self.handles[user].messages.pop_last, thread)),
            lambda: self.maybe_row(thread, self.models[user].pop_last(thread)),
        )

    @rule(user=users, thread=threads, batch=batches | st.just([]), sure=seldom)
    def replace_all(self, user: Any, thread: str, batch: list[Message], sure: bool) -> None:
        if not sure:
            return
        self.touched = thread
        named = [message if message.id else replace(message, id=new_id()) for message in batch]
        self.agree(
            lambda: [
                message_facts(message)
                for message in self.call(self.handles[user].messages.replace_all, thread, named)
            ],
            lambda: self.rows(thread, self.models[user].replace_all(thread, named)),
        )
