"""JSON text: written, checked and read without loss.

orjson does the work where it is exact. It is not where it writes NaN as null, takes enums and
UUIDs, refuses or rounds integers beyond 64 bits, and refuses lone surrogates, numbers beyond a
float and more than 254 levels. Those cases are found here and go another way.
"""

from __future__ import annotations

import json
import marshal
import math
import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final, NoReturn

import orjson

from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

MAX_LEVELS: Final = 500
"""How deep arrays and objects may nest; a scalar has 0 levels, `[]` has 1."""

MAX_METADATA_BYTES: Final = 1 << 20
"""How long the JSON text of a metadata object may be."""

MAX_INT_DIGITS: Final = 4300
"""Integers with more digits are read as floats: Python's own limit, since int() is quadratic."""

_RULE_JSON: Final = "must be valid JSON (RFC 8259)"
_RULE_TYPES: Final = "must hold only None, bool, int, float, str, list, tuple and dict"
_RULE_FINITE: Final = "must not contain NaN or Infinity"

# orjson writes enums, UUIDs and more: marshal refuses all but the plain types. Its image of a NaN
# or an infinity (an IEEE double) has a byte 7F or FF; where one stands, reading back shows whether
# a null was one.
_MARSHAL: Final = 4
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPE: Final = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])')
_DIGITS: Final = re.compile(r"([0-9])[0-9]{2,}")
_STRING: Final = re.compile(r'"[^"]*+"?')
_NOT_BRACKETS: Final = bytes(code for code in range(256) if code not in b"[]{}")

# A run of 20 of the characters -0123456789 stands in every integer that 64 bits cannot hold.
_TO_RUNS: Final = bytes(0x30 if code in b"-0123456789" else 0x20 for code in range(256))
_LONG_RUN: Final = b"0" * 20
# orjson turns such an integer into a float of 1e18 or more. Since 3.13 it writes those with a
# plus sign, so a result that is written without one holds none.
_PLUS: Final = ord("+")
_FLOATS_HAVE_PLUS: Final = _PLUS in orjson.dumps(2.0**63)

# jsonb keeps numbers as numeric, which has at most so many digits before the point.
_JSONB_DIGITS: Final = 131_072


def encode(value: Json, *, field: str = "payload", overflow: bool = False) -> str:
    """The compact JSON text of `value`: UTF-8 as it is, escaped only what JSON or UTF-8 requires.

    Keys keep their order, tuples are lists, integers of any size and -0.0 are exact. Subclasses
    of dict, list and tuple are taken as such. Everything else that is not a JSON value raises
    InvalidError with `field`: other types and keys, subclasses of str, int and float (enums),
    NaN, Infinity, more than 500 levels. With `overflow`, infinities are written as 1e999, which
    `decode` reads as an infinity: for values that `decode` has made.

    Two surrogates side by side that make a pair are the character they mean once read back.
    """
    try:
        data = orjson.dumps(value)
        image = marshal.dumps(value, _MARSHAL)
        if not (0x7F in image or 0xFF in image) or orjson.loads(data) == value:
            return data.decode()
    except (TypeError, ValueError, RecursionError):
        pass
    return _write(value, field, overflow=overflow)


def verify(text: str | bytes, *, field: str = "payload", levels: int = MAX_LEVELS) -> str:
    """Return `text` unchanged, as str, if it is valid JSON (RFC 8259) in UTF-8.

    Duplicate keys, numbers of any size and escapes of lone surrogates are valid. Invalid are a
    byte order mark, a surrogate or a NUL as a character of its own, NaN, and more than `levels`
    levels: InvalidError with `field`. Takes time proportional to the length, whatever the text.
    """
    text = _text(text, field)
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        _verify_odd(text, field, levels)
    _check_levels(text, field, levels)
    return text


def read(
    text: str | bytes, *, field: str = "payload", levels: int = MAX_LEVELS
) -> tuple[str, Json]:
    """The text as `verify` returns it, and its value as `decode` gives it, parsed once."""
    text = _text(text, field)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return verify(text, field=field, levels=levels), _decode_odd(text)
    _check_levels(text, field, levels)
    return text, value if _is_exact(value, text) else _decode_odd(text)


def decode(text: str) -> Json:
    """The value of JSON text, as exact as Python's types allow.

    Integers up to 4300 digits are exact and longer ones are floats (so mostly infinite), a number
    beyond a float is an infinity, escaped surrogates come back, of duplicate keys the last one
    counts. Text that is no JSON raises InvalidError.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _decode_odd(text)
    return value if _is_exact(value, text) else _decode_odd(text)


def merge_patch(target: Json, patch: Json) -> Json:
    """The JSON merge patch of RFC 7396: null removes a member, objects merge, all else replaces.

    Neither argument is changed; the result may share values with both.
    """
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Json] = dict(target) if isinstance(target, dict) else {}
    todo = [(result, patch)]
    while todo:
        into, changes = todo.pop()
        for key, value in changes.items():
            if value is None:
                into.pop(key, None)
            elif isinstance(value, dict):
                old = into.get(key)
                into[key] = dict(old) if isinstance(old, dict) else {}
                todo.append((into[key], value))
            else:
                into[key] = value
    return result


def check_metadata(value: object, field: str) -> str | None:
    """The JSON text of a metadata object, None for None.

    Raises InvalidError with `field` for what is no mapping, for what `encode` refuses, for text
    over 1 MiB, and for what jsonb cannot hold: NUL or a surrogate in a string or key, an integer
    of more than 131 072 digits.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidError(field, "must be a mapping")
    text = encode(dict(value), field=field)
    if len(text) > MAX_METADATA_BYTES or len(text.encode()) > MAX_METADATA_BYTES:
        raise InvalidError(field, f"must have at most {MAX_METADATA_BYTES} bytes as JSON")
    if "\\u" in text:
        escapes = {match[0][2:] for match in _ESCAPE.finditer(text) if match[0][1] == "u"}
        if "0000" in escapes:
            raise InvalidError(field, "must not contain NUL")
        if any(escape.startswith("d") for escape in escapes):
            raise InvalidError(field, "must not contain a surrogate")
    if len(text) > _JSONB_DIGITS and re.search(f"[0-9]{{{_JSONB_DIGITS + 1}}}", _outside(text)):
        raise InvalidError(field, f"must not contain a number of over {_JSONB_DIGITS} digits")
    return text


def _write(value: Json, field: str, *, overflow: bool) -> str:
    # A stack of its own: the depth must not depend on how deep the caller stands.
    out: list[str] = []
    stack: list[tuple[Iterator[tuple[str, Json]], str]] = [(iter([("", value)]), "")]
    while stack:
        members, end = stack[-1]
        prefix, item = next(members, (None, None))
        if prefix is None:
            out.append(end)
            stack.pop()
            continue
        out.append(prefix)
        if isinstance(item, dict):
            out.append("{")
            stack.append((_members(item, field), "}"))
        elif isinstance(item, (list, tuple)):
            out.append("[")
            stack.append(((("," if i else "", one) for i, one in enumerate(item)), "]"))
        else:
            out.append(_scalar(item, field, overflow=overflow))
        if len(stack) > MAX_LEVELS + 1:
            raise InvalidError(field, _rule_levels(MAX_LEVELS))
    return "".join(out)


def _members(value: Mapping[Json, Json], field: str) -> Iterator[tuple[str, Json]]:
    comma = ""
    for key, item in value.items():
        if type(key) is not str:
            raise InvalidError(field, "must have only str as keys")
        yield f"{comma}{_string(key)}:", item
        comma = ","


def _scalar(value: Json, field: str, *, overflow: bool) -> str:
    kind = type(value)
    if kind is str:
        return _string(value)
    if kind is int:
        try:
            return str(value)
        except ValueError:  # Python's limit of digits, which Decimal does not have
            from decimal import Decimal

            return str(Decimal(value))
    if kind is float:
        if math.isfinite(value):
            return orjson.dumps(value).decode()  # as the fast way spells it
        if overflow and math.isinf(value):
            return "1e999" if value > 0 else "-1e999"
        raise InvalidError(field, _RULE_FINITE)
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]
    raise InvalidError(field, _RULE_TYPES)


def _string(value: str) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        escaped = encode_basestring(value)
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", escaped)


def _text(text: object, field: str) -> str:
    if isinstance(text, str):
        return text
    if not isinstance(text, bytes):
        raise InvalidError(field, "must be a str or bytes")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise InvalidError(field, "must be UTF-8") from None


def _check_levels(text: str, field: str, levels: int) -> None:
    if len(text) > 2 * levels and _levels(text, levels) > levels:
        raise InvalidError(field, _rule_levels(levels))


def _rule_levels(levels: int) -> str:
    return f"must have at most {levels} levels of nesting"


def _is_exact(value: Json, text: str) -> bool:
    """Whether orjson can have read all integers of the text exactly; `value` is what it read."""
    if _FLOATS_HAVE_PLUS:
        try:
            if _PLUS not in orjson.dumps(value):
                return True
        except TypeError:  # more than 254 levels
            pass
    return _LONG_RUN not in text.encode().translate(_TO_RUNS)


def _verify_odd(text: str, field: str, levels: int) -> None:
    """Raise InvalidError unless `text` is JSON that only orjson refuses."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidError(field, "must not contain a lone surrogate unescaped") from None
    # The same text with a letter for each escape and short numbers is as valid as this one: a Z
    # stands nowhere outside strings nor in an escape, and a number's first digit tells whether
    # more may follow.
    try:
        orjson.loads(_DIGITS.sub(r"\g<1>1", _ESCAPE.sub("Z", text)))
    except orjson.JSONDecodeError:
        rule = _rule_levels(levels) if _levels(text, levels) > levels else _RULE_JSON
        raise InvalidError(field, rule) from None


def _outside(text: str) -> str:
    """JSON text without its strings."""
    return _STRING.sub("", _ESCAPE.sub("", text))


def _levels(text: str, enough: int) -> int:
    """How deep the text nests; some smaller number if `enough` brackets do not even open."""
    if text.count("[") + text.count("{") <= enough:
        return 0
    brackets = _outside(text).encode("utf-8", "replace").translate(None, _NOT_BRACKETS)
    return max(accumulate(1 if code in b"[{" else -1 for code in brackets), default=0)


def _decode_odd(text: str) -> Json:
    try:
        return _loads(text)
    except RecursionError:
        pass
    # The standard parser recurses on the caller's stack. Rare enough for a thread, and for its
    # import: text that is deep and odd, read from deep inside an app.
    from concurrent.futures import ThreadPoolExecutor

    try:
        with ThreadPoolExecutor(1) as fresh_stack:
            return fresh_stack.submit(_loads, text).result()
    except RecursionError:
        raise InvalidError("payload", _rule_levels(MAX_LEVELS)) from None


def _loads(text: str) -> Json:
    try:
        return json.loads(text, parse_int=_int, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        # Its error holds the whole text.
        raise InvalidError("payload", _RULE_JSON) from None


def _int(digits: str) -> int | float:
    try:
        return int(digits) if len(digits) <= MAX_INT_DIGITS else float(digits)
    except ValueError:  # the process has set a lower limit
        return float(digits)


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidError("payload", _RULE_FINITE)
