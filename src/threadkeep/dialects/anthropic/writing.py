"""Parts as the blocks of Anthropic's messages, with a report of what blocks cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from threadkeep.dialects.anthropic.reading import ANY_IMAGE, PDF, PLAIN, PROVIDER, RESULT, Block
from threadkeep.dialects.codec import EXTRA, RAW, Output
from threadkeep.dialects.flow import Placed
from threadkeep.dialects.media import decoded, is_image_url, sniff
from threadkeep.dialects.reading import file_of
from threadkeep.dialects.writing import merged, object_of_input, output_text
from threadkeep.values.message import Role
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_SERVER_TOOLS: Final = frozenset(
    {
        "advisor",
        "bash_code_execution",
        "code_execution",
        "text_editor_code_execution",
        "tool_search_tool_bm25",
        "tool_search_tool_regex",
        "web_fetch",
        "web_search",
    }
)
_SERVER_RESULTS: Final = frozenset(
    {
        "advisor",
        "bash_code_execution",
        "code_execution",
        "text_editor_code_execution",
        "tool_search",
        "web_fetch",
        "web_search",
    }
)
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

# Whose file ids these families hold is known, and it is not Anthropic.
_OTHERS_FILES: Final = frozenset({"chatkit", "gemini", "openai-chat", "openai-responses"})


def blocks_of(placed: Placed, out: Output, role: Role) -> list[Block]:
    """The block that a part is in a message of the role; none where it has no place there."""
    part = placed.part
    if isinstance(part, TextPart):
        if part.role is not None and part.role != role:
            out.lost(placed, EXTRA, "role")
        return [merged({"type": "text", "text": part.text}, out.given(placed))]
    kind = type(part)
    # What our own format has said there, it may say again.
    if role not in _ROLES.get(kind, (role,)) and not out.is_own(placed):
        out.lost(placed, _WHOLE[kind])
        return []
    write = _WRITERS.get(kind)
    if write is None:
        out.lost(placed, _WHOLE[kind])
        return []
    return write(part, placed, out)


def is_server_result(placed: Placed, out: Output) -> bool:
    """Whether a result is one of Anthropic's own tools, which stands beside its call."""
    part = placed.part
    if not isinstance(part, ToolResultPart) or not part.provider_executed:
        return False
    if not out.is_own(placed):
        return False
    if part.name is None:
        return True
    shaped = part.content is None and isinstance(part.output, dict | list)
    return shaped and part.name in _SERVER_RESULTS


def _reasoning(part: ReasoningPart, placed: Placed, out: Output) -> list[Block]:
    is_ours = part.provider in (None, PROVIDER)
    if is_ours and part.signature:
        block: Block = {"type": "thinking", "thinking": part.text, "signature": part.signature}
        if part.encrypted is not None:
            out.lost(placed, EXTRA, "encrypted")
    elif is_ours and part.encrypted and not part.text:
        block = {"type": "redacted_thinking", "data": part.encrypted}
    else:
        # The API takes no thinking that it has not signed.
        out.lost(placed, "reasoning")
        return []
    if part.id is not None:
        out.lost(placed, EXTRA, "id")
    return [merged(block, out.given(placed))]


def _call(part: ToolCallPart, placed: Placed, out: Output) -> list[Block]:
    kind = "tool_use"
    if part.provider_executed:
        if out.is_own(placed) and "server_name" in part.extra:
            kind = "mcp_tool_use"
        elif out.is_own(placed) and part.name in _SERVER_TOOLS:
            kind = "server_tool_use"
        else:
            out.lost(placed, "provider_executed")
    input = object_of_input(part.input)
    block: Block = {"type": kind, "id": part.call_id, "name": part.name, "input": input}
    return [merged(block, out.given(placed))]


def _result(part: ToolResultPart, placed: Placed, out: Output) -> list[Block]:
    block: Block = {"type": "tool_result", "tool_use_id": part.call_id}
    if is_server_result(placed, out):
        if part.name is not None:
            block["type"] = part.name + RESULT
            block["content"] = part.output
            return [merged(block, out.given(placed))]
        block["type"] = "mcp_tool_result"
    elif part.provider_executed:
        out.lost(placed, "provider_executed")
    if part.denied:
        out.lost(placed, "tool_result.denied")
    if part.content is not None:
        block["content"] = _contents(part, placed, out)
    elif part.output is not None or part.denied:
        block["content"] = output_text(part)
    if part.is_error is not None:
        block["is_error"] = part.is_error
    return [merged(block, out.given(placed))]


def _contents(part: ToolResultPart, placed: Placed, out: Output) -> list[Block]:
    blocks: list[Block] = []
    for inner in part.content or ():
        one = Placed(inner, placed.message, placed.place)
        if isinstance(inner, FilePart):
            blocks += _file(inner, one, out)
        elif isinstance(inner, TextPart | RawPart):
            blocks += blocks_of(one, out, "user")
        else:
            out.lost(placed, RAW)
    return blocks


def _file(part: FilePart, placed: Placed, out: Output) -> list[Block]:
    block = _file_block(part, placed)
    if block is None:
        out.lost(placed, "file")
        return []
    source = block["source"]
    kind, said = _said_of(block, source)
    for name in ("data", "url", "file_id"):
        is_said = name == kind or (name == "url" and kind == "data" and part.data is None)
        if not is_said and getattr(part, name) is not None:
            out.lost(placed, EXTRA, name)
    if part.media_type not in (None, said, ANY_IMAGE):
        out.lost(placed, "file.media_type")
    if part.name is not None:
        if block["type"] == "document":
            block["title"] = part.name
        else:
            out.lost(placed, "file.name")
    if source["type"] == "text" and out.is_own(placed) and _is_content(part):
        block["source"] = {"type": "content", "content": source["data"]}
    return [merged(block, out.given(placed))]


def _said_of(block: Block, source: Block) -> tuple[str, str | None]:
    """Which field of the file its source says, and which media type is read of it."""
    if source["type"] == "url":
        return "url", ANY_IMAGE if block["type"] == "image" else PDF
    if source["type"] == "file":
        return "file_id", ANY_IMAGE if block["type"] == "image" else None
    return "data", source["media_type"]


def _is_content(part: FilePart) -> bool:
    source = part.extra.get("source")
    return isinstance(source, dict) and source.get("type") == "content"


def _file_block(part: FilePart, placed: Placed) -> Block | None:
    """The block of a file: by its data, else its URL, else its id."""
    media_type = (part.media_type or "").lower()
    block: Block | None = None
    if part.data:
        block = _data_block(part.data, media_type)
    if block is None and part.url is not None:
        block = _url_block(part.url, media_type)
    if block is not None or part.file_id is None:
        return block
    if placed.message.family in _OTHERS_FILES:
        return None
    is_image = media_type.startswith("image/")
    return _block({"type": "file", "file_id": part.file_id}, is_image=is_image)


def _url_block(url: str, media_type: str) -> Block | None:
    if url[:5].lower() == "data:":
        file = file_of(url, media_type=media_type or None)
        return _data_block(file.data, (file.media_type or "").lower()) if file.data else None
    is_image = media_type.startswith("image/") or (not media_type and is_image_url(url))
    if is_image or media_type in ("", PDF, PLAIN):
        return _block({"type": "url", "url": url}, is_image=is_image)
    return None


def _data_block(data: str, media_type: str) -> Block | None:
    if media_type in ("", ANY_IMAGE):
        media_type = sniff(data) or ""
    elif media_type == "image/jpg":
        media_type = "image/jpeg"
    if media_type in _IMAGES or media_type == PDF:
        source = {"type": "base64", "media_type": media_type, "data": data}
        return _block(source, is_image=media_type != PDF)
    if not media_type.startswith("text/"):
        return None
    content = decoded(data)
    if content is None:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return _block({"type": "text", "media_type": PLAIN, "data": text})


def _block(source: Block, *, is_image: bool = False) -> Block:
    return {"type": "image" if is_image else "document", "source": source}


def _source(part: SourcePart, placed: Placed, out: Output) -> list[Block]:
    others = (part.source_id, part.media_type, part.name)
    found = out.is_own(placed) and isinstance(part.extra.get("content"), list)
    if not found or part.url is None or part.title is None or others != (None, None, None):
        # A block needs the words that were found.
        out.lost(placed, "source")
        return []
    block: Block = {"type": "search_result", "source": part.url, "title": part.title}
    return [merged(block, out.given(placed))]


def _raw(part: RawPart, placed: Placed, out: Output) -> list[Block]:
    if out.is_own(placed):
        return [part.value]
    out.raw(placed)
    return []


_WRITERS: Final[Mapping[type[Any], Callable[[Any, Placed, Output], list[Block]]]] = {
    ReasoningPart: _reasoning,
    ToolCallPart: _call,
    ToolResultPart: _result,
    FilePart: _file,
    SourcePart: _source,
    RawPart: _raw,
}
_ROLES: Final[Mapping[type[Any], tuple[Role, ...]]] = {
    ReasoningPart: ("assistant",),
    ToolCallPart: ("assistant",),
    ToolResultPart: ("user", "tool", "assistant"),
    FilePart: ("user",),
}
_WHOLE: Final[Mapping[type[Any], str]] = {
    ReasoningPart: "reasoning",
    ToolCallPart: RAW,
    ToolResultPart: RAW,
    FilePart: "file",
    DataPart: "data",
    ApprovalPart: "approval",
}
