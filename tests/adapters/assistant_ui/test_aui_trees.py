"""Trees of any formats as items of one: taken apart where that changes nothing, each part once."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Final

import pytest

from threadkeep import Message, dialects
from threadkeep.adapters.assistant_ui import trees
from threadkeep.adapters.assistant_ui.trees import tree_of
from threadkeep.dialects.convert import convert
from threadkeep.values import jsontext


def _openai(call: str) -> list[Any]:
    function = {"id": call, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return [
        {"role": "user", "content": "u"},
        {"role": "system", "content": ""},
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [function]},
        {"role": "tool", "tool_call_id": call, "content": "r"},
    ]


def _anthropic(call: str) -> list[Any]:
    result = {"type": "tool_result", "tool_use_id": call, "content": "r"}
    thought = {"type": "thinking", "thinking": "t", "signature": "x"}
    return [
        {"role": "user", "content": "u"},
        {"role": "user", "content": [result]},
        {"role": "user", "content": [result, {"type": "text", "text": "and"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": call, "name": "f", "input": {}}],
        },
        {"role": "assistant", "content": [thought, {"type": "text", "text": "a"}]},
    ]


def _pydantic(call: str) -> list[Any]:
    asked = [
        {"part_kind": "system-prompt", "content": "s"},
        {"part_kind": "user-prompt", "content": "u"},
    ]
    came = {"part_kind": "tool-return", "tool_name": "f", "content": "r", "tool_call_id": call}
    called = {"part_kind": "tool-call", "tool_name": "f", "args": {}, "tool_call_id": call}
    return [
        {"kind": "request", "parts": asked},
        {"kind": "request", "parts": [came]},
        {"kind": "request", "parts": [came, asked[1]]},
        {"kind": "response", "parts": [called]},
    ]


def _typed(call: str) -> list[Any]:
    question = {"type": "approval", "approval_id": f"p{call}", "call_id": call}
    called = {"type": "tool_call", "call_id": call, "name": "f", "arguments": {}}
    consent = {"type": "approval", "approval_id": f"p{call}", "approved": True}
    result = {"type": "tool_result", "call_id": call, "output": 1}
    said: list[tuple[str, list[Any]]] = [
        ("user", [{"type": "text", "text": "u"}]),
        ("user", []),
        ("user", [consent]),
        ("assistant", [{"type": "reasoning", "text": "t"}]),
        ("assistant", [called, question]),
        ("tool", [result]),
    ]
    return [{"role": role, "parts": parts} for role, parts in said]


def _aui(call: str) -> list[Any]:
    called = {"type": "tool-call", "toolCallId": call, "toolName": "f", "args": {}}
    more: dict[str, Any] = {"metadata": {"custom": {}}}
    return [
        {"role": "user", "content": [{"type": "text", "text": "u"}], **more},
        {"role": "assistant", "content": [called], **more},
    ]


_ITEMS: Final = {
    "openai-chat": _openai,
    "anthropic": _anthropic,
    "pydantic-ai": _pydantic,
    "threadkeep": _typed,
    "aui/v0": _aui,
}


def _stored(item: Any, format: str, above: list[Message], parent: str | None) -> Message:
    role = dialects.get(format).traits(item).role
    message = Message(role, jsontext.encode(item), format, id=f"m{len(above)}")
    return replace(message, seq=len(above), parent_id=parent)


def _conversation(rng: random.Random) -> list[Message]:
    """Messages one after the other, whose answers may come turns after their calls."""
    formats = rng.sample(sorted(_ITEMS), rng.randint(1, 3))
    messages: list[Message] = []
    for number in range(rng.randint(1, 24)):
        format = rng.choice(formats)
        call = f"c{rng.choice([rng.randrange(4), number])}"
        parent = messages[-1].id if messages else None
        messages.append(_stored(rng.choice(_ITEMS[format](call)), format, messages, parent))
    return messages


@pytest.mark.parametrize("dialect", ["aui/v0", "ai-sdk/v6"])
def test_a_conversation_in_stretches_is_what_it_is_as_a_whole(dialect: str) -> None:
    """However late a call is answered, and whichever formats took part."""
    seen = 0
    for seed in range(300):
        messages = _conversation(random.Random(seed))
        items = list(convert(messages, dialect))
        tree = tree_of(messages, None, dialect)
        assert [node.item for node in tree.nodes] == items, seed
        parents = [None, *(node.id for node in tree.nodes)][: len(items)]
        assert [node.parent_id for node in tree.nodes] == parents
        seen += len(items)
    assert seen > 1000


def test_what_branches_share_is_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many answers at the end of a long conversation cost no more than as many messages."""
    messages: list[Message] = []
    for number in range(200):
        item = {"role": ("user", "assistant")[number % 2], "content": str(number)}
        parent = str(messages[-1].id) if messages else None
        messages.append(_stored(item, "openai-chat", messages, parent))
    for _ in range(200):
        messages.append(_stored({"role": "user", "content": "?"}, "openai-chat", messages, "m199"))
    converted: list[int] = []

    def counting(listed: list[Message], dialect: str) -> Any:
        converted.append(len(listed))
        return convert(listed, dialect)

    monkeypatch.setattr(trees, "convert", counting)
    assert len(tree_of(messages, None, "aui/v0").nodes) == len(messages)
    assert sum(converted) == len(messages)
