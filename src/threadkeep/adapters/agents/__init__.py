"""Agents that remember: seashore's helpers in Python spelling, over its repositories.

An agent is any async callable, async generator function, or object with `run` or `stream`; none of
a framework is needed. docs/seeds/seashore.md has the samples, and where ours behaves otherwise.
"""

from __future__ import annotations

from threadkeep.adapters.agents.continuing import continue_thread, stream_continue_thread
from threadkeep.adapters.agents.events import MessageEvent
from threadkeep.adapters.agents.hooks import Hooks
from threadkeep.adapters.agents.manager import Sent, ThreadManager, create_thread_manager
from threadkeep.adapters.agents.middleware import (
    AutoPersistedMessageHandler,
    PersistenceMiddleware,
    create_auto_persisted_message_handler,
    create_persistence_middleware,
)
from threadkeep.adapters.agents.wrapping import PersistentAgent, with_storage

__all__ = [
    "AutoPersistedMessageHandler",
    "Hooks",
    "MessageEvent",
    "PersistenceMiddleware",
    "PersistentAgent",
    "Sent",
    "ThreadManager",
    "continue_thread",
    "create_auto_persisted_message_handler",
    "create_persistence_middleware",
    "create_thread_manager",
    "stream_continue_thread",
    "with_storage",
]
