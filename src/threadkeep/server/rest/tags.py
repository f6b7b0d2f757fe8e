"""Entity tags: answers that a caller has already, and changes of what it has seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated, Final

from fastapi import Header, Response

from threadkeep.server.problems import NO_STORE, Problem
from threadkeep.values.document import thread_text
from threadkeep.values.thread import Thread

_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e]*")')
_LIST: Final = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e]*"\s*)*')
_REVISION: Final = re.compile(r'"([0-9]{1,18})\.[0-9a-f]+"')

IfNoneMatch = Annotated[
    str | None, Header(description="Entity tags that the caller has; then the answer may be 304.")
]
IfMatch = Annotated[
    str | None, Header(description="The entity tag of the thread as the caller has seen it.")
]


def tagged(text: str, if_none_match: str | None, *, head: str = "") -> Response:
    """The JSON text with its entity tag, or 304 where the caller has it already."""
    raw = text.encode()
    tag = f'"{head}{blake2b(raw, digest_size=12).hexdigest()}"'
    headers = {**NO_STORE, "ETag": tag}
    if if_none_match is not None and (if_none_match.strip() == "*" or tag in _tags(if_none_match)):
        return Response(None, 304, headers)
    return Response(raw, 200, headers, "application/json")


def thread_answer(thread: Thread, status: int = 200, if_none_match: str | None = None) -> Response:
    """A thread. Its entity tag begins with its revision, which `revision_in` reads again."""
    answer = tagged(thread_text(thread), if_none_match, head=f"{thread.revision}.")
    if status != 200:
        answer.status_code = status
    return answer


def revision_in(if_match: str | None) -> int | None:
    """The revision of the thread that a caller has seen; None where it does not matter.

    Messages that came meanwhile do not matter: they are not of the revision.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if not _LIST.fullmatch(if_match):
        raise Problem(400, "invalid", "If-Match: must be an entity tag", field="If-Match")
    found = {match[1] for match in map(_REVISION.fullmatch, _tags(if_match)) if match}
    if len(found) == 1:
        return int(found.pop())
    if not found:
        raise moved()
    raise Problem(400, "invalid", "If-Match: must be one entity tag", field="If-Match")


def moved() -> Problem:
    """The thread is not what the caller has seen."""
    return Problem(412, "revision_moved", "the thread was changed meanwhile")


def _tags(header: str) -> Sequence[str]:
    return _TAG.findall(header) if _LIST.fullmatch(header) else ()
