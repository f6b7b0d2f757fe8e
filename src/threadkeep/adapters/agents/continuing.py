"""Going on with a thread that is there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Unpack

from threadkeep.adapters.agents.calling import check_agent
from threadkeep.adapters.agents.exchange import Exchange, Ways
from threadkeep.adapters.agents.wrapping import Options
from threadkeep.adapters.repositories import Database
from threadkeep.adapters.repositories.threads import check_database


async def continue_thread(
    *,
    agent: Any,
    thread_id: str,
    database: Database,
    new_message: Any,
    user_id: str | None = None,
    given: dict[str, Any] | None = None,
    **options: Unpack[Options],
) -> Any:
    """Ask the agent in a thread that is there, and return what it returned.

    The agent gets the history with the new message at its end; that and the whole answer are
    saved. NotFoundError for an unknown thread, before anything is written. All else is as in
    `with_storage`; `given` goes on to the agent.
    """
    return await _exchange(agent, thread_id, database, new_message, user_id, given, options).run()


def stream_continue_thread(
    *,
    agent: Any,
    thread_id: str,
    database: Database,
    new_message: Any,
    user_id: str | None = None,
    given: dict[str, Any] | None = None,
    **options: Unpack[Options],
) -> AsyncGenerator[Any, None]:
    """The same as a stream of what the agent yields, the very same objects.

    The answer is saved at the end; with the status `failed` where the agent raises, and with
    `cancelled` where the consumer stops: at once under `contextlib.aclosing`, else when the
    generator is thrown away. Words are read from a str, from `{"type": "content", "delta": ...}`,
    from the AI SDK's `text-delta` and from chunks of Chat Completions. A chunk that is a message,
    or has one as its `message`, is stored whole and in its place; one that begins with the words
    before it, white space aside, completes them. Other chunks are not stored; `text_of` and
    `message_of` read more.
    """
    return _exchange(agent, thread_id, database, new_message, user_id, given, options).stream()


def _exchange(
    agent: Any,
    thread_id: str,
    database: Database,
    new_message: Any,
    user_id: str | None,
    given: dict[str, Any] | None,
    options: Options,
) -> Exchange:
    check_agent(agent)
    check_database(database)
    return Exchange(
        agent,
        database,
        thread_id,
        new_message,
        Ways(**options),
        user_id,
        known=True,
        given=dict(given or {}),
    )
