"""threadkeep: one durable store for AI conversations on PostgreSQL.

Names are loaded when they are first used; importing the package loads no driver and no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadkeep.connecting import connect, connect_async
    from threadkeep.dialects.convert import convert
    from threadkeep.dialects.rules import Fault, check
    from threadkeep.store import AsyncStore, OpenSpan, Owner, Turn
    from threadkeep.sync import Store
    from threadkeep.values.attachment import Attachment
    from threadkeep.values.converted import Converted, Loss, Repair
    from threadkeep.values.credentials import ApiKey, NewKey, RefreshToken
    from threadkeep.values.errors import (
        ConflictError,
        CredentialError,
        DatabaseError,
        ForbiddenError,
        InvalidCursorError,
        InvalidError,
        LossyError,
        NotFoundError,
        SchemaMismatchError,
        ThreadkeepError,
        ThreadkeepWarning,
        UnavailableError,
    )
    from threadkeep.values.event import Event
    from threadkeep.values.feedback import Feedback
    from threadkeep.values.imported import Imported
    from threadkeep.values.message import Message
    from threadkeep.values.page import Page, Window
    from threadkeep.values.parts import (
        ApprovalPart,
        DataPart,
        FilePart,
        Part,
        RawPart,
        ReasoningPart,
        SourcePart,
        TextPart,
        ToolCallPart,
        ToolResultPart,
    )
    from threadkeep.values.run import Run, Usage
    from threadkeep.values.score import Score
    from threadkeep.values.session import Session
    from threadkeep.values.span import Span, Total
    from threadkeep.values.thread import OwnerSummary, Thread
    from threadkeep.values.tooluse import ToolUse
    from threadkeep.values.unset import UNSET

_HOMES = {
    "threadkeep.connecting": ("connect", "connect_async"),
    "threadkeep.dialects.convert": ("convert",),
    "threadkeep.dialects.rules": ("Fault", "check"),
    "threadkeep.store": ("AsyncStore", "OpenSpan", "Owner", "Turn"),
    "threadkeep.sync": ("Store",),
    "threadkeep.values.attachment": ("Attachment",),
    "threadkeep.values.converted": ("Converted", "Loss", "Repair"),
    "threadkeep.values.credentials": ("ApiKey", "NewKey", "RefreshToken"),
    "threadkeep.values.errors": (
        "ConflictError",
        "CredentialError",
        "DatabaseError",
        "ForbiddenError",
        "InvalidCursorError",
        "InvalidError",
        "LossyError",
        "NotFoundError",
        "SchemaMismatchError",
        "ThreadkeepError",
        "ThreadkeepWarning",
        "UnavailableError",
    ),
    "threadkeep.values.event": ("Event",),
    "threadkeep.values.feedback": ("Feedback",),
    "threadkeep.values.imported": ("Imported",),
    "threadkeep.values.message": ("Message",),
    "threadkeep.values.page": ("Page", "Window"),
    "threadkeep.values.parts": (
        "ApprovalPart",
        "DataPart",
        "FilePart",
        "Part",
        "RawPart",
        "ReasoningPart",
        "SourcePart",
        "TextPart",
        "ToolCallPart",
        "ToolResultPart",
    ),
    "threadkeep.values.run": ("Run", "Usage"),
    "threadkeep.values.score": ("Score",),
    "threadkeep.values.session": ("Session",),
    "threadkeep.values.span": ("Span", "Total"),
    "threadkeep.values.thread": ("OwnerSummary", "Thread"),
    "threadkeep.values.tooluse": ("ToolUse",),
    "threadkeep.values.unset": ("UNSET",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "UNSET",
    "ApiKey",
    "ApprovalPart",
    "AsyncStore",
    "Attachment",
    "ConflictError",
    "Converted",
    "CredentialError",
    "DataPart",
    "DatabaseError",
    "Event",
    "Fault",
    "Feedback",
    "FilePart",
    "ForbiddenError",
    "Imported",
    "InvalidCursorError",
    "InvalidError",
    "Loss",
    "LossyError",
    "Message",
    "NewKey",
    "NotFoundError",
    "OpenSpan",
    "Owner",
    "OwnerSummary",
    "Page",
    "Part",
    "RawPart",
    "ReasoningPart",
    "RefreshToken",
    "Repair",
    "Run",
    "SchemaMismatchError",
    "Score",
    "Session",
    "SourcePart",
    "Span",
    "Store",
    "TextPart",
    "Thread",
    "ThreadkeepError",
    "ThreadkeepWarning",
    "ToolCallPart",
    "ToolResultPart",
    "ToolUse",
    "Total",
    "Turn",
    "UnavailableError",
    "Usage",
    "Window",
    "check",
    "connect",
    "connect_async",
    "convert",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("threadkeep")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
