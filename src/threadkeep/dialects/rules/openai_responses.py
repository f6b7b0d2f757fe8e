"""What the Responses API of OpenAI demands of `input`.

The sentences of its 400s that these rules stand for: "No tool output found for function call",
"No tool call found for function call output with call_id", "Item of type 'reasoning' was provided
without its required following item", "Duplicate item found with id", "Expected an ID that begins
with 'msg'", "Expected an ID that contains letters, numbers, underscores, or dashes", "string too
long. Expected a string with maximum length 64". Reasoning without an id is left alone: the API
then asks for no item after it. Ids that only the server could resolve are not looked up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from threadkeep.dialects.rules import openai_items as kinds
from threadkeep.dialects.rules.common import (
    ILL_FORMED,
    ILL_FORMED_SENTENCE,
    Report,
    kind_of,
    wrong_members,
)

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

RULES: Final[Mapping[str, str]] = {
    "empty-history": "There must be at least one item.",
    "item-not-object": "An item must be an object.",
    "item-type": "An item must be of a known type.",
    "item-members": "An item must have the required members of its type.",
    "message-role": "The role of a message must be user, assistant, system or developer.",
    "content-type": "Content must be a string or a list of parts.",
    "part-type": "A part must be an object of a known type that the role may hold: output_text and "
    "refusal of an assistant; input_text, input_image and input_file of all others.",
    "part-members": "A part must have the required members of its type.",
    "item-id": "The id of an item must be 1 to 64 letters, digits, _ and -.",
    "item-id-prefix": "The id of an item must begin with the prefix of its type.",
    "item-id-unique": "The ids of items must be unique.",
    "call-id": "A call and its output must have a call_id of 1 to 64 characters.",
    "call-id-unique": "The call_id of a call must be unique.",
    "function-name": "The name of a function must be 1 to 128 letters, digits, _ and -.",
    "arguments-type": "The arguments of a call, or the input of a custom one, must be a string.",
    "output-type": "The output of a call must be what its type demands: text or a list of text, "
    "images and files for functions and custom tools.",
    "call-unanswered": "Every call must be answered by an output after it.",
    "output-unexpected": "An output must answer a call of its type before it.",
    "output-repeated": "A call must be answered by one output only.",
    "reasoning-alone": "Reasoning with an id must be followed by the item it led to.",
    "approval-unexpected": "An approval must answer a request before it.",
    "trigger-not-last": "A compaction trigger must be the last item.",
    ILL_FORMED: ILL_FORMED_SENTENCE,
}

_MAX: Final = 64
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def inspect(items: Sequence[Json], report: Report) -> None:
    """Report every fault of the items but ill-formed text."""
    if not items:
        report.add("empty-history", None)
        return
    inspector = _Inspector(report)
    for index, item in enumerate(items):
        if isinstance(item, dict):
            inspector.item(item, index)
        else:
            report.add("item-not-object", index)
    inspector.neighbours(items)
    inspector.close_calls()


class _Inspector:
    """Walks the items once; holds ids, calls and requests."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.ids: set[str] = set()
        self.requests: set[str] = set()
        # A call by its kind and call_id, with its place, and None once it has an output.
        self.calls: dict[tuple[str, str], int | None] = {}
        # An item_reference may stand for a call, a request or an output that is not seen here.
        self.referred = False

    def item(self, item: dict[str, Json], index: int) -> None:
        kind = kinds.item_kind(item)
        if kind == "message":
            self.message(item, index)
        elif kind not in kinds.MEMBERS:
            self.report.add("item-type", index, "type")
            return
        else:
            for name in wrong_members(item, kinds.MEMBERS[kind]):
                self.report.add("item-members", index, name)
        self.id(item, kind, index)
        self.strings(item, kind, index)
        if kind in kinds.CALLS and kinds.waits(item, kind):
            self.call(item, kind, index)
        elif kind in kinds.OUTPUTS and kinds.waits(item, kind):
            self.output(item, kind, index)
        elif kind == "item_reference":
            self.referred = True
        elif kind == "mcp_approval_request" and isinstance(item.get("id"), str):
            self.requests.add(item["id"])
        elif kind == "mcp_approval_response":
            request = item.get("approval_request_id")
            known = isinstance(request, str) and request in self.requests
            if not known and not self.referred:
                self.report.add("approval-unexpected", index, "approval_request_id")

    def message(self, item: dict[str, Json], index: int) -> None:
        role = kind_of(item, "role")
        if role not in kinds.ROLES:
            self.report.add("message-role", index, "role")
        content = item.get("content")
        if isinstance(content, list):
            allowed = kinds.PARTS.get(role, kinds.ALL_PARTS)
            for place, part in enumerate(content):
                self.part(part, index, f"content[{place}]", allowed)
        elif not isinstance(content, str):
            self.report.add("content-type", index, "content")

    def part(self, part: Json, index: int, at: str, allowed: kinds.Kinds) -> None:
        kind = kind_of(part)
        if kind not in allowed:
            self.report.add("part-type", index, at)
            return
        for name in wrong_members(part, allowed[kind]):
            self.report.add("part-members", index, f"{at}.{name}")
        one_of = kinds.ONE_OF.get(kind)
        if one_of and not any(isinstance(part.get(name), str) for name in one_of):
            self.report.add("part-members", index, at)

    def id(self, item: dict[str, Json], kind: str, index: int) -> None:
        id = item.get("id")
        # What stands there as id of a local shell's output is the call's.
        if id is None or kind in ("item_reference", "local_shell_call_output"):
            return
        if not isinstance(id, str) or not _ID.fullmatch(id):
            self.report.add("item-id", index, "id")
        if not isinstance(id, str):
            return
        if not id.startswith(kinds.PREFIXES.get(kind, "")):
            self.report.add("item-id-prefix", index, "id")
        if id in self.ids:
            self.report.add("item-id-unique", index, "id")
        self.ids.add(id)

    def strings(self, item: dict[str, Json], kind: str, index: int) -> None:
        if kind in ("function_call", "custom_tool_call"):
            name = item.get("name")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                self.report.add("function-name", index, "name")
        member = kinds.ARGUMENTS.get(kind)
        if member and not isinstance(item.get(member), str):
            self.report.add("arguments-type", index, member)
        if kind in ("function_call_output", "custom_tool_call_output"):
            output = item.get("output")
            if isinstance(output, list):
                for place, part in enumerate(output):
                    self.part(part, index, f"output[{place}]", kinds.INPUT_PARTS)
            elif not isinstance(output, str):
                self.report.add("output-type", index, "output")
        elif kind in kinds.OUTPUT_TESTS and not kinds.OUTPUT_TESTS[kind](item.get("output")):
            self.report.add("output-type", index, "output")

    def call(self, item: dict[str, Json], kind: str, index: int) -> None:
        id = item.get("call_id")
        if not isinstance(id, str) or not 1 <= len(id) <= _MAX:
            self.report.add("call-id", index, "call_id")
        if isinstance(id, str):
            if (kind, id) in self.calls:
                self.report.add("call-id-unique", index, "call_id")
            if self.calls.get((kind, id)) is None:
                self.calls[kind, id] = index

    def output(self, item: dict[str, Json], kind: str, index: int) -> None:
        member = "call_id"
        if kind == "local_shell_call_output" and not isinstance(item.get(member), str):
            member = "id"
        id = item.get(member)
        if not isinstance(id, str) or not 1 <= len(id) <= _MAX:
            self.report.add("call-id", index, member)
        if not isinstance(id, str):
            return
        key = (kinds.OUTPUTS[kind], id)
        if key not in self.calls:
            if not self.referred:
                self.report.add("output-unexpected", index, member)
        elif self.calls[key] is None:
            self.report.add("output-repeated", index, member)
        else:
            self.calls[key] = None

    def close_calls(self) -> None:
        for (kind, _), index in self.calls.items():
            if index is not None and kind in kinds.NEEDS_OUTPUT:
                self.report.add("call-unanswered", index, "call_id")

    def neighbours(self, items: Sequence[Json]) -> None:
        last = len(items) - 1
        for index, item in enumerate(items):
            kind = kinds.item_kind(item)
            if kind == "reasoning" and item.get("id") is not None:
                if index == last or not kinds.follows_reasoning(items[index + 1]):
                    self.report.add("reasoning-alone", index)
            elif kind == "compaction_trigger" and index != last:
                self.report.add("trigger-not-last", index)
