"""What Chat Completions of OpenAI demands of `messages`.

The sentences of its 400s that these rules stand for: "An assistant message with 'tool_calls' must
be followed by tool messages responding to each 'tool_call_id'", "messages with role 'tool' must be
a response to a preceeding message with 'tool_calls'", "Duplicate value for 'tool_call_id'",
"string too long. Expected a string with maximum length 40", "[] is too short", "string does not
match pattern", "expected an array of objects, but got null instead".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from threadkeep.dialects.rules.common import (
    ILL_FORMED,
    ILL_FORMED_SENTENCE,
    Report,
    Test,
    among,
    is_filled,
    is_object,
    is_text,
    kind_of,
    wrong_members,
)

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

RULES: Final[Mapping[str, str]] = {
    "empty-history": "There must be at least one message.",
    "message-not-object": "A message must be an object.",
    "role": "The role must be developer, system, user, assistant, tool or function.",
    "participant-name": "The name of a participant must be without spaces, <, |, \\, / and >.",
    "message-members": "A refusal, audio or function_call of an assistant, and the name of a "
    "function message, must have its members.",
    "content-missing": "There must be content, unless an assistant message has tool_calls, a "
    "refusal, audio or a function_call.",
    "content-type": "Content must be a string or a list of parts; a function's is a string.",
    "content-empty": "A list of parts must not be empty.",
    "part-type": "A part must be an object of a known type that the role may hold: text; text and "
    "refusal of an assistant; text, image_url, input_audio and file of a user.",
    "part-members": "A part must have the required members of its type.",
    "tool-calls-type": "The member tool_calls must be a list where it stands.",
    "tool-calls-empty": "The list tool_calls must not be empty where it stands.",
    "tool-call-members": "A tool call must be a function or custom one, with an object of that "
    "name that holds its name and its arguments or input.",
    "tool-call-id": "A tool call must have an id of 1 to 40 characters.",
    "tool-call-id-unique": "The ids of the tool calls of one message must be unique.",
    "function-name": "The name of a function must be 1 to 64 letters, digits, _ and -.",
    "arguments-type": "The arguments of a call, or the input of a custom one, must be a string.",
    "tool-call-unanswered": "Every tool call must be answered by a tool message directly after.",
    "tool-message-unexpected": "A tool message must answer a tool call of the assistant message "
    "that it directly follows.",
    "tool-message-repeated": "A tool call must be answered by one tool message only.",
    ILL_FORMED: ILL_FORMED_SENTENCE,
}

_MAX_ID: Final = 40
_FUNCTION: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PARTICIPANT: Final = re.compile(r"[^\s<|\\/>]+")
_ROLES: Final = frozenset({"developer", "system", "user", "assistant", "tool", "function"})

_TEXT: Final[Mapping[str, Test]] = {"text": is_text}
_TEXT_ONLY: Final[Mapping[str, Mapping[str, Test]]] = {"text": _TEXT}
_PARTS: Final[Mapping[str, Mapping[str, Mapping[str, Test]]]] = {
    "developer": _TEXT_ONLY,
    "system": _TEXT_ONLY,
    "tool": _TEXT_ONLY,
    "assistant": {"text": _TEXT, "refusal": {"refusal": is_text}},
    "user": {
        "text": _TEXT,
        "image_url": {"image_url": is_object},
        "input_audio": {"input_audio": is_object},
        "file": {"file": is_object},
    },
}
_INNER: Final[Mapping[str, Mapping[str, Test]]] = {
    "image_url": {"url": is_filled},
    "input_audio": {"data": is_filled, "format": among("wav", "mp3")},
    "file": {},
}
_CALLS: Final[Mapping[str, str]] = {"function": "arguments", "custom": "input"}
_INSTEAD: Final = ("tool_calls", "refusal", "audio", "function_call")


def inspect(items: Sequence[Json], report: Report) -> None:
    """Report every fault of the messages but ill-formed text."""
    if not items:
        report.add("empty-history", None)
        return
    inspector = _Inspector(report)
    for index, item in enumerate(items):
        inspector.message(item, index)
    inspector.close_calls()


class _Inspector:
    """Walks the messages once; holds which calls are open."""

    def __init__(self, report: Report) -> None:
        self.report = report
        # The calls of the latest assistant message while tool messages follow, with their paths.
        self.calls: dict[str, str] = {}
        self.answered: set[str] = set()
        self.index = 0

    def message(self, item: Json, index: int) -> None:
        role = kind_of(item, "role")
        if role == "tool":
            self.answer(item.get("tool_call_id"), index)
        else:
            self.close_calls()
        if not isinstance(item, dict):
            self.report.add("message-not-object", index)
        elif role not in _ROLES:
            self.report.add("role", index, "role")
        else:
            self.name(item, index, role)
            self.content(item, index, role)
            if role == "assistant":
                self.assistant(item, index)

    def name(self, item: dict[str, Json], index: int, role: str) -> None:
        name = item.get("name")
        if role == "function":
            if not isinstance(name, str) or not _FUNCTION.fullmatch(name):
                self.report.add("message-members", index, "name")
        elif (
            "name" in item
            and role != "tool"
            and not (isinstance(name, str) and _PARTICIPANT.fullmatch(name))
        ):
            self.report.add("participant-name", index, "name")

    def content(self, item: dict[str, Json], index: int, role: str) -> None:
        content = item.get("content")
        if content is None:
            instead = role == "assistant" and any(item.get(name) is not None for name in _INSTEAD)
            if not instead and not (role == "function" and "content" in item):
                self.report.add("content-missing", index, "content")
        elif isinstance(content, list) and role in _PARTS:
            if not content:
                self.report.add("content-empty", index, "content")
            for place, part in enumerate(content):
                self.part(part, index, f"content[{place}]", role)
        elif not isinstance(content, str):
            self.report.add("content-type", index, "content")

    def part(self, part: Json, index: int, at: str, role: str) -> None:
        kind = kind_of(part)
        tests = _PARTS[role].get(kind)
        if tests is None:
            self.report.add("part-type", index, at)
            return
        wrong = list(wrong_members(part, tests))
        if not wrong and kind in _INNER:
            wrong = [f"{kind}.{name}" for name in wrong_members(part[kind], _INNER[kind])]
            if kind == "file" and not any(is_filled(part["file"].get(m)) for m in _FILE_MEMBERS):
                wrong.append("file")
        for name in wrong:
            self.report.add("part-members", index, f"{at}.{name}")

    def assistant(self, item: dict[str, Json], index: int) -> None:
        for member, test in _OPTIONAL.items():
            if item.get(member) is not None and not test(item[member]):
                self.report.add("message-members", index, member)
        if "tool_calls" not in item:
            return
        calls = item["tool_calls"]
        if not isinstance(calls, list):
            self.report.add("tool-calls-type", index, "tool_calls")
            return
        if not calls:
            self.report.add("tool-calls-empty", index, "tool_calls")
        self.index = index
        for place, call in enumerate(calls):
            self.call(call, index, f"tool_calls[{place}]")

    def call(self, call: Json, index: int, at: str) -> None:
        kind = kind_of(call)
        body = call.get(kind) if kind in _CALLS else None
        if not isinstance(body, dict):
            self.report.add("tool-call-members", index, at)
        else:
            name = body.get("name")
            if not isinstance(name, str) or not _FUNCTION.fullmatch(name):
                self.report.add("function-name", index, f"{at}.{kind}.name")
            if not isinstance(body.get(_CALLS[kind]), str):
                self.report.add("arguments-type", index, f"{at}.{kind}.{_CALLS[kind]}")
        id = call.get("id") if isinstance(call, dict) else None
        if not isinstance(id, str) or not 1 <= len(id) <= _MAX_ID:
            self.report.add("tool-call-id", index, f"{at}.id")
        if isinstance(id, str):
            if id in self.calls:
                self.report.add("tool-call-id-unique", index, f"{at}.id")
            self.calls[id] = f"{at}.id"

    def answer(self, id: Json, index: int) -> None:
        if not isinstance(id, str) or id not in self.calls:
            self.report.add("tool-message-unexpected", index, "tool_call_id")
        elif id in self.answered:
            self.report.add("tool-message-repeated", index, "tool_call_id")
        else:
            self.answered.add(id)

    def close_calls(self) -> None:
        """No more tool messages follow: every call must have been answered."""
        for id, at in self.calls.items():
            if id not in self.answered:
                self.report.add("tool-call-unanswered", self.index, at)
        self.calls, self.answered = {}, set()


def _is_call(value: Json) -> bool:
    return (
        isinstance(value, dict) and is_text(value.get("arguments")) and is_text(value.get("name"))
    )


_FILE_MEMBERS: Final = ("file_data", "file_id")
_OPTIONAL: Final[Mapping[str, Test]] = {
    "refusal": is_text,
    "audio": lambda value: isinstance(value, dict) and is_filled(value.get("id")),
    "function_call": _is_call,
}
