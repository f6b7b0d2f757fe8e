"""Answers: what agents return, and what their streams yield, as messages to store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from threadkeep.adapters.repositories.items import Item, call_of, text_of
from threadkeep.adapters.repositories.usage import usage_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.run import Usage

TextOf = Callable[[Any], str | None]
MessageOf = Callable[[Any], Mapping[str, Any] | None]

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_DELTAS: Final = ("delta", "textDelta", "text")
_CONTENT: Final = ("content", "text-delta", "text")


def asked_of(message: Any) -> list[Item]:
    """The messages of a question: a text, a message, or a list of messages."""
    if isinstance(message, str):
        return [{"role": "user", "content": message}]
    listed = [message] if isinstance(message, Mapping) else message
    if not isinstance(listed, Sequence) or not listed or not all(map(_is_message, listed)):
        raise InvalidError("message", "must be a str, a message with a role, or a list of these")
    return [dict(one) for one in listed]


def answer_of(answer: Any, received: Sequence[Item]) -> list[Item]:
    """The messages that an agent's answer says, in order.

    A text is an assistant's message. A message, as a mapping or an object, is itself; a list of
    messages is all of them, without those that the agent was given and that stand at its beginning,
    and without instructions of its own before these.
    Anything else is asked for `messages` and for `content`, which is the last message where the
    messages do not end with it; a completion of Chat Completions has one in its `choices`. None
    says nothing. InvalidError for what has none of these.
    """
    if answer is None:
        return []
    if isinstance(answer, str):
        return [{"role": "assistant", "content": answer}]
    if _is_message(answer) or _is_object(answer):
        return [_item(answer)]
    if isinstance(answer, Sequence) and not isinstance(answer, bytes | bytearray):
        return _fresh([_item(one) for one in answer], received)
    if choices := _member(answer, "choices"):
        return [_item(_member(choices[0], "message"))]
    messages, content = _member(answer, "messages"), _member(answer, "content")
    if not isinstance(messages, Sequence | None) or not isinstance(content, str | None):
        raise InvalidError("answer", "must have a list of messages, or a content that is a str")
    if messages is None and content is None:
        raise InvalidError("answer", "must be a str, messages, or have messages or a content")
    items = _fresh([_item(one) for one in messages or ()], received)
    if content and not (items and _says(items[-1], content)):
        items.append({"role": "assistant", "content": content})
    return items


def used_by(answer: Any) -> Usage:
    """What an answer says that it used; nothing where it says nothing that is understood."""
    said = None if isinstance(answer, str | list | None) else _member(answer, "usage")
    dump = getattr(said, "model_dump", None)
    said = said if dump is None else dump()
    if not isinstance(said, Usage | Mapping):
        return Usage()
    try:
        return usage_of(said)[0]
    except InvalidError:
        return Usage()


def chunk_text(chunk: Any) -> str | None:
    """The words that a chunk adds to the answer; None for a chunk that adds none.

    A str; `{"type": "content", "delta": ...}`; the AI SDK's `text-delta`; a chunk of Chat
    Completions. As a mapping or an object.
    """
    if isinstance(chunk, str):
        return chunk
    if _member(chunk, "type") in _CONTENT:
        found = (_member(chunk, name) for name in _DELTAS)
        return next((text for text in found if isinstance(text, str)), None)
    choices = _member(chunk, "choices")
    if not isinstance(choices, Sequence) or not choices:
        return None
    text = _member(_member(choices[0], "delta"), "content")
    return text if isinstance(text, str) else None


def chunk_message(chunk: Any) -> Mapping[str, Any] | None:
    """The whole message that a chunk is, or has as its `message`; None for any other."""
    for one in (chunk, _member(chunk, "message")):
        if _is_message(one) or _is_object(one):
            return _item(one)
    return None


def completes(item: Mapping[str, Any], text: str) -> bool:
    """Whether a message says what the text said before it, and maybe more.

    White space aside: some clients trim it, and parts are joined in more than one way.
    """
    whole, said = ("".join(one.split()) for one in (text_of(item.get("content")), text))
    return item.get("role") == "assistant" and whole.startswith(said)


def _fresh(items: list[Item], received: Sequence[Item]) -> list[Item]:
    known, count = list(received), len(received)
    for place, item in enumerate(items):
        if items[place : place + count] == known:
            return items[place + count :]
        if item.get("role") not in ("system", "developer"):
            break
    return items


def _says(item: Item, content: str) -> bool:
    return item.get("role") == "assistant" and text_of(item.get("content")) == content


def _is_message(value: Any) -> bool:
    """Whether this is a message as a mapping."""
    return isinstance(value, Mapping) and value.get("role") in _ROLES and "type" not in value


def _is_object(value: Any) -> bool:
    """Whether this is a message as an object, such as a client's SDK gives."""
    if isinstance(value, Mapping | str | type(None)):
        return False
    return getattr(value, "role", None) in _ROLES and hasattr(value, "content")


def _item(value: Any) -> Item:
    """The item of a message."""
    if isinstance(value, Mapping):
        return dict(value)
    if not _is_object(value):
        raise InvalidError("answer", "must hold messages with a role only")
    if hasattr(value, "model_dump"):
        dumped: Item = value.model_dump(mode="json", exclude_none=True)
        return dumped if "content" in dumped else {**dumped, "content": None}
    item: Item = {"role": value.role, "content": value.content}
    for name in ("name", "tool_call_id"):
        if isinstance(found := getattr(value, name, None), str):
            item[name] = found
    if calls := getattr(value, "tool_calls", None):
        item["tool_calls"] = [call_of(call) for call in calls]
    return item


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
