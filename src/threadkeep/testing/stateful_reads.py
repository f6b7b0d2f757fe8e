"""The rules of the state machine that read messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from threadkeep.testing.stateful_base import Base, Facts, message_facts, window_facts
from threadkeep.testing.stateful_draws import leaves, picks, threads, users

if TYPE_CHECKING:
    from threadkeep.testing.model_windows import ModelWindow


class ReadRules(Base):
    """Pages, newest, window, siblings, count."""

    @rule(
        user=users,
        thread=threads,
        order=st.sampled_from(["asc", "desc"]),
        limit=st.integers(1, 4),
        tree=st.booleans(),
        leaf=leaves,
        since=st.sampled_from([None, None, 2, 5]),
    )
    def page(
        self, user: Any, thread: str, limit: int, tree: bool, leaf: Any, since: Any, order: str
    ) -> None:
        """Walk the pages forth and back, and all of them by iterating."""
        which: dict[str, Any] = {"tree": True} if tree else {"leaf": self.pick(thread, leaf)}
        named = {**which, "order": order, "limit": limit, "since": since}
        messages, model = self.handles[user].messages, self.models[user]

        def walk() -> list[list[Facts]]:
            pages = [self.call(messages.list, thread, **named)]
            while pages[-1].next:
                pages.append(self.call(messages.list, thread, cursor=pages[-1].next, **named))
            back = [pages[-1]]
            while back[-1].previous:
                back.append(self.call(messages.list, thread, cursor=back[-1].previous, **named))
            assert [page.items for page in back] == [page.items for page in reversed(pages)]
            walked = self.walk(messages.list, thread, **named)
            assert walked == [message for page in pages for message in page.items]
            return [[message_facts(message) for message in page.items] for page in pages]

        def expect() -> list[list[Facts]]:
            rows = model.list(thread, order=order, since=since or 0, **which)
            facts = self.rows(thread, rows)
            return [facts[n : n + limit] for n in range(0, len(facts), limit)] or [[]]

        self.agree(walk, expect)

    @rule(user=users, thread=threads, leaf=leaves, last=st.integers(1, 5))
    def newest(self, user: Any, thread: str, leaf: Any, last: int) -> None:
        named: dict[str, Any] = {"leaf": self.pick(thread, leaf), "last": last}
        self.agree(
            lambda: [
                message_facts(message)
                for message in self.call(self.handles[user].messages.list, thread, **named).items
            ],
            lambda: self.rows(thread, self.models[user].list(thread, **named)),
        )

    @rule(
        user=users, thread=threads, leaf=leaves, keep_system=st.booleans(), steady=st.integers(1, 3)
    )
    def windows(self, user: Any, thread: str, leaf: Any, steady: int, **named: Any) -> None:
        """Windows of every kind and of many sizes."""
        named["leaf"] = self.pick(thread, leaf)
        for size in range(8):
            self.window(user, thread, turns=size, steady=steady, **named)
            self.window(user, thread, tokens=size * size * 8, steady=steady, **named)
            self.window(user, thread, messages=size, **named)

    def window(self, user: Any, thread: str, **named: Any) -> None:
        self.agree(
            lambda: window_facts(self.call(self.handles[user].messages.window, thread, **named)),
            lambda: self.model_window_facts(thread, self.models[user].window(thread, **named)),
        )

    def model_window_facts(self, thread: str, window: ModelWindow) -> Facts:
        return self.rows(thread, window.rows), window.truncated, window.tokens

    @rule(user=users, thread=threads, message=picks)
    def siblings(self, user: Any, thread: str, message: int) -> None:
        id_ = str(self.pick(thread, message))
        self.agree(
            lambda: [
                message_facts(sibling)
                for sibling in self.call(self.handles[user].messages.siblings, thread, id_)
            ],
            lambda: self.rows(thread, self.models[user].siblings(thread, id_)),
        )

    @rule(user=users, thread=threads, leaf=leaves)
    def count(self, user: Any, thread: str, leaf: Any) -> None:
        named: dict[str, Any] = {"leaf": self.pick(thread, leaf)}
        self.agree(
            lambda: self.call(self.handles[user].messages.count, thread, **named),
            lambda: self.models[user].count(thread, **named),
        )
