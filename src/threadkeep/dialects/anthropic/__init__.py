"""The dialect `anthropic`: the messages of the Messages API.

A native item is a message of a request, `{"role": "user" | "assistant" | "system", "content"}`
with a string or a list of blocks, or a whole response, `{"id", "type": "message", ...}`. The
blocks are those of anthropic 2.12, its betas among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from threadkeep.dialects.anthropic.reading import part_of
from threadkeep.dialects.anthropic.writing import blocks_of, is_server_result
from threadkeep.dialects.codec import COMMON, Codec, Output, Said
from threadkeep.dialects.flow import ORIGIN, Placed, Step, sources_of, steps
from threadkeep.dialects.provider_run import is_told_apart, report_unwritten, take_apart
from threadkeep.dialects.reading import id_of, object_of
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json, Part, TextPart, ToolResultPart
from threadkeep.values.ports import Dialect

_ROLES: Final[Mapping[str, Role]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
}
_SAID: Final = frozenset({"role", "content", "id"})
_ABOUT: Final = frozenset(
    {"diagnostics", "model", "stop_details", "stop_reason", "stop_sequence", "usage"}
)
"""What a response tells of how it was made: it stays with the stored row, and is no loss."""


class _Anthropic(Codec):
    """Raises InvalidError for a wrong `role`, `type`, `content` or `id`."""

    name = family = "anthropic"
    losses: Mapping[str, str] = {
        **COMMON,
        "reasoning": "Reasoning is kept only with what Anthropic signed or encrypted of it.",
        "provider_executed": "That another provider ran a tool: it is a tool of the caller's.",
        "tool_result.denied": "That a person said no: the reason is the tool's answer.",
        "approval": "Questions whether a tool may run, and the answers.",
        "file": "Files that are no image, PDF or text, of another provider, or the assistant's.",
        "file.name": "The name of an image.",
        "file.media_type": "The exact type of a file by URL or id, and of text.",
        "source": "Where something was found, without the words that were found.",
        "data": "An app's own data.",
        "position": "System text in mid-conversation: all of it stands before the messages.",
    }

    def read(self, item: Json) -> Said:
        """A user's message of results only has the role tool."""
        item = object_of(item)
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidError("role", f"must be one of {', '.join(_ROLES)}")
        if item.get("type", "message") not in ("message", None):
            raise InvalidError("type", "must be message")
        content = item.get("content")
        if isinstance(content, list):
            parts: list[Part] = [part_of(block) for block in content]
        elif isinstance(content, str):
            parts = [TextPart(content)]
        elif content is None and role == "system":
            parts = []
        else:
            raise InvalidError("content", "must be a string or a list of blocks")
        if role == "user" and parts and all(isinstance(part, ToolResultPart) for part in parts):
            role = "tool"
        unsaid: Sequence[str] = ()
        if len(item) > 2:
            unsaid = [name for name, value in item.items() if _is_unsaid(name, value)]
        return Said(_CANONICAL[role], parts, id=id_of(item), unsaid=unsaid)

    def write(self, messages: Sequence[Message], out: Output) -> None:
        """Results are a user's message, and so is what the user says right after them."""

        def stays(placed: Placed) -> bool:
            return is_server_result(placed, out)

        group: list[Step] = []
        seen: set[int] = set()
        for step in take_apart(steps(messages, self.family, apart=False), stays):
            if step.role == "system" and step.messages[0].family != self.family:
                _write_system(step, out, started=bool(group or out.items))
                continue
            if group and not _goes_on(group[-1], step):
                _write(group, out, seen)
                group = []
            group.append(step)
        if group:
            _write(group, out, seen)
        report_unwritten(messages, seen, out)


_CANONICAL: Final[Mapping[str, Role]] = {**_ROLES, "tool": "tool"}


def _is_unsaid(name: str, value: Json) -> bool:
    if name == "type":
        return False
    return value is not None and name not in _SAID and name not in _ABOUT


def _goes_on(before: Step, step: Step) -> bool:
    """Whether two steps are one message: results and the words of the user right after them."""
    if (before.role, step.role) != ("tool", "user"):
        return False
    return not is_told_apart(before.messages[-1], step.messages[0], dialect.name)


def _write(group: Sequence[Step], out: Output, seen: set[int]) -> None:
    blocks = [
        block
        for step in group
        for placed in step.placed
        for block in blocks_of(placed, out, step.role)
    ]
    if not blocks and any(step.placed for step in group):
        return
    sources = sources_of(group)
    members: dict[str, Json] = {}
    role = "user" if group[0].role == "tool" else group[0].role
    for message in sources:
        if id(message) not in seen and _item(message).get("role") == role:
            seen.add(id(message))
            members.update(_members(message))
    content = _content(blocks, sources, is_response="type" in members)
    out.add({"role": role, "content": content, **members}, sources)


def _members(message: Message) -> dict[str, Json]:
    """All other members of the item that this dialect has loaded the message from."""
    item = _item(message)
    members = {name: value for name, value in item.items() if name not in ("role", "content")}
    if "id" in members and message.id is not None:
        members["id"] = message.id
    return members


def _item(message: Message) -> Mapping[str, Json]:
    origin = message.extra.get(ORIGIN) if message.family == dialect.name else None
    item = origin.get("item") if isinstance(origin, dict) else None
    return item if isinstance(item, dict) else {}


def _content(blocks: list[Json], sources: Sequence[Message], *, is_response: bool) -> Json:
    """A single text is a string, unless its item had a list."""
    if len(blocks) != 1 or is_response or not _is_plain(blocks[0]):
        return blocks
    if any(isinstance(_item(message).get("content"), list) for message in sources):
        return blocks
    return blocks[0]["text"]


def _is_plain(block: Json) -> bool:
    return isinstance(block, dict) and block.keys() == {"type", "text"} and block["type"] == "text"


def _write_system(step: Step, out: Output, *, started: bool) -> None:
    blocks = [block for placed in step.placed for block in blocks_of(placed, out, "system")]
    texts = [block["text"] for block in blocks]
    if texts and started:
        out.lost_of(step.messages[0], None, "position")
    out.system += texts


dialect: Dialect = _Anthropic()
