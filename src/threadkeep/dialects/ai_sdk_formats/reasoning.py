"""Where the AI SDK keeps what a provider wants back with its reasoning.

Each provider has members of its own: `anthropic.signature`, `anthropic.redactedData`,
`openai.itemId`, `openai.reasoningEncryptedContent`, `google.thoughtSignature`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from threadkeep.dialects.codec import Output
from threadkeep.dialects.flow import Placed
from threadkeep.values.parts import Json, ReasoningPart

_SIGNATURE: Final = ("signature", "thoughtSignature")
_ENCRYPTED: Final = ("redactedData", "reasoningEncryptedContent")
_ID: Final = ("itemId",)

_OPENAI: Final = frozenset({"openai", "azure"})
_GOOGLE: Final = frozenset({"google", "googleVertex", "vertex"})


class Signed(NamedTuple):
    """What metadata say of reasoning; `rest` are the metadata without that."""

    signature: str | None = None
    encrypted: str | None = None
    id: str | None = None
    provider: str | None = None
    rest: Json = None


def read(metadata: Json) -> Signed:
    """What the first provider that says anything in some metadata says."""
    if not isinstance(metadata, dict):
        return Signed(rest=metadata)
    for provider, said in metadata.items():
        if not isinstance(said, dict):
            continue
        found = [_first(said, names) for names in (_SIGNATURE, _ENCRYPTED, _ID)]
        taken = {name for name in found if name is not None}
        if taken:
            other = {name: value for name, value in said.items() if name not in taken}
            rest = {name: value for name, value in metadata.items() if name != provider}
            if other:
                rest[provider] = other
            signature, encrypted, id = (name and said[name] for name in found)
            return Signed(signature, encrypted, id, provider, rest or None)
    return Signed(rest=metadata)


def part_of(text: str, metadata: Json, extra: dict[str, Json], name: str) -> ReasoningPart:
    """Reasoning with what its metadata say; what is left of them goes to `extra` by that name."""
    signed = read(metadata)
    if signed.rest is not None:
        extra[name] = signed.rest
    return ReasoningPart(
        text, signed.signature, signed.encrypted, signed.id, signed.provider, extra
    )


def write(placed: Placed, rest: Json, out: Output) -> Json:
    """The metadata of reasoning, None where there are none.

    What is signed by no provider that is known has no place and is reported.
    """
    part = placed.part
    if not isinstance(part, ReasoningPart):
        return rest
    signed = {"signature": part.signature, "encrypted": part.encrypted, "id": part.id}
    signed = {name: value for name, value in signed.items() if value is not None}
    if not signed:
        return rest
    if part.provider is None:
        for name in signed:
            out.lost(placed, f"reasoning.{name}")
        return rest
    metadata: dict[str, Json] = dict(rest) if isinstance(rest, dict) else {}
    other = metadata.get(part.provider)
    names = _names(part.provider)
    said = {names[name]: value for name, value in signed.items()}
    metadata[part.provider] = {**other, **said} if isinstance(other, dict) else said
    return metadata


def _first(said: Mapping[str, Json], names: tuple[str, ...]) -> str | None:
    for name in names:
        if isinstance(said.get(name), str):
            return name
    return None


def _names(provider: str) -> Mapping[str, str]:
    return {
        "signature": "thoughtSignature" if provider in _GOOGLE else "signature",
        "encrypted": "reasoningEncryptedContent" if provider in _OPENAI else "redactedData",
        "id": "itemId",
    }
