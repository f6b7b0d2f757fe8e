"""The contract of listing tool calls: each with its result, whatever format said it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from threadkeep.testing.contract.kit import Contract, asks, says, tells, turns, user
from threadkeep.values.message import Message
from threadkeep.values.parts import TextPart, ToolCallPart, ToolResultPart

if TYPE_CHECKING:
    from threadkeep.store import Owner
    from threadkeep.values.parts import Json
    from threadkeep.values.tooluse import ToolUse

AT = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

# Of each format: items that call look and book, the answer to each (book fails), and a last call
# that nobody has answered. One append each, a second apart.
NATIVE: dict[str, list[Json]] = {
    "openai-chat": [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"at": 1}'},
                },
                {"id": "c2", "type": "function", "function": {"name": "book", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "seen"},
        {"role": "tool", "tool_call_id": "c2", "content": "full"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c3", "type": "function", "function": {"name": "look", "arguments": "{bad"}}
            ],
        },
    ],
    "openai-responses": [
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at": 1}'},
        {"type": "function_call", "call_id": "c2", "name": "book", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "seen"},
        {"type": "function_call_output", "call_id": "c2", "output": "full"},
        {"type": "function_call", "call_id": "c3", "name": "look", "arguments": "{bad"},
    ],
    "anthropic": [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
                {"type": "tool_use", "id": "c2", "name": "book", "input": None},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "seen"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "full", "is_error": True},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c3", "name": "look", "input": "{bad"}],
        },
    ],
    "gemini": [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "look", "args": {"at": 1}}},
                {"functionCall": {"name": "book"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "look", "response": {"output": "seen"}}},
                {"functionResponse": {"name": "book", "response": {"error": "full"}}},
            ],
        },
        {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"bad": 1}}}]},
    ],
    "ai-sdk/v6": [
        {
            "id": "x",
            "role": "assistant",
            "parts": [
                {
                    "type": "tool-look",
                    "toolCallId": "c1",
                    "state": "output-available",
                    "input": {"at": 1},
                    "output": "seen",
                },
                {
                    "type": "dynamic-tool",
                    "toolName": "book",
                    "toolCallId": "c2",
                    "state": "output-error",
                    "input": None,
                    "errorText": "full",
                },
                {
                    "type": "tool-look",
                    "toolCallId": "c3",
                    "state": "input-available",
                    "input": "{bad",
                },
            ],
        }
    ],
    "aui/v0": [
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool-call",
                    "toolCallId": "c1",
                    "toolName": "look",
                    "args": {"at": 1},
                    "result": "seen",
                },
                {
                    "type": "tool-call",
                    "toolCallId": "c2",
                    "toolName": "book",
                    "args": {},
                    "result": "full",
                    "isError": True,
                },
                {"type": "tool-call", "toolCallId": "c3", "toolName": "look", "args": {"bad": 1}},
            ],
            "metadata": {"custom": {}},
        }
    ],
    "langchain": [
        {
            "type": "ai",
            "data": {
                "content": "",
                "tool_calls": [
                    {"name": "look", "args": {"at": 1}, "id": "c1", "type": "tool_call"},
                    {"name": "book", "args": {}, "id": "c2", "type": "tool_call"},
                ],
            },
        },
        {"type": "tool", "data": {"content": "seen", "tool_call_id": "c1", "status": "success"}},
        {"type": "tool", "data": {"content": "full", "tool_call_id": "c2", "status": "error"}},
        {
            "type": "ai",
            "data": {
                "content": "",
                "tool_calls": [{"name": "look", "args": {"bad": 1}, "id": "c3"}],
            },
        },
    ],
}
TELLS_ERRORS = NATIVE.keys() - {"openai-chat", "openai-responses"}
IN_ONE_MESSAGE = {"ai-sdk/v6", "aui/v0"}


async def used(chat: Owner, thread: str = "t", **which: Any) -> list[tuple[str, str | None]]:
    """The messages of the calls and of their results."""
    uses = await chat.messages.tool_calls(thread, **which)
    return [(str(use.call_message_id), use.result_message_id) for use in uses]


class ToolCallsContract(Contract):
    """Formats, pairing, filters, branches."""

    @pytest.mark.parametrize("dialect", NATIVE)
    async def test_calls_of_any_format_with_their_results(self, chat: Owner, dialect: str) -> None:
        """Name, input, output, error, messages and latency are told of each call. [G6]"""
        await chat.messages.append("t", turns(1, 2))
        stored: list[Message] = []
        for n, item in enumerate(NATIVE[dialect]):
            at = AT + n * SECOND
            stored += await chat.messages.append("t", item, dialect=dialect, created_at=at)
        await chat.messages.append("t", says("done"))
        look, book, last = uses = await chat.messages.tool_calls("t")
        assert [use.name for use in uses] == ["look", "book", "look"]
        assert look.input == {"at": 1}
        assert (_told(look), _told(book)) == ("seen", "full")
        assert [use.pending for use in uses] == [False, False, True]
        failed = dialect in TELLS_ERRORS
        assert [use.failed for use in uses] == [False, failed, None]
        assert not any(use.denied for use in uses)
        assert (last.output, last.content, last.latency) == (None, None, None)
        made = {message.id: message.created_at for message in stored}
        for use in uses:
            assert use.called_at == made[use.call_message_id]
        if dialect in IN_ONE_MESSAGE:
            assert {look.result_message_id, book.result_message_id} == {stored[0].id}
            assert (look.answered_at, look.latency) == (None, None)
        else:
            assert look.answered_at == made[look.result_message_id]
            assert look.answered_at is not None
            assert look.called_at is not None
            assert look.latency == look.answered_at - look.called_at >= SECOND
        assert await chat.messages.tool_calls("t", name="book") == [book]
        assert await chat.messages.tool_calls("t", name="nothing") == []
        assert await chat.messages.tool_calls("t", failed=True) == [book] * failed
        assert await chat.messages.tool_calls("t", failed=False) == [look, book][: 2 - failed]
        assert await chat.messages.tool_calls("t", tree=True) == uses

    async def test_formats_meet_in_one_thread(self, chat: Owner) -> None:
        """A result of one format answers a call of another. [G6]"""
        call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
        result = {"role": "tool", "tool_call_id": "c", "content": "seen"}
        [asked] = await chat.messages.append("t", call, dialect="openai-responses")
        await chat.messages.append("t", says("wait"))
        [told] = await chat.messages.append("t", result, dialect="openai-chat")
        assert await used(chat) == [(asked.id, told.id)]

    async def test_a_denied_call_has_failed(self, chat: Owner) -> None:
        """What a person denied ran into nothing, and is no pending call. [G6]"""
        part = {
            "type": "tool-look",
            "toolCallId": "c",
            "state": "output-denied",
            "input": {},
            "approval": {"id": "p", "approved": False, "reason": "too dear"},
        }
        denied = {"id": "m", "role": "assistant", "parts": [part]}
        await chat.messages.append("t", denied, dialect="ai-sdk/v6")
        result = ToolResultPart("d", "no", denied=True)
        await chat.messages.append("t", [asks("a", "d"), Message.tool([result], id="r")])
        first, second = await chat.messages.tool_calls("t", failed=True)
        assert (first.denied, first.pending, first.output) == (True, False, "too dear")
        assert (second.denied, second.result_message_id) == (True, "r")

    async def test_ids_that_come_again_are_other_calls(self, chat: Owner) -> None:
        """A result answers the latest call before it with its id; the last result counts. [G6]"""
        await chat.messages.append("t", [user("u1"), asks("a1", "c"), user("u2"), asks("a2", "c")])
        await chat.messages.append("t", [tells("r1", "c"), says("b"), tells("r2", "c")])
        await chat.messages.append("t", [tells("orphan", "other"), asks("a3", "c", "c")])
        await chat.messages.append("t", [tells("r3", "c"), tells("r4", "c")])
        assert await used(chat) == [("a1", None), ("a2", "r2"), ("a3", "r3"), ("a3", "r4")]

    async def test_a_result_with_content_and_times_that_go_backwards(self, chat: Owner) -> None:
        """Content is handed on; a result older than its call has no latency. [G6]"""
        content = (TextPart("a picture"),)
        call: Any = ToolCallPart("c", "look", [1], provider_executed=True)
        await chat.messages.append("t", Message.assistant([call], id="a"), created_at=AT)
        result = Message.tool([ToolResultPart("c", content=content, is_error=False)], id="r")
        await chat.messages.append("t", result, created_at=AT - SECOND)
        [use] = await chat.messages.tool_calls("t")
        assert (use.output, use.content, use.is_error) == (None, content, False)
        assert (use.id, use.provider_executed, use.failed) == ("c", True, False)
        assert (use.called_at, use.answered_at, use.latency) == (AT, AT - SECOND, None)
        assert "[1]" not in repr(use)
        assert "picture" not in repr(use)

    async def test_along_the_path_or_of_all_branches(self, chat: Owner) -> None:
        """The head's path, or the tree: there a result answers a call of its own path. [G6]"""
        await chat.messages.append("t", [user("u"), asks("a1", "c")])
        await chat.messages.append("t", asks("a2", "c"), parent="u")
        await chat.messages.append("t", [says("late"), tells("r1", "c")], parent="a1")
        await chat.messages.append("t", [says("later"), tells("r2", "c")], parent="a2")
        await chat.messages.append("t", tells("r3", "c"), parent="u")
        assert await used(chat) == []
        assert await used(chat, tree=True) == [("a1", "r1"), ("a2", "r2")]
        await chat.threads.set_head("t", "r1")
        assert await used(chat) == [("a1", "r1")]
        await chat.messages.delete("t", "late")
        await chat.messages.delete("t", "a1")
        assert await used(chat) == []
        assert await used(chat, tree=True) == [("a2", "r2")]
        await chat.messages.delete("t", "u")
        assert await used(chat, tree=True) == [("a2", "r2")]

    async def test_a_branch_that_lost_a_message_is_still_another(self, chat: Owner) -> None:
        """What follows a deleted message stands where it stood: below its own root alone."""
        await chat.messages.append("t", [user("u"), asks("a", "c")])
        await chat.messages.append("t", [user("v"), says("gone"), tells("r", "c")], parent=None)
        await chat.messages.delete("t", "gone")
        assert await used(chat, tree=True) == [("a", None)]

    async def test_a_thread_without_calls(self, chat: Owner) -> None:
        """Prose, an empty thread and an unknown one have none."""
        await chat.messages.append("t", turns(1, 3))
        await chat.threads.create("empty")
        for thread in ("t", "empty", "unknown"):
            for tree in (False, True):
                assert await chat.messages.tool_calls(thread, tree=tree) == []

    async def test_a_rewritten_message_is_read_anew(self, chat: Owner) -> None:
        """An update that answers, or that takes a call back, shows at once. [G6]"""
        await chat.messages.append("t", asks("a", "c", "d"))
        call, other = ToolCallPart("c", "look"), ToolCallPart("d", "look")
        answered = Message.assistant([call, other, ToolResultPart("d", 1)], id="a")
        await chat.messages.update("t", "a", answered)
        assert await used(chat) == [("a", None), ("a", "a")]
        await chat.messages.update("t", "a", says("a"))
        assert await used(chat) == []


def _told(use: ToolUse) -> Json:
    """The words of a result, as a value or as content."""
    if use.content is not None:
        [part] = use.content
        return part.text if isinstance(part, TextPart) else part
    return use.output
