"""Items: a message as Chat Completions has it, made and read. It is stored as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast, get_args

from threadkeep import dialects
from threadkeep.dialects.convert import convert
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json

DIALECT: Final = "openai-chat"

Content = str | Sequence[Mapping[str, Json]] | None
Item = dict[str, Any]

_ROLES: Final[tuple[str, ...]] = get_args(Role)


def item_of(
    role: str,
    content: Content = None,
    *,
    name: str | None = None,
    tool_call_id: str | None = None,
    tool_calls: Sequence[Mapping[str, Json]] | None = None,
) -> Item:
    """The item of a message. InvalidError names the member that is wrong and its rule."""
    if role not in _ROLES:
        raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
    item: Item = {"role": role, "content": _content(content)}
    if name is not None:
        item["name"] = _text("name", name)
    if tool_calls:
        if role != "assistant":
            raise InvalidError("tool_calls", "go with the role assistant")
        if not isinstance(tool_calls, Sequence):
            raise InvalidError("tool_calls", "must be a list of calls")
        item["tool_calls"] = [call_of(call) for call in tool_calls]
    if role == "tool" and not isinstance(tool_call_id, str):
        raise InvalidError("tool_call_id", "must be the id of the call that is answered")
    if tool_call_id is not None:
        if role != "tool":
            raise InvalidError("tool_call_id", "goes with the role tool")
        item["tool_call_id"] = _text("tool_call_id", tool_call_id)
    return item


def call_of(call: Mapping[str, Json]) -> Item:
    """A tool call as `{id, type: "function", function: {name, arguments}}`.

    Arguments that are no text are written as JSON. All else in it is kept.
    """
    if not isinstance(call, Mapping):
        raise InvalidError("tool_calls", "must be mappings")
    function = call.get("function")
    if call.get("type", "function") != "function":
        return dict(call)
    if not isinstance(call.get("id"), str) or not isinstance(function, Mapping):
        raise InvalidError("tool_calls", "must have an id and a function")
    arguments = function.get("arguments", "{}")
    if not isinstance(function.get("name"), str):
        raise InvalidError("tool_calls", "must have the name of a function")
    if not isinstance(arguments, str):
        arguments = jsontext.encode(arguments, field="tool_calls")
    made = {"id": call["id"], "type": "function", "function": {**function, "arguments": arguments}}
    return {**made, **{name: call[name] for name in call if name not in made}}


def message_of(item: Mapping[str, Json], **known: Any) -> Message:
    """The message to store for an item: its text, and `known` beside it.

    InvalidError for what is no item, before any I/O.
    """
    listed = dict(item)
    if known.get("id") is not None:
        check_id("message_id", known["id"])
    role = dialects.get(DIALECT).traits(listed).role
    return Message(role, jsontext.encode(listed), DIALECT, **known)


def id_of(message: Message) -> str | None:
    """The id that the item of a message names itself."""
    return dialects.get(DIALECT).traits(message.payload).id


def native(message: Message) -> Item:
    """What a stored message says, of whatever format: role, content, calls and result.

    Of its own format it is the item itself. Of another the texts are joined, and the calls stand
    together; the content is None where nobody here can read it.
    """
    if message.format == DIALECT:
        payload = message.payload
        if isinstance(payload, dict):
            return payload
    try:
        items = convert([message], DIALECT)
    except InvalidError:
        return {"role": message.role, "content": None}
    if len(items) == 1:
        return cast("Item", items[0])
    texts = [text for item in items if (text := text_of(item["content"]))]
    calls = [call for item in items for call in item.get("tool_calls") or ()]
    answered = [item["tool_call_id"] for item in items if "tool_call_id" in item]
    made: Item = {"role": message.role, "content": "\n\n".join(texts) or None}
    if calls:
        made["tool_calls"] = calls
    if len(answered) == 1:
        made["tool_call_id"] = answered[0]
    return made


def text_of(content: object) -> str:
    """The words of a content: itself, or the texts of its parts, joined by blank lines."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n\n".join(text for text in texts if isinstance(text, str))


def _content(content: Content) -> Json:
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, Sequence) and all(isinstance(part, Mapping) for part in content):
        return list(content)
    raise InvalidError("content", "must be a str, a list of parts, or None")


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidError(field, "must be a str")
    return value
