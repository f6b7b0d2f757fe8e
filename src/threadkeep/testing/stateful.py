"""A store held against the model, call by call, in sequences that Hypothesis makes up.

`machine(make_store)` gives a state machine for a blocking store, and with `run` for an async one.
Every example works for an owner of its own, so all of them can share a database. Each call must
give the model's answer or the model's error, and leave the thread as the model has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis.stateful import invariant

from threadkeep.core.drafts import estimate_tokens
from threadkeep.testing.stateful_base import message_facts, thread_facts, thread_row_facts
from threadkeep.testing.stateful_reads import ReadRules
from threadkeep.testing.stateful_threads import ThreadRules
from threadkeep.testing.stateful_writes import WriteRules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from threadkeep.values.ports import TokenCounter


class StoreMachine(ThreadRules, WriteRules, ReadRules):
    """All rules. Subclasses made by `machine` say where the store comes from."""

    @invariant()
    def thread_is_as_modelled(self) -> None:
        """The thread of the last call: itself, its path and its tree."""
        thread_id, self.touched = self.touched, None
        if thread_id is None:
            return
        handle, thread = self.handles[None], self.known(thread_id)
        if thread is not None:
            assert thread_facts(self.call(handle.threads.get, thread_id)) == thread_row_facts(
                thread
            )
        for tree in (False, True):
            page = self.call(handle.messages.list, thread_id, tree=tree, limit=1000)
            wanted = self.rows(thread_id, self.models[None].list(thread_id, tree=tree))
            assert [message_facts(message) for message in page.items] == wanted
        assert self.call(handle.messages.count, thread_id, tree=True) == len(page.items)


def machine(
    make_store: Callable[[], Any],
    *,
    run: Callable[[Awaitable[Any]], Any] | None = None,
    tokens: TokenCounter = estimate_tokens,
) -> type[StoreMachine]:
    """The state machine for the stores that `make_store` gives, once per example.

    A blocking store needs no more. For an async one, `run` runs a coroutine to its end, on the
    loop that the store lives on: `loop.run_until_complete`. `tokens` is the store's token
    counter. The caller closes the stores.
    """
    members = {
        "make_store": staticmethod(make_store),
        "run": None if run is None else staticmethod(run),
        "tokens": staticmethod(tokens),
    }
    return type("Machine", (StoreMachine,), members)
