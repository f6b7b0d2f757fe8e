"""The blocks of Anthropic's messages as parts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final

from threadkeep.dialects.reading import file_of, kept
from threadkeep.values.parts import (
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

PROVIDER: Final = "anthropic"
ANY_IMAGE: Final = "image/*"
PDF: Final = "application/pdf"
PLAIN: Final = "text/plain"
RESULT: Final = "_tool_result"
"""How the types of the results of server tools end; before it stands the tool."""

Block = dict[str, Json]


def part_of(block: Json) -> Part:
    """The part that a block is: a raw one where its type or its members are not known."""
    if isinstance(block, dict):
        kind = block.get("type")
        if isinstance(kind, str):
            read = _READERS.get(kind)
            if read is None and kind.endswith(RESULT):
                read = _server_result
            part = None if read is None else read(block)
            if part is not None:
                return part
    return RawPart(block)


def _text(block: Block) -> Part | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    if len(block) == 2:
        return TextPart(text)
    extra = kept(TextPart, block, "type", "text")
    return TextPart(text, extra=extra)


def _thinking(block: Block) -> Part | None:
    text, signature = block.get("thinking"), block.get("signature")
    extra = kept(ReasoningPart, block, "type", "thinking", "signature")
    if not isinstance(text, str) or not _is_text_or_none(signature):
        return None
    return ReasoningPart(text, signature=signature, provider=PROVIDER, extra=extra)


def _redacted(block: Block) -> Part | None:
    data = block.get("data")
    extra = kept(ReasoningPart, block, "type", "data")
    if not isinstance(data, str):
        return None
    return ReasoningPart("", encrypted=data, provider=PROVIDER, extra=extra)


def _tool_use(block: Block, *, executed: bool | None = None) -> Part | None:
    id, name = block.get("id"), block.get("name")
    extra = kept(ToolCallPart, block, "type", "id", "name", "input")
    if not isinstance(id, str) or not isinstance(name, str):
        return None
    return ToolCallPart(id, name, block.get("input"), executed, extra)


def _server_tool_use(block: Block) -> Part | None:
    # Only the use of an MCP server's tool names a server: that tells the two apart.
    return _tool_use(block, executed=True) if block.get("server_name") is None else None


def _mcp_tool_use(block: Block) -> Part | None:
    return _tool_use(block, executed=True) if isinstance(block.get("server_name"), str) else None


def _tool_result(block: Block, *, executed: bool | None = None) -> Part | None:
    id, is_error, said = block.get("tool_use_id"), block.get("is_error"), block.get("content")
    extra = kept(ToolResultPart, block, "type", "tool_use_id", "is_error", "content")
    if not isinstance(id, str) or not (is_error is None or isinstance(is_error, bool)):
        return None
    if not (said is None or isinstance(said, str | list)):
        return None
    output, content = _outcome(said)
    return ToolResultPart(
        id, output, is_error=is_error, content=content, provider_executed=executed, extra=extra
    )


def _outcome(said: Json) -> tuple[Json, tuple[Part, ...] | None]:
    """The output, or the content where it is more than one plain text."""
    if not isinstance(said, list):
        return said, None
    content = tuple(_inner(one) for one in said)
    first = content[0] if len(content) == 1 else None
    if isinstance(first, TextPart) and not first.extra:
        return first.text, None
    return None, content


def _mcp_tool_result(block: Block) -> Part | None:
    return _tool_result(block, executed=True)


def _server_result(block: Block) -> Part | None:
    id, kind, said = block.get("tool_use_id"), block["type"], block.get("content")
    extra = kept(ToolResultPart, block, "type", "tool_use_id", "content")
    if not isinstance(id, str):
        return None
    said_kind = said.get("type") if isinstance(said, dict) else None
    failed = isinstance(said_kind, str) and said_kind.endswith("_error")
    return ToolResultPart(
        id,
        said,
        name=kind.removesuffix(RESULT),
        is_error=True if failed else None,
        provider_executed=True,
        extra=extra,
    )


def _inner(block: Json) -> Part:
    """A part of a result: only words and files are read there."""
    kind = block.get("type") if isinstance(block, dict) else None
    read = _INNER.get(kind) if isinstance(kind, str) else None
    part = None if read is None else read(block)
    return RawPart(block) if part is None else part


def _image(block: Block) -> Part | None:
    source = block.get("source")
    extra = kept(FilePart, block, "type", "source")
    if not isinstance(source, dict):
        return None
    read = _read_member(_IMAGE_SOURCES, source)
    return None if read is None else read(source, None, extra)


def _document(block: Block) -> Part | None:
    source, title = block.get("source"), block.get("title")
    extra = kept(FilePart, block, "type", "source", "title")
    if not isinstance(source, dict) or not _is_text_or_none(title):
        return None
    read = _read_member(_DOCUMENT_SOURCES, source)
    return None if read is None else read(source, title, extra)


_Source = Callable[[Block, str | None, Block], FilePart | None]


def _read_member(readers: Mapping[str, _Source], source: Block) -> _Source | None:
    kind = source.get("type")
    return readers.get(kind) if isinstance(kind, str) else None


def _base64(source: Block, name: str | None, extra: Block) -> FilePart | None:
    media_type, data = source.get("media_type"), source.get("data")
    if not isinstance(media_type, str) or not isinstance(data, str):
        return None
    extra = _with_source(source, extra, "data", "media_type")
    return FilePart(media_type, data=data, name=name, extra=extra)


def _plain(source: Block, name: str | None, extra: Block) -> FilePart | None:
    media_type = source.get("media_type")
    extra = _with_source(source, extra, "data", "media_type")
    if media_type != PLAIN:
        return None
    return _text_file(source.get("data"), name, extra)


def _content(source: Block, name: str | None, extra: Block) -> FilePart | None:
    extra = {**extra, "source": _rest(source, "content")}
    return _text_file(source.get("content"), name, extra)


def _text_file(text: Json, name: str | None, extra: Block) -> FilePart | None:
    try:
        data = b64encode(text.encode()).decode() if isinstance(text, str) else None
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return None if data is None else FilePart(PLAIN, data=data, name=name, extra=extra)


def _image_url(source: Block, name: str | None, extra: Block) -> FilePart | None:
    return _url(source, ANY_IMAGE, name, extra)


def _document_url(source: Block, name: str | None, extra: Block) -> FilePart | None:
    return _url(source, PDF, name, extra)


def _url(source: Block, media_type: str, name: str | None, extra: Block) -> FilePart | None:
    url = source.get("url")
    if not isinstance(url, str):
        return None
    extra = _with_source(source, extra, "url")
    if url[:5].lower() == "data:":
        file = file_of(url, name=name, extra=extra)
        if file.media_type is not None:
            return file
    return file_of(url, media_type=media_type, name=name, extra=extra)


def _image_id(source: Block, name: str | None, extra: Block) -> FilePart | None:
    return _id(source, ANY_IMAGE, name, extra)


def _document_id(source: Block, name: str | None, extra: Block) -> FilePart | None:
    return _id(source, None, name, extra)


def _id(source: Block, media_type: str | None, name: str | None, extra: Block) -> FilePart | None:
    id = source.get("file_id")
    if not isinstance(id, str):
        return None
    return FilePart(media_type, file_id=id, name=name, extra=_with_source(source, extra, "file_id"))


def _with_source(source: Block, extra: Block, *said: str) -> Block:
    rest = _rest(source, "type", *said)
    return {**extra, "source": rest} if rest else extra


def _rest(source: Block, *said: str) -> Block:
    return {name: value for name, value in source.items() if value is not None and name not in said}


def _search_result(block: Block) -> Part | None:
    source, title = block.get("source"), block.get("title")
    extra = kept(SourcePart, block, "type", "source", "title")
    if not isinstance(source, str) or not isinstance(title, str):
        return None
    if not isinstance(extra.get("content"), list):
        return None
    return SourcePart(url=source, title=title, extra=extra)


def _is_text_or_none(value: Json) -> bool:
    return value is None or isinstance(value, str)


_READERS: Final[Mapping[str, Callable[[Block], Part | None]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_use": _server_tool_use,
    "mcp_tool_use": _mcp_tool_use,
    "mcp_tool_result": _mcp_tool_result,
}
_INNER: Final[Mapping[str, Callable[[Block], Part | None]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
}
_IMAGE_SOURCES: Final[Mapping[str, _Source]] = {
    "base64": _base64,
    "url": _image_url,
    "file": _image_id,
}
_DOCUMENT_SOURCES: Final[Mapping[str, _Source]] = {
    "base64": _base64,
    "text": _plain,
    "content": _content,
    "url": _document_url,
    "file": _document_id,
}
