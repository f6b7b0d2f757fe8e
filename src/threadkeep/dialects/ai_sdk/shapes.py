"""Small combinators that say what a JSON value must look like, after the manner of zod.

A shape takes a value and returns it as it is to be kept, or raises Mismatch. `obj` drops the
members that it does not know, as zod's `object` does; with `loose` it keeps them. `check` turns a
mismatch into an InvalidError that names the place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from threadkeep.dialects.ai_sdk import trees
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

Shape = Callable[[Json], Json]
"""Returns the value to keep, which may share members with the one given, or raises Mismatch."""

PROTO: Final = "__proto__"
"""The name of the member that would replace an object's prototype in JavaScript."""

_SAFE: Final = 2**53 - 1
_MISSING: Final[Any] = object()


class Mismatch(Exception):  # noqa: N818 - never leaves this package
    """A value breaks `rule`; `path` leads there, innermost step first."""

    def __init__(self, rule: str, *path: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.path = list(path)


@dataclass(frozen=True, slots=True)
class Optional:
    """Marks a member of an `obj` that may be absent. Null is not absent."""

    shape: Shape


def check(shape: Shape, value: Json, *, field: str = "") -> Json:
    """What `shape` makes of `value`; InvalidError with the path below `field` if it refuses it.

    Steps into a record are `*`: its keys are not names of fields but what somebody wrote.
    """
    try:
        return shape(value)
    except Mismatch as error:
        path = (field + "".join(reversed(error.path))).removeprefix(".")
        raise InvalidError(path or "value", error.rule) from None


def obj(members: Mapping[str, Shape | Optional], *, loose: bool = False) -> Shape:
    """An object with these members, in this order.

    Other members are dropped; with `loose` they are kept, and all members keep their places.
    """
    required = {key: one for key, one in members.items() if not isinstance(one, Optional)}
    shapes = {key: one.shape if isinstance(one, Optional) else one for key, one in members.items()}

    def shape(value: Json) -> Json:
        _must_be_object(value)
        checked: dict[str, Json] = dict(value) if loose else {}
        for key, inner in shapes.items():
            member = value.get(key, _MISSING)
            if member is not _MISSING:
                try:
                    checked[key] = inner(member)
                except Mismatch as error:
                    error.path.append(f".{key}")
                    raise
            elif key in required:
                raise Mismatch("is required", f".{key}")
        return checked

    return shape


def tagged(key: str, shapes: Mapping[str, Shape]) -> Shape:
    """An object whose member `key` is a string that says which of the shapes it has."""
    names = ", ".join(shapes)

    def shape(value: Json) -> Json:
        _must_be_object(value)
        tag = value.get(key)
        inner = shapes.get(tag) if isinstance(tag, str) else None
        if inner is None:
            raise Mismatch(f"must be one of {names}", f".{key}")
        return inner(value)

    return shape


def any_of(rule: str, *shapes: Shape) -> Shape:
    """What the first of the shapes that accepts the value makes of it; `rule` speaks for all."""

    def shape(value: Json) -> Json:
        for inner in shapes:
            try:
                return inner(value)
            except Mismatch:
                continue
        raise Mismatch(rule)

    return shape


def list_of(inner: Shape) -> Shape:
    """A list whose items all have one shape; the first that has not is the one reported."""

    def shape(value: Json) -> Json:
        if not isinstance(value, list):
            raise Mismatch("must be a list")
        checked = []
        for index, item in enumerate(value):
            try:
                checked.append(inner(item))
            except Mismatch as error:
                error.path.append(f"[{index}]")
                raise
        return checked

    return shape


def record(inner: Shape) -> Shape:
    """An object whose values all have one shape.

    A member `__proto__` is neither looked at nor kept, as in zod.
    """

    def shape(value: Json) -> Json:
        _must_be_object(value)
        checked = {}
        for key, member in value.items():
            if key == PROTO:
                continue
            try:
                checked[key] = inner(member)
            except Mismatch as error:
                error.path.append(".*")
                raise
        return checked

    return shape


def literal(expected: str | bool) -> Shape:
    """Exactly this string, true or false."""
    name = expected if isinstance(expected, str) else str(expected).lower()

    def shape(value: Json) -> Json:
        if type(value) is not type(expected) or value != expected:
            raise Mismatch(f"must be {name}")
        return value

    return shape


def one_of(*expected: str) -> Shape:
    """One of these strings."""
    names = ", ".join(expected)
    known = frozenset(expected)

    def shape(value: Json) -> Json:
        if not isinstance(value, str) or value not in known:
            raise Mismatch(f"must be one of {names}")
        return value

    return shape


def prefixed(prefix: str) -> Shape:
    """A string that starts so."""

    def shape(value: Json) -> Json:
        if not isinstance(value, str) or not value.startswith(prefix):
            raise Mismatch(f"must start with {prefix}")
        return value

    return shape


def anything(value: Json) -> Json:
    """Any value at all."""
    return value


def never(value: Json) -> Json:  # noqa: ARG001 - there is no value that fits
    """No value: the member may not be there."""
    raise Mismatch("is not allowed here")


def string(value: Json) -> Json:
    """A string."""
    if not isinstance(value, str):
        raise Mismatch("must be a string")
    return value


def boolean(value: Json) -> Json:
    """True or false."""
    if not isinstance(value, bool):
        raise Mismatch("must be true or false")
    return value


def index(value: Json) -> Json:
    """A whole number from 0 that a float holds exactly, however it is spelled."""
    if not _is_number(value) or value != value // 1 or not 0 <= value <= _SAFE:
        raise Mismatch("must be a whole number from 0 to 2^53 - 1")
    return value


def null(value: Json) -> Json:
    """Null."""
    if value is not None:
        raise Mismatch("must be null")
    return value


def number(value: Json) -> Json:
    """A number that a float can hold."""
    if not _is_number(value):
        raise Mismatch("must be a finite number")
    return value


def json(value: Json) -> Json:
    """Any JSON value without numbers beyond a float, to any depth.

    It is returned itself, or, if it has members `__proto__`, a copy without them.
    """
    todo = [value]
    has_proto = False
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if PROTO in item:
                has_proto = True
                item = {key: member for key, member in item.items() if key != PROTO}
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
        elif not (item is None or isinstance(item, (str, bool)) or _is_number(item)):
            raise Mismatch("must hold only JSON values, and numbers that a float can hold")
    return trees.copy(value, drop=PROTO) if has_proto else value


def _must_be_object(value: Json) -> None:
    if not isinstance(value, dict):
        raise Mismatch("must be an object")


def _is_number(value: Json) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond a float
        return False
