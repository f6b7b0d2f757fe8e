"""UI messages from outside, checked: `validateUIMessages` of ai 7.0.173.

What is returned is what the genuine function returns: members that the schemas do not know are
left out, in the order of the schemas. With `keep_unknown` they stay, and everything keeps its
place. It may share values with what was passed in, which is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from threadkeep.dialects.ai_sdk import trees, ui_schema
from threadkeep.dialects.ai_sdk.shapes import check
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

Validator = Callable[[Json], Json]
"""Returns the value to use, or raises ValueError to refuse it."""

_ENDED: Final = ("output-available", "output-error", "output-denied")


@dataclass(frozen=True, slots=True)
class Tool:
    """What a tool takes and gives; None accepts anything."""

    input: Validator | None = None
    output: Validator | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """What came out: the messages, or the error that refused them."""

    messages: list[Json] | None = None
    error: InvalidError | None = None

    @property
    def ok(self) -> bool:
        """Whether the messages are valid."""
        return self.error is None


def safe_validate_ui_messages(
    messages: Json,
    *,
    tools: Mapping[str, Tool] | None = None,
    data: Mapping[str, Validator] | None = None,
    metadata: Validator | None = None,
    keep_unknown: bool = False,
) -> Validation:
    """As `validate_ui_messages`, but the InvalidError is returned."""
    try:
        checked = validate_ui_messages(
            messages, tools=tools, data=data, metadata=metadata, keep_unknown=keep_unknown
        )
    except InvalidError as error:
        return Validation(error=error)
    return Validation(messages=checked)


def validate_ui_messages(
    messages: Json,
    *,
    tools: Mapping[str, Tool] | None = None,
    data: Mapping[str, Validator] | None = None,
    metadata: Validator | None = None,
    keep_unknown: bool = False,
) -> list[Json]:
    """The messages as they may be used. Raises InvalidError for the first fault, with its path.

    With `tools`, the input of calls and the output of finished ones must pass their tool's
    validators. A finished call of a tool that is not there any more becomes a `dynamic-tool` part
    marked `dynamic: false`; so does a failed call whose input does not pass, and a finished one
    with the input `{}`. Any other call of an unknown tool is refused. With `data`, data parts must
    pass the validator of their name, and unknown names are refused. `metadata` checks each
    message's, None where there is none. What the validators of data and metadata return is used.
    """
    checked: list[Json] = check(ui_schema.messages(loose=keep_unknown), messages, field="messages")
    if metadata is not None:
        for index, message in enumerate(checked):
            _replace(message, "metadata", metadata, f"messages[{index}].metadata")
    for index, message in enumerate(checked):
        for at, part in enumerate(message["parts"]):
            path = f"messages[{index}].parts[{at}]"
            if data is not None and part["type"].startswith("data-"):
                name = part["type"].removeprefix("data-")
                if name not in data:
                    raise InvalidError(f"{path}.type", "must be a known kind of data")
                _replace(part, "data", data[name], f"{path}.data")
            elif tools is not None and part["type"].startswith("tool-"):
                message["parts"][at] = _checked_call(part, tools, path)
    return checked


def _replace(holder: dict[str, Any], key: str, validator: Validator, path: str) -> None:
    value = _passed(validator, holder.get(key), path)
    if value is not None or key in holder:
        holder[key] = value


def _passed(validator: Validator | None, value: Json, path: str) -> Json:
    if validator is None:
        return value
    try:
        return validator(value)
    except ValueError:  # its text may quote the value
        raise InvalidError(path, "must pass its validator") from None


def _checked_call(part: dict[str, Any], tools: Mapping[str, Tool], path: str) -> dict[str, Any]:
    tool = tools.get(part["type"].removeprefix("tool-"))
    state = part["state"]
    if tool is None:
        if state in _ENDED:
            return _as_dynamic(part)
        raise InvalidError(f"{path}.type", "must be a known tool while the call is not finished")
    demote = False
    try:
        _check_input(part, tool, f"{path}.input")
    except InvalidError:
        # Calls that failed, or that the model sent without arguments, are history: they stay.
        demote = state == "output-error" or (state == "output-available" and part["input"] == {})
        if not demote:
            raise
    if state == "output-available":
        _passed(tool.output, part["output"], f"{path}.output")
    return _as_dynamic(part) if demote else part


def _check_input(part: dict[str, Any], tool: Tool, path: str) -> None:
    approval = part.get("approval", {})
    reconstructs = "inputSchemaInput" in approval
    if part["state"] == "input-streaming":
        return
    if not reconstructs:
        if "input" in part:
            _passed(tool.input, part["input"], path)
        return
    made = _passed(tool.input, approval["inputSchemaInput"], path)
    if "input" not in part or not trees.same(made, part["input"]):
        raise InvalidError(path, "must be what the validator makes of inputSchemaInput")


def _as_dynamic(part: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in part.items() if key != "type"}
    name = part["type"].removeprefix("tool-")
    return {**kept, "type": "dynamic-tool", "toolName": name, "dynamic": False}
