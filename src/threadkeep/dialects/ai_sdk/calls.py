"""How chunks change the tool parts of a draft: the tool cases of `processUIMessageStream`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from threadkeep.dialects.ai_sdk.draft import (
    Draft,
    Guess,
    Part,
    PartialCall,
    Typed,
    Words,
    tool_name,
)
from threadkeep.dialects.ai_sdk.trees import ABSENT
from threadkeep.values.parts import Json

_ENDED: Final = ("output-available", "output-error")

Chunk = Mapping[str, Any]


class OutOfPlaceError(Exception):
    """A chunk about something that was not started: the genuine package ends the stream here."""


@dataclass(frozen=True, slots=True)
class _Update:
    """What a chunk says of a tool call; what it does not say is ABSENT."""

    call: str
    name: Json
    state: str
    dynamic: bool
    input: Json = ABSENT
    output: Json = ABSENT
    raw: Json = ABSENT
    error: Json = ABSENT
    encoding: Json = ABSENT
    preliminary: Json = ABSENT
    executed: Json = ABSENT
    title: Json = ABSENT
    metadata: Json = ABSENT
    provider: Json = ABSENT


def _put(draft: Draft, update: _Update, part: Part | None = None) -> None:
    """Write the update to `part`, else to the call's part in this step, else to a new one."""
    if part is None:
        part = draft.in_step(update.call, "dynamic" if update.dynamic else "static")
    if part is None:
        draft.push(_new_dynamic(update) if update.dynamic else _new_static(update))
        return
    part["state"] = update.state
    if update.dynamic:
        part["toolName"] = update.name
    else:
        part["type"] = f"tool-{update.name}"
    part["input"] = update.input
    part["output"] = update.output
    part["errorText"] = update.error
    part["rawInput"] = update.raw
    if _is_nil(update.encoding):
        part.pop("inputEncoding", None)
    part.update(_encoding(update))
    part["preliminary"] = update.preliminary
    if update.title is not ABSENT:
        part["title"] = update.title
    part.update(_metadata(update))
    known = part.get("providerExecuted", ABSENT)
    part["providerExecuted"] = known if _is_nil(update.executed) else update.executed
    part.update(_provider(update))


def _new_static(update: _Update) -> Part:
    return {
        "type": f"tool-{update.name}",
        "toolCallId": update.call,
        "state": update.state,
        "title": update.title,
        **_metadata(update),
        "input": update.input,
        **_encoding(update),
        "output": update.output,
        "rawInput": update.raw,
        "errorText": update.error,
        "providerExecuted": update.executed,
        "preliminary": update.preliminary,
        **_provider(update),
    }


def _new_dynamic(update: _Update) -> Part:
    # Without rawInput, also while the input streams: the next delta adds it.
    return {
        "type": "dynamic-tool",
        "toolName": update.name,
        "toolCallId": update.call,
        "state": update.state,
        "input": update.input,
        **_encoding(update),
        "output": update.output,
        "errorText": update.error,
        "preliminary": update.preliminary,
        "providerExecuted": update.executed,
        "title": update.title,
        **_metadata(update),
        **_provider(update),
    }


def _metadata(update: _Update) -> Part:
    return {} if update.metadata is ABSENT else {"toolMetadata": update.metadata}


def _encoding(update: _Update) -> Part:
    return {} if _is_nil(update.encoding) else {"inputEncoding": update.encoding}


def _provider(update: _Update) -> Part:
    if _is_nil(update.provider):
        return {}
    ended = update.state in _ENDED
    return {"resultProviderMetadata" if ended else "callProviderMetadata": update.provider}


def _is_nil(value: Json) -> bool:
    return value is None or value is ABSENT


def _said(chunk: Chunk, **names: str) -> dict[str, Any]:
    """The members of an update that the chunk has under these names."""
    return {ours: chunk.get(theirs, ABSENT) for ours, theirs in names.items()}


def _find(draft: Draft, call: str) -> int:
    at = draft.call(call)
    if at is None:
        raise OutOfPlaceError(f'No tool invocation found for tool call ID "{call}".')
    return at


def _input_start(draft: Draft, chunk: Chunk) -> bool:
    call, name, dynamic = chunk["toolCallId"], chunk["toolName"], chunk.get("dynamic", False)
    said = _said(chunk, encoding="inputEncoding", title="title", metadata="toolMetadata")
    draft.partial[call] = PartialCall(words=Words(), name=name, dynamic=dynamic, **said)
    said |= _said(chunk, executed="providerExecuted", provider="providerMetadata")
    _put(draft, _Update(call, name, "input-streaming", dynamic, **said))
    return True


def _input_delta(draft: Draft, chunk: Chunk) -> bool:
    call = chunk["toolCallId"]
    partial = draft.partial.get(call)
    if partial is None:
        raise OutOfPlaceError(
            f'Received tool-input-delta for missing tool call with ID "{call}". '
            'Ensure a "tool-input-start" chunk is sent before any "tool-input-delta" chunks.'
        )
    partial.words.add(chunk["inputTextDelta"])
    typed = Typed(partial.words, len(partial.words))
    update = _Update(
        call,
        partial.name,
        "input-streaming",
        partial.dynamic,
        input=typed if partial.encoding == "text" else Guess(typed),
        raw=typed,
        encoding=partial.encoding,
        title=partial.title,
        metadata=partial.metadata,
    )
    _put(draft, update)
    return True


def _input_available(draft: Draft, chunk: Chunk) -> bool:
    said = _said(
        chunk,
        input="input",
        executed="providerExecuted",
        provider="providerMetadata",
        title="title",
        metadata="toolMetadata",
    )
    dynamic = chunk.get("dynamic", False)
    call, name = chunk["toolCallId"], chunk["toolName"]
    _put(draft, _Update(call, name, "input-available", dynamic, **said))
    return True


def _input_error(draft: Draft, chunk: Chunk) -> bool:
    part = draft.in_step(chunk["toolCallId"])
    dynamic = chunk.get("dynamic", False) if part is None else part["type"] == "dynamic-tool"
    said = _said(
        chunk,
        input="input",
        error="errorText",
        executed="providerExecuted",
        provider="providerMetadata",
        metadata="toolMetadata",
    )
    _put(
        draft,
        _Update(chunk["toolCallId"], chunk["toolName"], "output-error", dynamic, **said),
    )
    return True


def _approval_request(draft: Draft, chunk: Chunk) -> bool:
    at = _find(draft, chunk["toolCallId"])
    approval = {"id": chunk["approvalId"]}
    if chunk.get("approvalDescriptor") is not None:
        approval["descriptor"] = chunk["approvalDescriptor"]
    if "inputSchemaInput" in chunk:
        approval["inputSchemaInput"] = chunk["inputSchemaInput"]
    if "reason" in chunk:
        approval["requestReason"] = chunk["reason"]
    if chunk.get("isAutomatic"):
        approval["isAutomatic"] = True
    if "signature" in chunk:
        approval["signature"] = chunk["signature"]
    draft.parts[at] |= {"state": "approval-requested", "approval": approval}
    draft.note_approval(at)
    return True


def _approval_response(draft: Draft, chunk: Chunk) -> bool:
    part = draft.by_approval(chunk["approvalId"])
    if part is None:
        raise OutOfPlaceError(f'No tool invocation found for approval ID "{chunk["approvalId"]}".')
    part["state"] = "approval-responded"
    part["approval"] = {**part["approval"], "approved": chunk["approved"]}
    if "reason" in chunk:
        part["approval"]["reason"] = chunk["reason"]
    if "providerExecuted" in chunk:
        part["providerExecuted"] = chunk["providerExecuted"]
    if "providerMetadata" in chunk:
        part["callProviderMetadata"] = chunk["providerMetadata"]
    return True


def _output_denied(draft: Draft, chunk: Chunk) -> bool:
    draft.parts[_find(draft, chunk["toolCallId"])]["state"] = "output-denied"
    return True


def _output_available(draft: Draft, chunk: Chunk) -> bool:
    said = _said(chunk, output="output", preliminary="preliminary")
    return _output(draft, chunk, "output-available", said)


def _output_error(draft: Draft, chunk: Chunk) -> bool:
    return _output(draft, chunk, "output-error", _said(chunk, error="errorText"))


def _output(draft: Draft, chunk: Chunk, state: str, said: dict[str, Any]) -> bool:
    part = draft.parts[_find(draft, chunk["toolCallId"])]
    dynamic = part["type"] == "dynamic-tool"
    said |= _said(chunk, executed="providerExecuted", provider="providerMetadata")
    if state == "output-error" and not dynamic:
        said["raw"] = part.get("rawInput", ABSENT)
    update = _Update(
        chunk["toolCallId"],
        tool_name(part),
        state,
        dynamic,
        input=part.get("input", ABSENT),
        title=part.get("title", ABSENT),
        metadata=chunk.get("toolMetadata", part.get("toolMetadata", ABSENT)),
        **said,
    )
    _put(draft, update, part)
    return True


HANDLERS: Final[Mapping[str, Callable[[Draft, Chunk], bool]]] = {
    "tool-input-start": _input_start,
    "tool-input-delta": _input_delta,
    "tool-input-available": _input_available,
    "tool-input-error": _input_error,
    "tool-approval-request": _approval_request,
    "tool-approval-response": _approval_response,
    "tool-output-denied": _output_denied,
    "tool-output-available": _output_available,
    "tool-output-error": _output_error,
}
"""By type of chunk. Each says whether clients are shown the message anew."""
