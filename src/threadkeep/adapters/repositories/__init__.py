"""Repositories: threads, messages, traces and sessions, with seashore's names in Python spelling.

Made over a `Database`, which is bound to one owner; the seed's users are users inside of it.
docs/seeds/seashore.md has the seed's samples, and where ours behaves otherwise.
"""

from __future__ import annotations

from threadkeep.adapters.repositories.database import Database, Health, Migrated, create_database
from threadkeep.adapters.repositories.messages import MessageRepository, create_message_repository
from threadkeep.adapters.repositories.records import (
    MessageRecord,
    SessionRecord,
    ThreadRecord,
    ThreadSummary,
    TraceRecord,
)
from threadkeep.adapters.repositories.rows import Rows
from threadkeep.adapters.repositories.sessions import SessionRepository, create_session_repository
from threadkeep.adapters.repositories.threads import ThreadRepository, create_thread_repository
from threadkeep.adapters.repositories.traces import TraceRepository, create_trace_repository

__all__ = [
    "Database",
    "Health",
    "MessageRecord",
    "MessageRepository",
    "Migrated",
    "Rows",
    "SessionRecord",
    "SessionRepository",
    "ThreadRecord",
    "ThreadRepository",
    "ThreadSummary",
    "TraceRecord",
    "TraceRepository",
    "create_database",
    "create_message_repository",
    "create_session_repository",
    "create_thread_repository",
    "create_trace_repository",
]
