"""What the dialects of Python's frameworks share: reasoning, media types, providers of files.

pydantic-ai keeps of a thought one `signature` beside its `id` and `provider_name`; which of our
fields it is depends on the provider. Its adapter for AG-UI writes the same members there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import ORIGIN, Placed
from threadkeep.dialects.reading import input_of, kept
from threadkeep.dialects.writing import arguments_of
from threadkeep.values import jsontext
from threadkeep.values.message import Message
from threadkeep.values.parts import FilePart, Json, ReasoningPart

_PROVIDERS: Final[Mapping[str, str]] = {
    "openai-codex": "openai",
    "google-cloud": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "amazon_bedrock": "bedrock",
    "bedrock_converse": "bedrock",
}
_FILES_AT: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "gemini": "google",
    "openai-chat": "openai",
    "openai-responses": "openai",
}
# The signature is the encrypted reasoning with the first, and with the second where the id is this.
_ENCRYPTING: Final = ("openai", "azure")
_REDACTED: Final[Mapping[str, str]] = {
    "anthropic": "redacted_thinking",
    "bedrock": "redacted_content",
}


def provider_of(name: str | None) -> str | None:
    """The provider as parts name it, of the name that a framework has for it."""
    return None if name is None else _PROVIDERS.get(name, name)


def files_at(placed: Placed) -> str | None:
    """The provider that knows a file by its id: the one it names, or that its format is of."""
    extra = getattr(placed.part, "extra", None) or {}
    source = extra.get("source")
    name = source.get("provider") if isinstance(source, dict) else extra.get("provider_name")
    return name if isinstance(name, str) else _FILES_AT.get(placed.message.family or "")


def thought_of(text: str, thought: Mapping[str, Any]) -> ReasoningPart | None:
    """A thought of pydantic-ai; None where a member has another type than it should."""
    id, signature, name = thought.get("id"), thought.get("signature"), thought.get("provider_name")
    if not (_is_text(id) and _is_text(signature) and _is_text(name)):
        return None
    extra = kept(ReasoningPart, thought, "id", "signature", "provider_name")
    provider = provider_of(name)
    if provider != name:
        extra["provider_name"] = name
    redacted = signature is not None and id is not None and _REDACTED.get(provider or "") == id
    if redacted:
        id = None
    if redacted or provider in _ENCRYPTING:
        return ReasoningPart(text, None, signature, id, provider, extra)
    return ReasoningPart(text, signature, None, id, provider, extra)


def _is_text(value: Json) -> bool:
    return value is None or isinstance(value, str)


def written_thought(placed: Placed, part: ReasoningPart, out: Output) -> dict[str, Json]:
    """What `thought_of` reads, without the text; what has no place in it is reported."""
    extra = out.given(placed)
    name = extra.pop("provider_name", None)
    if not isinstance(name, str) or provider_of(name) != part.provider:
        name = part.provider
    id, signature, marker = part.id, part.signature, _REDACTED.get(part.provider or "")
    if part.provider in _ENCRYPTING:
        signature, unsaid = part.encrypted, part.signature
        if unsaid is not None:
            out.lost(placed, "reasoning.signature")
    elif marker is not None and part.encrypted is not None and id is None and signature is None:
        signature, id = part.encrypted, marker
    elif part.encrypted is not None:
        out.lost(placed, "reasoning.encrypted")
    said = {"id": id, "signature": signature, "provider_name": name}
    return {**{key: value for key, value in said.items() if value is not None}, **extra}


def wild_type(kind: str) -> str | None:
    """The media type of a file of which only is known that it is an image, a sound or a film."""
    return f"{kind}/*" if kind in ("image", "audio", "video") else None


def with_kind(part: FilePart, kind: str) -> FilePart:
    """The file; as of that kind where nothing tells its media type, not even its data: URL."""
    wild = None if part.media_type else wild_type(kind)
    return part if wild is None else replace(part, media_type=wild)


def is_wild(media_type: str) -> bool:
    """Whether this is no media type, but only the kind of one."""
    return media_type.endswith("/*")


def kind_of(media_type: str | None) -> str | None:
    """image, audio or video; None for any other file."""
    kind = (media_type or "").partition("/")[0]
    return kind if kind in ("image", "audio", "video") else None


def json_text(input: Json) -> str:
    """The input of a call as text that `input_of` reads as the same again."""
    if isinstance(input, str) and input_of(input) != input:
        return jsontext.encode(input)
    return arguments_of(input)


def own_item(message: Message, family: str) -> dict[str, Any]:
    """The native item that a message was loaded from; empty where it is of another format."""
    if message.family != family:
        return {}
    item = message.extra[ORIGIN].get("item")
    return item if isinstance(item, dict) else {}
