"""/threads/{id}/window and /threads/{id}/tool-calls: what a model gets, and what it has called."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from threadkeep import dialects
from threadkeep.dialects.healing import Policy
from threadkeep.server.openapi import problems
from threadkeep.server.rest.fields import (
    Absent,
    Asked,
    Count,
    DialectName,
    Flag,
    Id,
    Limit,
    ThreadId,
)
from threadkeep.server.rest.native import told
from threadkeep.server.rest.shapes import ToolUses, WindowShape
from threadkeep.server.rest.texts import listed, texts_of, tool_use_facts, written
from threadkeep.server.routing import ProblemRoute
from threadkeep.server.service import Reader
from threadkeep.store import Owner

router = APIRouter(route_class=ProblemRoute, tags=["threads"])


class WindowAsked(Asked):
    """How much: exactly one of turns, tokens and messages."""

    turns: Count | Absent = None
    tokens: Count | Absent = None
    messages: Count | Absent = None
    leaf: Id | Absent = None
    keep_system: Flag = False
    steady: Limit = 1
    dialect: DialectName | Absent = None
    strict: Flag = False
    heal: Policy | Absent = None


class ToolCallsAsked(Asked):
    """Which tool calls."""

    name: Annotated[str, Field(min_length=1)] | Absent = None
    failed: Flag | Absent = None
    tree: Flag = False


@router.get("/threads/{thread_id}/window", responses={200: {"model": WindowShape}, **problems(404)})
async def read_window(
    caller: Reader, thread_id: ThreadId, asked: Annotated[WindowAsked, Query()]
) -> Response:
    """What a model gets: the end of the path to the head or to `leaf`, oldest first.

    Never parts a tool call from its result. With `heal`, which goes with `dialect`, it is a history
    that the provider accepts, and `repairs` tells what was set right.
    """
    which: dict[str, Any] = asked.model_dump(exclude={"dialect", "strict", "heal"})
    if asked.heal is not None or (asked.dialect is None and asked.strict):
        which |= {"heal": asked.heal, "strict": asked.strict}
    if asked.dialect is not None and asked.heal is not None:
        return await _healed(caller.chat, thread_id, asked.dialect, which)
    if asked.dialect is not None:
        dialects.get(asked.dialect)
    window = await caller.chat.messages.window(thread_id, **which)
    if not window:
        await caller.chat.threads.get(thread_id)
    texts, facts = told(window, asked.dialect, strict=asked.strict)
    facts |= {"truncated": window.truncated, "tokens": window.tokens}
    return listed("messages", texts, facts)


@router.get(
    "/threads/{thread_id}/tool-calls", responses={200: {"model": ToolUses}, **problems(404)}
)
async def list_tool_calls(
    caller: Reader, thread_id: ThreadId, asked: Annotated[ToolCallsAsked, Query()]
) -> Response:
    """The tool calls along the path to the head, each with its result; with `tree` all.

    Of one tool by `name`; with `failed` those that ended in an error or were denied, or did not.
    """
    uses = await caller.chat.messages.tool_calls(
        thread_id, name=asked.name, failed=asked.failed, tree=asked.tree
    )
    if not uses:
        await caller.chat.threads.get(thread_id)
    return listed("tool_calls", texts_of(uses, tool_use_facts), {})


async def _healed(chat: Owner, thread_id: str, dialect: str, which: dict[str, Any]) -> Response:
    """A window as the provider accepts it. All of it is decoded for that."""
    found = await chat.messages.window(thread_id, dialect=dialect, **which)
    if not found:
        await chat.threads.get(thread_id)
    facts = {
        "sources": [list(sources) for sources in found.sources],
        "losses": [asdict(loss) for loss in found.losses],
        "repairs": [asdict(repair) for repair in found.repairs],
        "system": found.system,
        "truncated": found.truncated,
        "tokens": found.tokens,
    }
    return listed("messages", map(written, found), facts)
