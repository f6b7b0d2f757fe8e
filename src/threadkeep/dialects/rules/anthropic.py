"""What the Messages API of Anthropic demands of `messages`.

The sentences of its 400s that these rules stand for: "`tool_use` ids were found without
`tool_result` blocks immediately after", "unexpected `tool_use_id` found in `tool_result` blocks",
"each tool_use must have a single result", "`tool_use` ids must be unique", "text content blocks
must contain non-whitespace text", "final assistant content cannot end with trailing whitespace",
"The final block in an assistant message cannot be `thinking`", "String should match pattern".
A system message is refused by every model before Opus 4.8, so here it is no role at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from threadkeep.dialects.rules import anthropic_blocks as blocks
from threadkeep.dialects.rules.common import ILL_FORMED, ILL_FORMED_SENTENCE, Report, kind_of

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

RULES: Final[Mapping[str, str]] = {
    "empty-history": "There must be at least one message.",
    "message-not-object": "A message must be an object.",
    "role": "The role of a message must be user or assistant.",
    "first-not-user": "The first message must be the user's.",
    "roles-not-alternating": "Messages of user and assistant must alternate.",
    "content-type": "Content must be a string or a list of blocks.",
    "content-empty": "Content must not be empty.",
    "text-blank": "Text must hold more than whitespace; in a tool result it must not be empty.",
    "trailing-whitespace": "An assistant's text that ends the history must not end in whitespace.",
    "block-type": "A block must be an object of a known type that the role may hold.",
    "block-members": "A block must have the required members of its type.",
    "source": "The source of an image or document must be of a known type, with its members.",
    "thinking-members": "Thinking must have its text and the signature it came with.",
    "redacted-thinking-data": "Redacted thinking must have its data.",
    "thinking-last": "An assistant message must not end in thinking.",
    "tool-use-id": "The id of a call must be of letters, digits, _ and -; a server tool's starts "
    "with srvtoolu_.",
    "tool-use-id-unique": "The ids of calls must be unique in the history.",
    "tool-name": "The name of a called tool must be 1 to 200 letters, digits, _ and -.",
    "tool-input": "The input of a call must be an object.",
    "tool-use-unanswered": "Every tool_use must be answered in the very next message.",
    "tool-result-unexpected": "A tool_result must answer a tool_use of the message before.",
    "tool-result-repeated": "A tool_use must be answered by one tool_result only.",
    "tool-result-not-first": "Tool results must come before all else in their message.",
    "tool-result-content": "A tool result must hold a string, or a list of text, images, "
    "documents, search results, tool references and browser states, with the members of each.",
    "server-tool-unanswered": "A server_tool_use must be answered in its own message, unless it "
    "ends the history or a call that its code made is pending.",
    "server-tool-result-unexpected": "The result of a server tool must follow its server_tool_use "
    "in the same message, and be the only one.",
    ILL_FORMED: ILL_FORMED_SENTENCE,
}

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_SERVER_ID: Final = re.compile(r"srvtoolu_[a-zA-Z0-9_]+")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,200}")
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})
_SERVER_USES: Final = frozenset({"server_tool_use", "mcp_tool_use"})


def inspect(items: Sequence[Json], report: Report) -> None:
    """Report every fault of the messages but ill-formed text."""
    if not items:
        report.add("empty-history", None)
        return
    _Inspector(report).run(items)


class _Inspector:
    """Walks the messages once; holds which calls are open."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.ids: set[str] = set()
        # The calls of the message before, with the path of each; and those with a result by now.
        self.calls: dict[str, str] = {}
        self.answered: set[str] = set()
        # The uses of server tools without a result, with the message and the path of each.
        self.server: dict[str, tuple[int, str]] = {}

    def run(self, items: Sequence[Json]) -> None:
        before: str | None = None
        last = len(items) - 1
        for index, item in enumerate(items):
            role = before = self.role(item, index, before)
            found = self.content(item.get("content"), index) if isinstance(item, dict) else []
            self.answers(found, index)
            self.close_calls(index - 1)
            self.blocks(found, index, role)
            self.server_results(found, index)
            if role != "user":
                self.close_server(found, is_last=index == last)
        self.close_calls(last)
        self.ending(items[-1], last)

    def role(self, item: Json, index: int, before: str | None) -> str:
        if not isinstance(item, dict):
            self.report.add("message-not-object", index)
            return ""
        role = kind_of(item, "role")
        if role not in ("user", "assistant"):
            self.report.add("role", index, "role")
            return ""
        if index == 0 and role != "user":
            self.report.add("first-not-user", index, "role")
        if before == role:
            self.report.add("roles-not-alternating", index, "role")
        return role

    def content(self, content: Json, index: int) -> list[Json]:
        if isinstance(content, list):
            if not content:
                self.report.add("content-empty", index, "content")
            return content
        if not isinstance(content, str):
            self.report.add("content-type", index, "content")
        elif not content:
            self.report.add("content-empty", index, "content")
        elif not content.strip():
            self.report.add("text-blank", index, "content")
        return []

    def blocks(self, found: list[Json], index: int, role: str) -> None:
        for place, block in enumerate(found):
            at = f"content[{place}]"
            kind = kind_of(block)
            if not blocks.may_hold(role, kind):
                self.report.add("block-type", index, at)
            elif isinstance(block, dict):
                for rule, member in blocks.faults(kind, block):
                    self.report.add(rule, index, f"{at}.{member}")
                if kind == "tool_use" or kind in _SERVER_USES:
                    self.call(block, kind, index, at)
        if role == "assistant" and found and kind_of(found[-1]) in _THINKING:
            self.report.add("thinking-last", index, f"content[{len(found) - 1}]")

    def call(self, block: dict[str, Json], kind: str, index: int, at: str) -> None:
        id = block.get("id")
        pattern = _SERVER_ID if kind == "server_tool_use" else _ID
        if not isinstance(id, str) or not pattern.fullmatch(id):
            self.report.add("tool-use-id", index, f"{at}.id")
        if isinstance(id, str):
            if id in self.ids:
                self.report.add("tool-use-id-unique", index, f"{at}.id")
            self.ids.add(id)
            if kind == "tool_use":
                self.calls[id] = f"{at}.id"
        name = block.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.report.add("tool-name", index, f"{at}.name")
        if not isinstance(block.get("input"), dict):
            self.report.add("tool-input", index, f"{at}.input")

    def answers(self, found: list[Json], index: int) -> None:
        """Tool results against the calls of the message before."""
        others = False
        for place, block in enumerate(found):
            if kind_of(block) != "tool_result":
                others = True
                continue
            at = f"content[{place}]"
            if others:
                self.report.add("tool-result-not-first", index, at)
            id = block.get("tool_use_id")
            if not isinstance(id, str) or id not in self.calls:
                self.report.add("tool-result-unexpected", index, f"{at}.tool_use_id")
            elif id in self.answered:
                self.report.add("tool-result-repeated", index, f"{at}.tool_use_id")
            else:
                self.answered.add(id)

    def close_calls(self, index: int) -> None:
        """Every call of the message at `index` must have been answered by now."""
        for id, at in self.calls.items():
            if id not in self.answered:
                self.report.add("tool-use-unanswered", index, at)
        self.calls, self.answered = {}, set()

    def server_results(self, found: list[Json], index: int) -> None:
        """Uses of server tools and their results, in the order of one message."""
        for place, block in enumerate(found):
            kind = kind_of(block)
            if kind in _SERVER_USES:
                id = block.get("id")
                if isinstance(id, str) and id not in self.server:
                    self.server[id] = (index, f"content[{place}].id")
            elif blocks.is_server_result(kind):
                id = block.get("tool_use_id")
                if not isinstance(id, str) or self.server.pop(id, None) is None:
                    at = f"content[{place}].tool_use_id"
                    self.report.add("server-tool-result-unexpected", index, at)

    def close_server(self, found: list[Json], *, is_last: bool) -> None:
        """Only what is paused, or whose code waits for a call, may stay open after a message."""
        if is_last or not self.server:
            return
        waiting = set()
        for block in found:
            caller = block.get("caller") if kind_of(block) == "tool_use" else None
            id = caller.get("tool_id") if isinstance(caller, dict) else None
            if isinstance(id, str):
                waiting.add(id)
        for id, (opened, at) in list(self.server.items()):
            if id not in waiting:
                del self.server[id]
                self.report.add("server-tool-unanswered", opened, at)

    def ending(self, item: Json, index: int) -> None:
        if kind_of(item, "role") != "assistant":
            return
        content, at = item.get("content"), "content"
        if isinstance(content, list) and content and kind_of(content[-1]) == "text":
            at = f"content[{len(content) - 1}].text"
            content = content[-1].get("text")
        if isinstance(content, str) and content.strip() and content != content.rstrip():
            self.report.add("trailing-whitespace", index, at)
