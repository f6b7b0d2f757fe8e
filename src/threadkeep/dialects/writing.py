"""What dialects share when they write: outputs as text, arguments, and files as URLs."""

from __future__ import annotations

from collections.abc import Mapping

from threadkeep.values import jsontext
from threadkeep.values.parts import FilePart, Json, TextPart, ToolResultPart

DENIED = "Tool execution denied."
"""What a model reads of a call that was denied for no reason given."""


def output_text(part: ToolResultPart) -> str:
    """What a tool answered, as text: a text as it is, texts of a content joined, else as JSON."""
    if part.content is not None:
        return "\n\n".join(inner.text for inner in part.content if isinstance(inner, TextPart))
    if isinstance(part.output, str):
        return part.output
    if part.output is None:
        return DENIED if part.denied else ""
    return jsontext.encode(part.output, overflow=True)


def arguments_of(input: Json) -> str:
    """The input of a call as JSON text; a text stays as it is."""
    return input if isinstance(input, str) else jsontext.encode(input, overflow=True)


def object_of_input(input: Json) -> dict[str, Json]:
    """The input of a call as the object that some providers want: another value stands in one."""
    if isinstance(input, dict):
        return input
    return {} if input is None else {"input": input}


def url_of(part: FilePart) -> str | None:
    """The URL of a file: its own, or its data as a data: URL; None where it has neither."""
    if part.url is not None:
        return part.url
    if part.data is None:
        return None
    return f"data:{part.media_type or 'application/octet-stream'};base64,{part.data}"


def merged(block: dict[str, Json], members: Mapping[str, Json]) -> dict[str, Json]:
    """The block with the members that it does not have; inside its objects too."""
    for name, value in members.items():
        inner = block.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            block[name] = {**value, **inner}
        else:
            block.setdefault(name, value)
    return block
