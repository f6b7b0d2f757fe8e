"""Parts of UI messages, versions 5 to 7, read as typed parts.

Source: `validate-ui-messages.ts` and `ui-messages.ts` of npm `ai` 7.0.173. What does not have the
members that its type asks for, or has an unknown type, is a raw part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from threadkeep.dialects.ai_sdk_formats import reasoning
from threadkeep.dialects.ai_sdk_formats.members import is_reference, is_text, left
from threadkeep.dialects.flow import STEP
from threadkeep.dialects.reading import file_of
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_Block = dict[str, Any]

_TEXT: Final = frozenset({"type", "text"})
_REASONING: Final = frozenset({"type", "text", "providerMetadata"})
_FILE: Final = frozenset({"type", "url", "mediaType", "filename"})
_SOURCE: Final = frozenset({"type", "sourceId", "url", "title"})
_DOCUMENT: Final = frozenset({"type", "sourceId", "mediaType", "title", "filename"})
_DATA: Final = frozenset({"type", "data"})
_CALL: Final = frozenset({"type", "toolCallId", "input", "providerExecuted", "state"})
_OF_OUTPUT: Final[tuple[str, ...]] = ("preliminary", "resultProviderMetadata")
_OF_ERROR: Final[tuple[str, ...]] = ("resultProviderMetadata",)
_OUTPUT: Final = _CALL | {"output", *_OF_OUTPUT}
_ERROR: Final = _CALL | {"errorText", *_OF_ERROR}
_APPROVAL: Final = frozenset({"id", "approved", "reason", "requestReason"})
_UNFINISHED: Final = frozenset(
    {"input-streaming", "input-available", "approval-requested", "approval-responded"}
)


def read_part(block: Json, parts: list[Part]) -> None:
    """Append what a part of a UI message says: several typed parts for a tool, else one."""
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str):
        parts.append(RawPart(block))
    elif (reader := _READERS.get(kind)) is not None:
        parts.append(reader(block) or RawPart(block))
    elif kind.startswith("tool-"):
        _tool(block, kind[5:], parts)
    elif kind == "dynamic-tool":
        _tool(block, block.get("toolName"), parts)
    elif kind.startswith("data-"):
        said = left(DataPart, block, _DATA)
        parts.append(DataPart(kind[5:], block.get("data"), said))
    else:
        parts.append(RawPart(block))


def _text(block: _Block) -> Part | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    return TextPart(text, extra=left(TextPart, block, _TEXT))


def _reasoning(block: _Block) -> Part | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    extra = left(ReasoningPart, block, _REASONING)
    return reasoning.part_of(text, block.get("providerMetadata"), extra, "providerMetadata")


def _file(block: _Block) -> Part | None:
    url, media_type, name = block.get("url"), block.get("mediaType"), block.get("filename")
    if not (isinstance(url, str) and isinstance(media_type, str) and is_text(name)):
        return None
    extra = left(FilePart, block, _FILE)
    reference = block.get("providerReference")
    if not is_reference(reference):
        return file_of(url, media_type=media_type, name=name, extra=extra)
    file = file_of(url, media_type=media_type, name=name)
    return FilePart(
        media_type, file.url or None, file.data, next(iter(reference.values())), name, extra
    )


def _source(block: _Block) -> Part | None:
    source_id, url, title = block.get("sourceId"), block.get("url"), block.get("title")
    if not (isinstance(source_id, str) and isinstance(url, str) and is_text(title)):
        return None
    return SourcePart(source_id, url, title, extra=left(SourcePart, block, _SOURCE))


def _document(block: _Block) -> Part | None:
    said = [block.get(name) for name in ("sourceId", "title", "mediaType")]
    name = block.get("filename")
    if not (all(isinstance(one, str) for one in said) and is_text(name)):
        return None
    source_id, title, media_type = said
    extra = left(SourcePart, block, _DOCUMENT)
    return SourcePart(source_id, None, title, media_type, name, extra)


def _step(block: _Block) -> Part | None:
    return STEP if len(block) == 1 else None


def _tool(block: _Block, name: Json, parts: list[Part]) -> None:
    call_id, state = block.get("toolCallId"), block.get("state")
    executed = block.get("providerExecuted")
    if not (
        isinstance(call_id, str)
        and isinstance(name, str)
        and isinstance(state, str)
        and (executed is None or isinstance(executed, bool))
    ):
        parts.append(RawPart(block))
        return
    made = _results(block, state, call_id, name, executed)
    if made is None:
        parts.append(RawPart(block))
        return
    said, results = made
    approval = block.get("approval")
    asked = approval if isinstance(approval, dict) and _is_approval(approval) else None
    if asked is not None:
        said |= {"approval"}
    input = block.get("input")
    if input is None and state == "output-error" and "rawInput" in block:
        input, said = block["rawInput"], said | {"rawInput"}
    extra = left(ToolCallPart, block, said)
    if state == "input-streaming":
        extra["state"] = state
    if block["type"] == "dynamic-tool":
        extra["toolName"] = None  # only a mark: the part has the name
    parts.append(ToolCallPart(call_id, name, input, executed, extra))
    if asked is not None:
        parts += _approvals(asked, call_id)
    parts += results


def _results(
    block: _Block, state: str, call_id: str, name: str, executed: bool | None
) -> tuple[frozenset[str], list[Part]] | None:
    """The members said by call and result, and the result if there is one.

    None for an unknown state.
    """
    if state == "output-available":
        extra = {key: block[key] for key in _OF_OUTPUT if key in block}
        output = block.get("output")
        return _OUTPUT, [
            ToolResultPart(call_id, output, name, provider_executed=executed, extra=extra)
        ]
    if state == "output-error":
        error = block.get("errorText")
        if not isinstance(error, str):
            return None
        extra = {key: block[key] for key in _OF_ERROR if key in block}
        return _ERROR, [
            ToolResultPart(
                call_id, error, name, is_error=True, provider_executed=executed, extra=extra
            )
        ]
    approval = block.get("approval")
    asked = approval if isinstance(approval, dict) else {}
    if state == "output-denied" or (state == "approval-responded" and _is_no(asked)):
        reason = asked.get("reason")
        extra = {} if state == "output-denied" else {"state": state}
        return _CALL, [
            ToolResultPart(
                call_id,
                reason if isinstance(reason, str) else None,
                name,
                denied=True,
                provider_executed=executed,
                extra=extra,
            )
        ]
    return (_CALL, []) if state in _UNFINISHED else None


def _is_no(approval: _Block) -> bool:
    return approval.get("approved") is False and _is_approval(approval)


def _is_approval(approval: _Block) -> bool:
    approved, reason = approval.get("approved"), approval.get("reason")
    return (
        isinstance(approval.get("id"), str)
        and (isinstance(approved, bool) or (approved is None and reason is None))
        and is_text(reason)
        and is_text(approval.get("requestReason"))
    )


def _approvals(approval: _Block, call_id: str) -> list[Part]:
    id, approved = approval["id"], approval.get("approved")
    extra = left(ApprovalPart, approval, _APPROVAL)
    asked = ApprovalPart(id, call_id, None, approval.get("requestReason"), extra)
    if approved is None:
        return [asked]
    return [asked, ApprovalPart(id, call_id, approved, approval.get("reason"))]


_READERS: Final[Mapping[str, Callable[[_Block], Part | None]]] = {
    "text": _text,
    "reasoning": _reasoning,
    "file": _file,
    "source-url": _source,
    "source-document": _document,
    "step-start": _step,
}
