"""Slices: the members and elements of JSON text, as they stand in it.

Nothing is decoded but the names of members, so a slice keeps duplicate keys, the spelling of
numbers and the space inside. The text must be valid JSON: `jsontext.verify` tells.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from threadkeep.values import jsontext

_TEXT: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING: Final = re.compile(_TEXT)
# To the next bracket, over strings.
_INNER: Final = re.compile(rf'[^"\[\]{{}}]*+(?:{_TEXT}[^"\[\]{{}}]*+)*+')
_SCALAR: Final = re.compile(r"[^,\]}\s]++")
_GAP: Final = re.compile(r"[\s,]*+")
_SPACE: Final = re.compile(r"\s*+")
# A key with its colon, and the space behind that; and where the value does not nest, it too.
_KEY: Final = re.compile(rf"[\s,]*+({_TEXT})\s*+:()\s*+")
_MEMBER: Final = re.compile(rf'[\s,]*+({_TEXT})\s*+:()\s*+({_TEXT}|[^,\]}}\s\[{{"]++)\s*+')


class Member(NamedTuple):
    """A member of an object, as places in its text.

    Where the key starts, where the value starts and ends, and where the space around it does:
    right behind the colon, and at the comma or brace.
    """

    name: str
    key: int
    colon: int
    start: int
    end: int
    comma: int


def members(text: str) -> list[Member]:
    """The members of an object in order, duplicates too; `text` is valid JSON."""
    found: list[Member] = []
    place = text.index("{") + 1
    while True:
        match = _MEMBER.match(text, place)
        if match is not None:
            start, end = match.span(3)
            place = match.end()
        else:
            match = _KEY.match(text, place)
            if match is None:
                return found
            start = match.end()
            end = _value_end(text, start)
            place = _after(_SPACE, text, end)
        key = match[1]
        name = jsontext.decode(key) if "\\" in key else key[1:-1]
        found.append(Member(name, match.start(1), match.start(2), start, end, place))


def items(text: str) -> list[str]:
    """The texts of an array's elements in order; `text` is valid JSON."""
    found = []
    place = text.index("[") + 1
    while text[start := _after(_GAP, text, place)] != "]":
        place = _value_end(text, start)
        found.append(text[start:place])
    return found


def without(text: str, listed: list[Member], index: int) -> str:
    """An object's text without one of its members and the comma that went with it."""
    member = listed[index]
    if index + 1 < len(listed):
        return text[: member.key] + text[listed[index + 1].key :]
    start = listed[index - 1].end if index else member.key
    return text[:start] + text[member.end :]


def with_member(text: str, listed: list[Member], name: str, value: str) -> str:
    """An object's text with this value, JSON text too, for a name.

    The last member of that name gets it, which is the one that counts; else it comes at the end.
    """
    for member in reversed(listed):
        if member.name == name:
            return text[: member.start] + value + text[member.end :]
    place = listed[-1].comma if listed else text.index("{") + 1
    comma = "," if listed else ""
    return f"{text[:place]}{comma}{jsontext.encode(name)}:{value}{text[place:]}"


def _value_end(text: str, start: int) -> int:
    if text[start] == '"':
        return _after(_STRING, text, start)
    if text[start] not in "[{":
        return _after(_SCALAR, text, start)
    levels, place = 1, start + 1
    while levels:
        place = _after(_INNER, text, place)
        levels += 1 if text[place] in "[{" else -1
        place += 1
    return place


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return place if match is None else match.end()
