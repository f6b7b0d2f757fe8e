"""URLs as JavaScript writes them: what `new URL(text).href` gives (WHATWG URL Standard).

The genuine package makes a URL object of each file's address, so that the model gets the address
in this spelling. One thing is simpler here: names of hosts outside ASCII are lowered, normalised
(NFKC) and written as punycode, without the tables of UTS 46.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from threadkeep.values.errors import InvalidError

_RULE: Final = "must hold valid absolute URLs only"
_PORTS: Final = {"ftp": "21", "file": "", "http": "80", "https": "443", "ws": "80", "wss": "443"}
_PLAIN: Final = re.compile("[dD][aA][tT][aA]:[!-.0-~][!-~]*")
_ENDS: Final = "".join(map(chr, range(0x21)))
_SCHEME: Final = re.compile("([A-Za-z][A-Za-z0-9+.-]*):")
_DRIVE: Final = re.compile("[A-Za-z][:|]")
_UP: Final = re.compile(r"(?:\.|%2[eE]){2}")
_HERE: Final = re.compile(r"\.|%2[eE]")
_BAD_HOST: Final = re.compile(r"[\0\t\n\r #/:<>?@\[\\\]^|]")
_BAD_DOMAIN: Final = re.compile(r"[\0-\x20#/:<>?@\[\\\]^|%\x7f]")
_BAD_KINDS: Final = frozenset({"Cc", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_LONGEST: Final = 1000  # Python's punycode takes quadratic time, and DNS allows 63
_DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")
_IPV6: Final = re.compile("[0-9A-Fa-f:.]+")

# What each part of a URL leaves as it is, besides letters, digits and what `quote` never touches.
_KEEP_OPAQUE: Final = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_KEEP_FRAGMENT: Final = "!#$%&'()*+,-./:;=?@[\\]^_{|}~"
_KEEP_QUERY: Final = "!$%&'()*+,-./:;=?@[\\]^_`{|}~"
_KEEP_PATH: Final = "!$%&'()*+,-./:;=@[\\]_|~"
_KEEP_USER: Final = "!$%&'()*+,-._~"


class _NotValidError(ValueError):
    pass


def href(text: str, *, field: str = "url") -> str:
    """The address in its one spelling; raises InvalidError with `field` if it is no absolute URL.

    A data URL in ASCII without spaces comes back as it is, whatever its length.
    """
    if _PLAIN.fullmatch(text) and "?" not in text and "#" not in text:
        return "data:" + text[5:]
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.strip(_ENDS).translate({9: None, 10: None, 13: None})
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise InvalidError(field, _RULE)
    rest, hash, fragment = text[scheme.end() :].partition("#")
    rest, mark, query = rest.partition("?")
    name = scheme[1].lower()
    try:
        written = _before_query(name, rest, followed=bool(mark or hash))
    except (_NotValidError, UnicodeError):
        raise InvalidError(field, _RULE) from None
    if mark:
        keep = _KEEP_QUERY.replace("'", "") if name in _PORTS else _KEEP_QUERY
        written += "?" + quote(query, keep)
    if hash:
        written += "#" + quote(fragment, _KEEP_FRAGMENT)
    return written


def _before_query(scheme: str, rest: str, *, followed: bool) -> str:
    if scheme == "file":
        host, path = _file(rest.replace("\\", "/"))
        return f"file://{host}{path}"
    if scheme in _PORTS:
        authority, _, tail = rest.replace("\\", "/").lstrip("/").partition("/")
        return f"{scheme}://{_authority(scheme, authority)}{_path(scheme, tail.split('/'))}"
    if rest.startswith("//"):
        authority, slash, tail = rest[2:].partition("/")
        path = _path(scheme, tail.split("/")) if slash else ""
        return f"{scheme}://{_authority(scheme, authority)}{path}"
    if rest.startswith("/"):
        path = _path(scheme, rest[1:].split("/"))
        return f"{scheme}:{'/.' if path.startswith('//') else ''}{path}"
    if followed and rest.endswith(" "):
        rest = rest[:-1] + "%20"
    return f"{scheme}:{quote(rest, _KEEP_OPAQUE)}"


def _file(rest: str) -> tuple[str, str]:
    if not rest.startswith("//"):
        return "", _path("file", rest.removeprefix("/").split("/"))
    host, _, tail = rest[2:].partition("/")
    if _DRIVE.fullmatch(host):
        return "", _path("file", rest[2:].split("/"))
    name = _domain(host) if host else ""
    return "" if name == "localhost" else name, _path("file", tail.split("/"))


def _path(scheme: str, segments: Sequence[str]) -> str:
    out: list[str] = []
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if _UP.fullmatch(segment):
            if out and not (scheme == "file" and len(out) == 1 and _is_drive(out[0])):
                out.pop()
            if last:
                out.append("")
        elif _HERE.fullmatch(segment):
            if last:
                out.append("")
        else:
            if scheme == "file" and not out and _DRIVE.fullmatch(segment):
                segment = segment[0] + ":"
            out.append(quote(segment, _KEEP_PATH))
    return "".join("/" + segment for segment in out)


def _is_drive(segment: str) -> bool:
    return segment[1:] == ":" and _DRIVE.fullmatch(segment) is not None


def _authority(scheme: str, text: str) -> str:
    user, at, host = text.rpartition("@")
    name, _, password = user.partition(":")
    colon = host.find(":", host.rfind("]") + 1)
    port = ""
    if colon >= 0:
        host, port = host[:colon], host[colon + 1 :]
    if not host and (at or colon >= 0 or scheme in _PORTS):
        raise _NotValidError
    written = _host(scheme, host)
    if port:
        if not (port.isascii() and port.isdigit()):
            raise _NotValidError
        port = port.lstrip("0") or "0"
        if len(port) > 5 or int(port) > 65535:
            raise _NotValidError
        if port != _PORTS.get(scheme):
            written += f":{port}"
    if password:
        return f"{quote(name, _KEEP_USER)}:{quote(password, _KEEP_USER)}@{written}"
    return f"{quote(name, _KEEP_USER)}@{written}" if name else written


def _host(scheme: str, text: str) -> str:
    if text.startswith("["):
        return _ipv6(text)
    if scheme in _PORTS:
        return _domain(text)
    if _BAD_HOST.search(text):
        raise _NotValidError
    return quote(text, _KEEP_OPAQUE)


def _domain(text: str) -> str:
    if text.startswith("["):
        return _ipv6(text)
    text = unquote_to_bytes(text).decode("utf-8", "replace")
    labels = text.lower().split(".") if text.isascii() else _DOTS.split(_mapped(text))
    name = ".".join(map(_label, labels))
    if not name or _BAD_DOMAIN.search(name):
        raise _NotValidError
    parts = name.removesuffix(".").split(".")
    if re.fullmatch("[0-9]+|0x[0-9a-f]*", parts[-1]):
        return _ipv4(parts)
    return name


def _mapped(text: str) -> str:
    # Letter by letter: the lower form of a sigma must not depend on its neighbours.
    lowered = "".join(char.lower() for char in text.replace("\u00ad", ""))
    return unicodedata.normalize("NFKC", lowered)


def _label(label: str) -> str:
    """The label in ASCII; one that claims to be punycode must be so."""
    if len(label) > _LONGEST and (label.startswith("xn--") or not label.isascii()):
        raise _NotValidError
    if label.isascii():
        if label.startswith("xn--"):
            meant = label[4:].encode().decode("punycode")
            if meant.isascii() or _mapped(meant) != meant or _label(meant) != label:
                raise _NotValidError
        return label
    odd = any(char == "\ufffd" or unicodedata.category(char) in _BAD_KINDS for char in label)
    if odd or label.startswith("xn--"):
        raise _NotValidError
    return "xn--" + label.encode("punycode").decode("ascii")


def _ipv4(parts: Sequence[str]) -> str:
    if len(parts) > 4:
        raise _NotValidError
    numbers = [_number(part) for part in parts]
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise _NotValidError
    whole = numbers[-1] + sum(number << 8 * (3 - i) for i, number in enumerate(numbers[:-1]))
    return ".".join(str(whole >> shift & 255) for shift in (24, 16, 8, 0))


def _number(text: str) -> int:
    base = 10
    if text.startswith("0x"):
        text, base = text[2:] or "0", 16
    elif text.startswith("0") and len(text) > 1:
        base = 8
    if len(text) > 64 and text.strip("0"):
        text = text.lstrip("0")
    if len(text) > 64 or not re.fullmatch("[0-9a-f]+", text):
        raise _NotValidError
    try:
        return int(text, base)
    except ValueError:
        raise _NotValidError from None


def _ipv6(text: str) -> str:
    if not text.endswith("]") or not _IPV6.fullmatch(text[1:-1]):
        raise _NotValidError
    try:
        number = int(IPv6Address(text[1:-1]))
    except AddressValueError:
        raise _NotValidError from None
    pieces = [f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    joined = ":".join(pieces)
    runs = re.findall(r"(?:(?<![^:])0(?::0)+(?![^:]))", joined)
    if not runs:
        return f"[{joined}]"
    longest = max(runs, key=len)
    before, after = re.split(rf"(?<![^:]){longest}(?![^:])", joined, maxsplit=1)
    return f"[{before.removesuffix(':')}::{after.removeprefix(':')}]"
