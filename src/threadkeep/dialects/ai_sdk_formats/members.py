"""What the dialects of UI and of model messages share: versions, and members without a field.

The two families are kin: what one says in `providerMetadata`, the other says in
`providerOptions`, so that a model gets back what its provider has signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeGuard

from threadkeep.dialects.codec import EXTRA, Output
from threadkeep.dialects.flow import ORIGIN, Placed
from threadkeep.dialects.reading import NATIVE, kept
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import FilePart, Json

UI: Final = "ai-sdk-ui"
MODEL: Final = "ai-sdk-model"

V4: Final = "v4"
"""The member of `extra` that holds what only version 4 knows."""

# The members that a version is the first to know, by type of part.
_SINCE: Final[Mapping[str, Mapping[str, int]]] = {
    "text": {"citations": 7},
    "tool_call": {"toolMetadata": 6, "inputEncoding": 6},
    "tool_result": {"resultProviderMetadata": 6},
    "approval": {"isAutomatic": 7},
}


@dataclass(frozen=True, slots=True)
class Version:
    """A version that is written; `keeps` is the one whose members stay in messages of its own."""

    number: int
    keeps: int

    def knows(self, since: int, *, own: bool) -> bool:
        """Whether what `since` is the first to know can be written."""
        return since <= (self.keeps if own else self.number)


def refuse_v4(family: str) -> NoReturn:
    """Raise the InvalidError for new items of version 4."""
    raise InvalidError("dialect", f"must be {family}@5 or newer: version 4 is only read")


def left(kind: type[Any], block: Mapping[str, Json], said: frozenset[str]) -> dict[str, Json]:
    """The `extra` of a part of that kind, as `kept` has it; most blocks have nothing left."""
    return {} if block.keys() <= said else kept(kind, block, *said)


def add_old(extra: dict[str, Json], members: Mapping[str, Json]) -> None:
    """Put members that only version 4 knows into `extra`."""
    old = extra.get(V4, {})
    extra[V4] = {**(old if isinstance(old, dict) else {V4: old}), **members}


def members_of(
    placed: Placed, out: Output, version: Version, kin: Mapping[str, str]
) -> dict[str, Json]:
    """The members to write that a part has no field for; those that cannot be said are reported.

    `kin` says what the members of the kindred family are called here.
    """
    if not getattr(placed.part, "extra", None):
        return {}
    own = out.is_own(placed)
    if not own:
        if placed.message.family not in (UI, MODEL):
            return out.given(placed)
        members = _translated(placed, out, kin)
    else:
        members = out.given(placed)
        if V4 in members and origin_of(placed.message)[0].endswith("@4"):
            old = members.pop(V4)
            for name in old if isinstance(old, dict) else (V4,):
                out.lost(placed, EXTRA, name)
    since = _SINCE.get(placed.part.type, {})
    for name in [name for name in members if not version.knows(since.get(name, 0), own=own)]:
        del members[name]
        out.lost(placed, EXTRA, name)
    return members


def joined(block: dict[str, Json], more: Mapping[str, Json]) -> dict[str, Json]:
    """A block with further members; what it says itself wins."""
    if more:
        for name, value in more.items():
            block.setdefault(name, value)
    return block


def _translated(placed: Placed, out: Output, kin: Mapping[str, str]) -> dict[str, Json]:
    members: dict[str, Json] = {}
    extra = getattr(placed.part, "extra", {})
    apart = extra.get(NATIVE)
    for name, value in {**extra, **(apart if isinstance(apart, dict) else {})}.items():
        known = kin.get(name)
        if known is not None and _FITS.get(known, is_metadata)(value):
            members.setdefault(known, value)
        elif value is not None and value is not apart and (name, value) != ("state", "done"):
            out.lost(placed, EXTRA, name)
    return members


def is_text(value: Json) -> bool:
    """Whether a member is a text, or is not there."""
    return value is None or isinstance(value, str)


def is_metadata(value: Json) -> TypeGuard[dict[str, dict[str, Json]]]:
    """Whether this is metadata by provider: an object of objects."""
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


def is_reference(value: Json) -> TypeGuard[dict[str, str]]:
    """Whether this is a file's id by provider: an object of strings that is not empty."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(one, str) for one in value.values())
    )


_FITS: Final[Mapping[str, Callable[[Json], bool]]] = {
    "isAutomatic": lambda value: isinstance(value, bool),
    "signature": lambda value: isinstance(value, str),
    "inputSchemaInput": lambda _: True,
    "providerReference": is_reference,
    "reference": is_reference,
}

_MAKERS: Final[Mapping[str | None, str]] = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "chatkit": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
}


def reference_of(placed: Placed, more: dict[str, Json], name: str) -> dict[str, str] | None:
    """The id of a file by provider; None where the provider is not known.

    It is taken out of the members `more`, where it has that name, while it still names the id;
    else what the file came from may tell the provider.
    """
    part = placed.part
    if not isinstance(part, FilePart) or part.file_id is None:
        return None
    said = more.get(name)
    if is_reference(said):
        del more[name]
        if part.file_id in said.values():
            return said
    maker = _MAKERS.get(placed.message.family)
    return None if maker is None else {maker: part.file_id}


def origin_of(message: Message) -> tuple[str, dict[str, Json]]:
    """The tag and the native item that a message came from; empty where there is none."""
    origin = message.extra.get(ORIGIN)
    if not isinstance(origin, dict):
        return "", {}
    tag, item = origin.get("format"), origin.get("item")
    return tag if isinstance(tag, str) else "", item if isinstance(item, dict) else {}


def unsaid_of(message: Message, out: Output, spent: set[int]) -> dict[str, Json]:
    """The members of a message's own item to write into the first item that is made of it.

    What only version 4 has at the top is reported.
    """
    if not message.extra or id(message) in spent:
        return {}
    spent.add(id(message))
    members = out.unsaid(message)
    if members and origin_of(message)[0].endswith("@4"):
        for name in [name for name in members if name in _TOP_V4]:
            del members[name]
            out.lost_of(message, None, EXTRA, name)
    return members


_TOP_V4: Final = frozenset(
    {
        "annotations",
        "content",
        "createdAt",
        "data",
        "experimental_attachments",
        "id",
        "parts",
        "reasoning",
        "revisionId",
        "toolInvocations",
    }
)
