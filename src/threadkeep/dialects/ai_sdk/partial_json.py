"""JSON text that is still being written: repaired and read as the `ai` package reads it.

Follows `fixJson` and `parsePartialJson` of ai 7.0.173, step by step: what it makes of broken text
is what its users see while a tool's input streams in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from threadkeep.dialects.ai_sdk.shapes import PROTO
from threadkeep.dialects.ai_sdk.trees import is_deeper
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

State = Literal["undefined-input", "successful-parse", "repaired-parse", "failed-parse"]

_PLAIN: Final = re.compile(r'[^"\\]+')
_SUSPECT: Final = re.compile(r"__proto__|constructor|\\u00")
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_LITERALS: Final = ("true", "false", "null")
_CLOSERS: Final[Mapping[str, str]] = {
    "string": '"',
    "object start": "}",
    "key": "}",
    "after key": "}",
    "before value": "}",
    "after object value": "}",
    "after object comma": "}",
    "array start": "]",
    "after array value": "]",
    "after array comma": "]",
}


@dataclass(frozen=True, slots=True)
class PartialJson:
    """What text could be read as. `value` is None too where there is none; `state` tells."""

    value: Json
    state: State

    @property
    def parsed(self) -> bool:
        """Whether there is a value."""
        return self.state in ("successful-parse", "repaired-parse")


def parse_partial_json(text: str | None) -> PartialJson:
    """The value of JSON text, or of what `fix_json` makes of it. Raises for no text.

    As in the genuine package, an object with a member `__proto__`, or a member `constructor` that
    holds a `prototype`, is a failed parse. So is, other than there, nesting over 500 levels.
    """
    if text is None:
        return PartialJson(None, "undefined-input")
    try:
        return PartialJson(_read(text), "successful-parse")
    except InvalidError:
        pass
    try:
        return PartialJson(_read(fix_json(text)), "repaired-parse")
    except InvalidError:
        return PartialJson(None, "failed-parse")


def fix_json(text: str) -> str:
    """JSON text that was cut off, without its unusable end and with what is open closed.

    Text that is broken otherwise stays so. Takes time proportional to the length.
    """
    return _Repair(text).run()


def _read(text: str) -> Json:
    value = jsontext.decode(text)
    if text.count("[") + text.count("{") > jsontext.MAX_LEVELS and is_deeper(
        value, jsontext.MAX_LEVELS
    ):
        raise InvalidError("text", f"must have at most {jsontext.MAX_LEVELS} levels of nesting")
    if _SUSPECT.search(text):
        _refuse_prototypes(value)
    return value


def _refuse_prototypes(value: Json) -> None:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            constructor = item.get("constructor")
            if PROTO in item or (isinstance(constructor, dict) and "prototype" in constructor):
                raise InvalidError("text", "must not reach for an object's prototype")
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


class _Repair:
    """One pass over the text with a stack of what is open."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.stack = ["root"]
        self.valid = 0  # so many characters can stay
        self.literal = 0  # where the literal began
        self.digits = 0  # of a \u escape

    def run(self) -> str:
        text, stack = self.text, self.stack
        at = 0
        while at < len(text) and (state := stack[-1]) != "finish":
            if state == "string" and (plain := _PLAIN.match(text, at)):
                self.valid = at = plain.end()
                continue
            if state == "key" and (at := text.find('"', at)) < 0:
                break
            _STEPS[state](self, text[at], at)
            at += 1
        ends = (self._end_of(state) for state in reversed(stack))
        return text[: self.valid] + "".join(ends)

    def _end_of(self, state: str) -> str:
        if state != "literal":
            return _CLOSERS.get(state, "")
        # The whole rest, and not only what was taken: the text ends inside the literal.
        begun = self.text[self.literal : self.literal + 6]
        return next((name[len(begun) :] for name in _LITERALS if name.startswith(begun)), "")

    def swap(self, state: str) -> None:
        self.stack[-1] = state

    def value(self, char: str, at: int, after: str) -> None:
        """A value may start here; `after` is the state that follows it."""
        inner = _OPENERS.get(char)
        if inner is None:
            return
        self.stack[-1:] = [after, inner]
        if char != "-":
            self.valid = at + 1
        if inner == "literal":
            self.literal = at

    def after_value(self, char: str, at: int) -> None:
        """A number or literal has ended with this character, which its holder must see."""
        if self.stack[-1] == "after object value":
            self.after_object_value(char, at)
        elif self.stack[-1] == "after array value" and char in ",]":
            self.after_array_value(char, at)

    def root(self, char: str, at: int) -> None:
        self.value(char, at, "finish")

    def object_start(self, char: str, at: int) -> None:
        if char == '"':
            self.swap("key")
        elif char == "}":
            self.close(at)

    def close(self, at: int) -> None:
        self.valid = at + 1
        self.stack.pop()

    def after_object_comma(self, char: str, _: int) -> None:
        if char == '"':
            self.swap("key")

    def key(self, _: str, __: int) -> None:
        self.swap("after key")

    def after_key(self, char: str, _: int) -> None:
        if char == ":":
            self.swap("before value")

    def before_value(self, char: str, at: int) -> None:
        self.value(char, at, "after object value")

    def after_object_value(self, char: str, at: int) -> None:
        if char == ",":
            self.swap("after object comma")
        elif char == "}":
            self.close(at)

    def string(self, char: str, at: int) -> None:
        if char == '"':
            self.close(at)
        else:
            self.stack.append("escape")

    def array_start(self, char: str, at: int) -> None:
        if char == "]":
            self.close(at)
        else:
            self.value(char, at, "after array value")

    def after_array_value(self, char: str, at: int) -> None:
        if char == ",":
            self.swap("after array comma")
        elif char == "]":
            self.close(at)
        else:
            self.valid = at + 1

    def after_array_comma(self, char: str, at: int) -> None:
        self.value(char, at, "after array value")

    def escape(self, char: str, at: int) -> None:
        if char == "u":
            self.digits = 0
            self.swap("unicode escape")
        else:
            self.close(at)

    def unicode_escape(self, char: str, at: int) -> None:
        if char in _HEX:
            self.digits += 1
            if self.digits == 4:
                self.close(at)

    def number(self, char: str, at: int) -> None:
        if "0" <= char <= "9":
            self.valid = at + 1
        elif char not in "eE-.":
            self.stack.pop()
            if char in ",}" and self.stack[-1] == "after object value":
                self.after_object_value(char, at)
            elif char in ",]" and self.stack[-1] == "after array value":
                self.after_array_value(char, at)

    def literal_(self, char: str, at: int) -> None:
        begun = self.text[self.literal : at + 1]
        if any(name.startswith(begun) for name in _LITERALS):
            self.valid = at + 1
        else:
            self.stack.pop()
            self.after_value(char, at)


_OPENERS: Final[Mapping[str, str]] = {
    '"': "string",
    **dict.fromkeys("ftn", "literal"),
    **dict.fromkeys("-0123456789", "number"),
    "{": "object start",
    "[": "array start",
}
_STEPS: Final[Mapping[str, Callable[[_Repair, str, int], None]]] = {
    "root": _Repair.root,
    "object start": _Repair.object_start,
    "after object comma": _Repair.after_object_comma,
    "key": _Repair.key,
    "after key": _Repair.after_key,
    "before value": _Repair.before_value,
    "after object value": _Repair.after_object_value,
    "string": _Repair.string,
    "array start": _Repair.array_start,
    "after array value": _Repair.after_array_value,
    "after array comma": _Repair.after_array_comma,
    "escape": _Repair.escape,
    "unicode escape": _Repair.unicode_escape,
    "number": _Repair.number,
    "literal": _Repair.literal_,
}
