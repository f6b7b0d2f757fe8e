"""A UI message stream, folded into the message that it describes.

Gives what `readUIMessageStream` of ai 7.0.173 gives, in the same order of members, in time
proportional to the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from threadkeep.dialects.ai_sdk import calls, draft, trees
from threadkeep.dialects.ai_sdk.calls import Chunk, OutOfPlaceError
from threadkeep.dialects.ai_sdk.chunk_schema import check_chunk
from threadkeep.dialects.ai_sdk.draft import Draft, Part, Words
from threadkeep.dialects.ai_sdk.trees import ABSENT
from threadkeep.values.parts import Json

_PROTOTYPES: Final = frozenset(("__proto__", "constructor", "prototype"))


@dataclass(frozen=True, slots=True)
class Folded:
    """What a stream came to.

    `errors` has the texts of error chunks, and last the reason why the stream broke, if it did:
    a chunk about something that was not started makes clients stop reading (`broken`). `finished`
    and `aborted` say whether such a chunk came for this message. `yields` counts how often
    clients are shown the message anew.
    """

    message: dict[str, Json]
    errors: tuple[str, ...] = ()
    finish_reason: str | None = None
    finished: bool = False
    aborted: bool = False
    broken: bool = False
    yields: int = 0


def fold(chunks: Iterable[Json], *, message: Json | None = None) -> Folded:
    """The message that the chunks make, going on with `message` if that is the assistant's.

    Of a message of another role only the id is taken over. Nothing is changed that was passed in.
    Raises InvalidError for a chunk or a message that a client would refuse.
    """
    folding = Folding(message)
    for chunk in chunks:
        folding.feed(chunk)
        if folding.broken:
            break
    return folding.result()


class Folding:
    """A message that grows with each chunk fed. One task at a time."""

    def __init__(self, message: Json | None = None) -> None:
        self._draft = draft.start("") if message is None else draft.resume(message)
        self.errors: list[str] = []
        self.finish_reason: str | None = None
        self.finished = False
        self.aborted = False
        self.broken = False
        self.yields = 0

    def feed(self, chunk: Json) -> None:
        """Take the next chunk, which may be changed by the caller afterwards.

        Raises InvalidError, and takes nothing, for a chunk of unknown type or with a field that
        is missing or of the wrong type. Once the stream is `broken` nothing is read any more.
        """
        if self.broken:
            return
        kind = check_chunk(chunk)
        chunk = trees.copy(chunk)
        try:
            if self._apply(kind, chunk):
                self.yields += 1
        except OutOfPlaceError as error:
            self.errors.append(str(error))
            self.broken = True

    @property
    def message(self) -> dict[str, Json]:
        """The message as it is now, a copy. Costs time proportional to the message."""
        return self._draft.snapshot()

    def result(self) -> Folded:
        """What the chunks fed so far came to."""
        return Folded(
            message=self.message,
            errors=tuple(self.errors),
            finish_reason=self.finish_reason,
            finished=self.finished,
            aborted=self.aborted,
            broken=self.broken,
            yields=self.yields,
        )

    def _apply(self, kind: str, chunk: Chunk) -> bool:
        """Whether clients are shown the message anew."""
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(self._draft, chunk)
        match kind:
            case "start":
                return self._start(chunk)
            case "finish":
                self.finished = True
                self.finish_reason = chunk.get("finishReason", self.finish_reason)
                return _merge_metadata(self._draft, chunk)
            case "abort":
                self.aborted = True
                return False
            case "error":
                self.errors.append(chunk["errorText"])
                return False
            case "finish-step":
                return False
        return _data(self._draft, kind, chunk)

    def _start(self, chunk: Chunk) -> bool:
        id = chunk.get("messageId")
        if id is not None and id != self._draft.message.get("id", ABSENT):
            self._draft = draft.start(id)
            self.finish_reason = None
            self.finished = self.aborted = False
        return _merge_metadata(self._draft, chunk) or id is not None


def _merge_metadata(draft: Draft, chunk: Chunk) -> bool:
    new = chunk.get("messageMetadata")
    if new is None:
        return False
    old = draft.message.get("metadata", ABSENT)
    draft.message["metadata"] = new if old is None or old is ABSENT else _merged(old, new)
    return True


def _merged(old: Json, new: Json) -> Json:
    result = dict(_members(old))
    todo = [(result, _members(new))]
    while todo:
        into, changes = todo.pop()
        for key, value in changes.items():
            if key in _PROTOTYPES:
                continue
            if not isinstance(old, (dict, list)):
                raise OutOfPlaceError("Received metadata to merge into metadata without members.")
            known = into.get(key)
            if isinstance(value, dict) and isinstance(known, dict):
                into[key] = dict(known)
                todo.append((into[key], value))
            else:
                into[key] = value
    return result


def _members(value: Json) -> Mapping[str, Json]:
    """What JavaScript's spread makes of a value: lists and strings have their positions as keys."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        units = value.encode("utf-16-le", "surrogatepass")
        pairs = (units[at : at + 2] for at in range(0, len(units), 2))
        value = [pair.decode("utf-16-le", "surrogatepass") for pair in pairs]
    return {str(at): item for at, item in enumerate(value)} if isinstance(value, list) else {}


def _data(draft: Draft, kind: str, chunk: Chunk) -> bool:
    if chunk.get("transient"):
        return False
    known = draft.data(kind, chunk["id"]) if "id" in chunk else None
    if known is None:
        draft.push(dict(chunk))
    else:
        known["data"] = chunk["data"]
    return True


def _text_start(draft: Draft, chunk: Chunk) -> bool:
    provider = chunk.get("providerMetadata", ABSENT)
    part = {"type": "text", "text": Words(), "providerMetadata": provider, "state": "streaming"}
    draft.texts[chunk["id"]] = part
    draft.push(part)
    return True


def _reasoning_start(draft: Draft, chunk: Chunk) -> bool:
    part = {
        "type": "reasoning",
        "id": chunk["id"],
        "text": Words(),
        "providerMetadata": chunk.get("providerMetadata", ABSENT),
        "state": "streaming",
    }
    draft.thoughts[chunk["id"]] = part
    draft.push(part)
    return True


def _delta(open_parts: Mapping[str, Part], chunk: Chunk, name: str) -> bool:
    part = open_parts.get(chunk["id"])
    if part is None:
        _refuse(chunk, name)
    part["text"].add(chunk["delta"])
    if "providerMetadata" in chunk:
        part["providerMetadata"] = chunk["providerMetadata"]
    return True


def _end(open_parts: dict[str, Part], chunk: Chunk, name: str) -> bool:
    part = open_parts.pop(chunk["id"], None)
    if part is None:
        _refuse(chunk, name)
    part["state"] = "done"
    if name == "text" and "citations" in chunk:
        part["citations"] = chunk["citations"]
    if "providerMetadata" in chunk:
        part["providerMetadata"] = chunk["providerMetadata"]
    return True


def _refuse(chunk: Chunk, name: str) -> NoReturn:
    kind = chunk["type"]
    raise OutOfPlaceError(
        f'Received {kind} for missing {name} part with ID "{chunk["id"]}". '
        f'Ensure a "{name}-start" chunk is sent before any "{kind}" chunks.'
    )


def _appended(*names: str) -> Callable[[Draft, Chunk], bool]:
    """A handler that appends a part with these members of the chunk."""

    def handler(draft: Draft, chunk: Chunk) -> bool:
        draft.push({name: chunk.get(name, ABSENT) for name in ("type", *names)})
        return True

    return handler


def _start_step(draft: Draft, _: Chunk) -> bool:
    draft.push({"type": "step-start"})
    return False


_HANDLERS: Final[Mapping[str, Callable[[Draft, Chunk], bool]]] = {
    **calls.HANDLERS,
    "text-start": _text_start,
    "text-delta": lambda draft, chunk: _delta(draft.texts, chunk, "text"),
    "text-end": lambda draft, chunk: _end(draft.texts, chunk, "text"),
    "reasoning-start": _reasoning_start,
    "reasoning-delta": lambda draft, chunk: _delta(draft.thoughts, chunk, "reasoning"),
    "reasoning-end": lambda draft, chunk: _end(draft.thoughts, chunk, "reasoning"),
    "custom": _appended("kind", "providerMetadata"),
    "file": _appended("mediaType", "url", "providerMetadata"),
    "reasoning-file": _appended("mediaType", "url", "providerMetadata"),
    "source-url": _appended("sourceId", "url", "title", "providerMetadata"),
    "source-document": _appended("sourceId", "mediaType", "title", "filename", "providerMetadata"),
    "steering-message": _appended("id", "parts"),
    "start-step": _start_step,
    "reset-step": lambda draft, _: draft.drop_step(),
    "message-metadata": _merge_metadata,
}
