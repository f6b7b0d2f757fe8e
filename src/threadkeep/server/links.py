"""Links to files: signed, so that a browser needs no header, and only good for a while.

A link names a key, for whom it was made and when it ends, all under a signature. Front ends store
it inside their messages; `renewed` puts fresh ones in their place when those are read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlencode

from threadkeep.server.problems import Problem

UPLOAD_SECONDS: Final = 900
MOST_WHO: Final = 1400
"""How long the text of whom a link was made for may be: two ids of 512 bytes in base 64."""
# Links made within a quarter of an hour are the same, so that a browser's cache can help.
_STEP: Final = 900
_MARK: Final = "/v1/files/attachments/"
_KEY: Final = r"attachments/[0-9a-f]{32}(?:\.[a-z0-9]{1,8})?"
_IS_KEY: Final = re.compile(_KEY)
# As `JSON.stringify` and our own encoder write it: neither escapes a character of it.
_TAIL: Final = re.compile(
    rf"/v1/files/(?P<key>{_KEY})\?who=(?P<who>[A-Za-z0-9_.-]{{1,{MOST_WHO}}})"
    r"&until=(?P<until>[0-9]{1,12})&signature=(?P<signature>[A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])"
)
_MOST_BASE: Final = 500
_BASE: Final = re.compile(r"https?://[^\x00-\x20\"\\<>?#\x7f-\U0010ffff]+")

Use = Literal["get", "put"]


@dataclass(frozen=True, slots=True)
class Who:
    """For whom a link was made: an owner, and a user of it or none."""

    owner_id: str
    user_id: str | None

    def text(self) -> str:
        """As it stands in a link."""
        owner = _base64(self.owner_id.encode())
        return owner if self.user_id is None else f"{owner}.{_base64(self.user_id.encode())}"

    @classmethod
    def read(cls, text: str) -> Who:
        """Of a text whose signature was found good."""
        owner, dot, user = text.partition(".")
        return cls(_text(owner), _text(user) if dot else None)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links and tells whether they are good. Processes with the same secret share them."""

    secret: bytes = field(repr=False)

    def upload(self, base: str, key: str, who: Who, *, media_type: str | None) -> tuple[str, int]:
        """A link to put the bytes under `key`, and until when it is good, in seconds since 1970.

        With a `media_type` the bytes must be sent as that. `base` is where /v1/files stands.
        """
        until = int(time.time()) + UPLOAD_SECONDS
        query = self._signed("put", key, who, until, media_type)
        return f"{base}/{key}?{urlencode(query)}", until

    def download(self, base: str, key: str, who: Who) -> tuple[str, int]:
        """A link to the bytes under `key`, and until when: for 15 to 30 minutes."""
        until = (int(time.time()) // _STEP + 2) * _STEP
        return f"{base}/{key}?{urlencode(self._signed('get', key, who, until, None))}", until

    def check(self, use: Use, key: str, query: Mapping[str, str]) -> Who:
        """For whom the link was made. Problem 403: `link_invalid`, `link_expired`."""
        who, until = query.get("who", ""), query.get("until", "")
        if not self._is_ours(use, key, who, until, query.get("type"), query.get("signature", "")):
            raise Problem(403, "link_invalid", "this is no link that the server has made")
        if int(until) < time.time():
            raise Problem(403, "link_expired", "this link has expired")
        return Who.read(who)

    def renewed(self, text: str, base: str, who: Who) -> str:
        """JSON text with fresh links for `who` in the place of those that were ever made here.

        Everything else stays, character by character. Whose file it is is looked at when the link
        is used: one of another owner's leads nowhere.
        """
        pieces, done = [], 0
        for start, link in self._found(text):
            pieces += [text[done:start], self.download(base, link["key"], who)[0]]
            done = link.end()
        return "".join([*pieces, text[done:]]) if pieces else text

    def keys(self, text: str) -> list[str]:
        """The keys of the links in JSON text that were made here, each once."""
        return list(dict.fromkeys(link["key"] for _, link in self._found(text)))

    def _found(self, text: str) -> Iterator[tuple[int, re.Match[str]]]:
        """The links in a text that were made here: where each starts, and what ends it."""
        done = 0
        for link in _TAIL.finditer(text) if _MARK in text else ():
            near = max(done, link.start() - _MOST_BASE)
            slashes = text.rfind("://", near, link.start())
            start = max(near, slashes - len("https"))
            base = _BASE.search(text, start, link.start())
            said = (link["key"], link["who"], link["until"], None, link["signature"])
            if base is not None and base.end() == link.start() and self._is_ours("get", *said):
                done = link.end()
                yield base.start(), link

    def _signed(
        self, use: Use, key: str, who: Who, until: int, media_type: str | None
    ) -> dict[str, str]:
        said = who.text()
        query = {"who": said, "until": str(until)}
        if media_type is not None:
            query["type"] = media_type
        return query | {"signature": self._signature(use, key, said, str(until), media_type)}

    def _is_ours(
        self, use: Use, key: str, who: str, until: str, media_type: str | None, signature: str
    ) -> bool:
        if not re.fullmatch(r"[0-9]{1,12}", until):
            return False
        expected = self._signature(use, key, who, until, media_type)
        return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))

    def _signature(self, use: Use, key: str, who: str, until: str, media_type: str | None) -> str:
        said = json.dumps(["file", use, key, who, until, media_type]).encode()
        return _base64(hmac.new(self.secret, said, hashlib.sha256).digest())


def is_base(text: str) -> bool:
    """Whether links that start so can be found again: the URL of a host, and perhaps a path."""
    return len(text) < _MOST_BASE and _BASE.fullmatch(text) is not None


def is_key(text: str) -> bool:
    """Whether this is a key as we make them."""
    return _IS_KEY.fullmatch(text) is not None


def key_in(url: str) -> str | None:
    """The key of a link of ours, by its form alone."""
    link = re.search(rf"/v1/files/({_KEY})(?:\?|$)", url)
    return None if link is None else link[1]


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _text(encoded: str) -> str:
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
