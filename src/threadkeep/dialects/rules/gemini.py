"""What generateContent of Gemini demands of `contents`.

The sentences of its 400s that these rules stand for: "Please use a valid role: user, model",
"contents.parts must not be empty", "required oneof field 'data' must have one initialized field",
"Please ensure that the number of function response parts is equal to the number of function call
parts of the function call turn", "function call turn comes immediately after a user turn or after
a function response turn", "Name cannot be empty", "Invalid function name". Names of members may be
written in camelCase or in snake_case, as the API and its SDK read both; null is absent, and a
content without a role is the user's, as the API documents it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from threadkeep.dialects.rules.common import (
    ILL_FORMED,
    ILL_FORMED_SENTENCE,
    Report,
    Test,
    is_filled,
    is_object,
    is_text,
)

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

RULES: Final[Mapping[str, str]] = {
    "empty-history": "There must be at least one content.",
    "content-not-object": "A content must be an object.",
    "role": "The role of a content must be user or model.",
    "first-not-user": "The first content must be the user's.",
    "roles-not-alternating": "Contents of user and model must alternate.",
    "parts-type": "The parts of a content must be a list.",
    "parts-empty": "The parts of a content must not be empty.",
    "part-not-object": "A part must be an object.",
    "part-data": "A part must have exactly one data member.",
    "part-role": "A functionCall must be the model's, a functionResponse the user's.",
    "part-members": "The data of a part must have its required members.",
    "text-empty": "Text must not be empty, unless it carries a thought signature.",
    "function-name": "The name of a function must start with a letter or _ and be at most 128 "
    "letters, digits, _, ., : and -.",
    "function-args": "The args of a functionCall must be an object.",
    "function-id-unique": "The ids of the function calls of one content must be unique.",
    "function-response": "The response of a functionResponse must be an object.",
    "response-count": "The content after one with function calls must have as many function "
    "responses.",
    "response-match": "Function responses must have the names of the calls, and their ids where "
    "both have one.",
    "response-unexpected": "Function responses must directly follow the content with their calls.",
    ILL_FORMED: ILL_FORMED_SENTENCE,
}

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")

# What a part may hold one of, with the members that each must have.
_DATA: Final[Mapping[str, Mapping[str, Test]]] = {
    "text": {},
    "inlineData": {"mimeType": is_filled, "data": is_filled},
    "fileData": {"fileUri": is_filled},
    "functionCall": {},
    "functionResponse": {},
    "executableCode": {"language": is_filled, "code": is_text},
    "codeExecutionResult": {"outcome": is_filled},
    "toolCall": {},
    "toolResponse": {},
}


def _snake(name: str) -> str:
    return re.sub("([A-Z])", lambda match: f"_{match[0].lower()}", name)


_SPELLINGS: Final[Mapping[str, str]] = {
    **{name: name for name in _DATA},
    **{_snake(name): name for name in _DATA},
}


def inspect(items: Sequence[Json], report: Report) -> None:
    """Report every fault of the contents but ill-formed text."""
    if not items:
        report.add("empty-history", None)
        return
    inspector = _Inspector(report)
    for index, item in enumerate(items):
        inspector.content(item, index)
    inspector.close_calls([], -1)


class _Inspector:
    """Walks the contents once; holds the function calls of the one before."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.before: str | None = None
        self.calls: list[_Named] = []
        self.index = 0

    def content(self, item: Json, index: int) -> None:
        parts: list[Json] = []
        role = self.before = self.role(item, index)
        if isinstance(item, dict):
            parts = self.parts(item.get("parts"), index)
        calls: list[_Named] = []
        responses: list[_Named] = []
        for place, part in enumerate(parts):
            self.part(part, index, f"parts[{place}]", role, (calls, responses))
        self.close_calls(responses, index)
        self.calls, self.index = calls, index
        seen = set()
        for call in calls:
            if call.id is not None and call.id in seen:
                self.report.add("function-id-unique", index, f"{call.at}.id")
            seen.add(call.id)

    def role(self, item: Json, index: int) -> str | None:
        if not isinstance(item, dict):
            self.report.add("content-not-object", index)
            return None
        role = item.get("role")
        if role is None:
            role = "user"
        if not isinstance(role, str) or role not in ("user", "model"):
            self.report.add("role", index, "role")
            return None
        if index == 0 and role != "user":
            self.report.add("first-not-user", index, "role")
        if role == self.before:
            self.report.add("roles-not-alternating", index, "role")
        return role

    def parts(self, parts: Json, index: int) -> list[Json]:
        if parts is None or parts == []:
            self.report.add("parts-empty", index, "parts")
        elif not isinstance(parts, list):
            self.report.add("parts-type", index, "parts")
        else:
            return parts
        return []

    def part(
        self,
        part: Json,
        index: int,
        at: str,
        role: str | None,
        functions: tuple[list[_Named], list[_Named]],
    ) -> None:
        if not isinstance(part, dict):
            self.report.add("part-not-object", index, at)
            return
        spelled = [name for name in part if name in _SPELLINGS and part[name] is not None]
        if len(spelled) != 1:
            self.report.add("part-data", index, at)
        for name in spelled:
            self.data(part, name, index, at)
            kind, value = _SPELLINGS[name], part[name]
            if kind == "functionCall":
                self.owner(role, "model", index, at)
                functions[0].append(_Named(value, f"{at}.{name}"))
            elif kind == "functionResponse":
                self.owner(role, "user", index, at)
                functions[1].append(_Named(value, f"{at}.{name}"))

    def owner(self, role: str | None, owner: str, index: int, at: str) -> None:
        if role is not None and role != owner:
            self.report.add("part-role", index, at)

    def data(self, part: dict[str, Json], name: str, index: int, at: str) -> None:
        kind, value = _SPELLINGS[name], part[name]
        path = f"{at}.{name}"
        if kind == "text":
            if not isinstance(value, str):
                self.report.add("part-members", index, path)
            elif not value and not is_filled(_read(part, "thoughtSignature")):
                self.report.add("text-empty", index, path)
            return
        if not isinstance(value, dict):
            self.report.add("part-members", index, path)
            return
        for member, test in _DATA[kind].items():
            if not test(_read(value, member)):
                self.report.add("part-members", index, f"{path}.{member}")
        if kind in ("functionCall", "functionResponse"):
            self.function(value, kind, index, path)

    def function(self, value: dict[str, Json], kind: str, index: int, at: str) -> None:
        name = value.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.report.add("function-name", index, f"{at}.name")
        if value.get("id") is not None and not is_text(value["id"]):
            self.report.add("part-members", index, f"{at}.id")
        if kind == "functionResponse":
            if not is_object(value.get("response")):
                self.report.add("function-response", index, f"{at}.response")
        elif value.get("args") is not None and not is_object(value["args"]):
            self.report.add("function-args", index, f"{at}.args")

    def close_calls(self, responses: list[_Named], index: int) -> None:
        """The function responses of a content against the calls of the one before."""
        calls = self.calls
        if not calls:
            for response in responses:
                self.report.add("response-unexpected", index, response.at)
        elif len(calls) != len(responses):
            self.report.add("response-count", self.index, "parts")
        else:
            names = Counter(call.name for call in calls)
            ids = {call.id: call.name for call in calls if call.id is not None}
            for response in responses:
                names[response.name] -= 1
                wrong = names[response.name] < 0
                # Ids are compared where every call and the response have one.
                if not wrong and response.id is not None and len(ids) == len(calls):
                    wrong = (response.id, response.name) not in ids.items()
                if wrong:
                    self.report.add("response-match", index, response.at)


class _Named:
    """A function call or response: its name and id where they are strings, and where it stands."""

    __slots__ = ("at", "id", "name")

    def __init__(self, value: Json, at: str) -> None:
        members = value if isinstance(value, dict) else {}
        name, id = members.get("name"), members.get("id")
        self.name: str | None = name if isinstance(name, str) else None
        self.id: str | None = id if isinstance(id, str) and id else None
        self.at = at


def _read(value: Mapping[str, Json], member: str) -> Json:
    found = value.get(member)
    return value.get(_snake(member)) if found is None else found
