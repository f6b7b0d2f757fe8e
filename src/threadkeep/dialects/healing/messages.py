"""Edits of parts, and the messages that come of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from threadkeep.dialects.flow import ORIGIN, STEP, Placed
from threadkeep.values.message import Message
from threadkeep.values.parts import Json, Part

MADE = -1
"""The place of a part that stands in no message yet."""

_Key = tuple[int, int]


class Edits:
    """What shall become of the parts of some messages, each of which is there once."""

    def __init__(self) -> None:
        self._parts: dict[_Key, Part | None] = {}
        self._answers: dict[_Key, list[Placed]] = {}
        self._touched: set[int] = set()
        self._disowned: set[int] = set()

    def put(self, placed: Placed, part: Part | None) -> None:
        """Put another part in the place of this one; None leaves it out."""
        self._touched.add(id(placed.message))
        self._parts[id(placed.message), placed.place] = part

    def drop(self, message: Message) -> None:
        """Leave out a message if it holds nothing."""
        self._touched.add(id(message))

    def answer(self, after: Placed, result: Placed) -> None:
        """Put a result behind the last part of a step."""
        self._touched.add(id(after.message))
        self._answers.setdefault((id(after.message), after.place), []).append(result)

    def disown(self, message: Message) -> None:
        """Let a message be written anew, as if its dialect had not read it."""
        self._touched.add(id(message))
        self._disowned.add(id(message))

    def apply(self, messages: Sequence[Message], *, inside: bool) -> list[Message]:
        """The messages with all edits; those without any are the very same.

        With `inside` results stand in the message with the call, else in messages of their own; a
        message that says more after them is two. One that holds nothing any more is left out.
        """
        if not self._touched:
            return list(messages)
        made: list[Message] = []
        for message in messages:
            if id(message) in self._touched:
                made += self._edited(message, inside=inside)
            else:
                made.append(message)
        return made

    def _edited(self, message: Message, *, inside: bool) -> Iterator[Message]:
        extra = message.extra
        if id(message) in self._disowned:
            extra = {name: value for name, value in extra.items() if name != ORIGIN}
        parts: list[Part] = []
        for place, part in enumerate(message.parts):
            new = self._parts.get((id(message), place), part)
            if new is not None:
                parts.append(new)
            answers = self._answers.get((id(message), place), [])
            if inside:
                parts += [answer.part for answer in answers]
            elif answers:
                # What tells that a message marks its steps must be in both of its pieces.
                marked = STEP in message.parts and place + 1 < len(message.parts)
                marks: list[Part] = [STEP] if marked else []
                yield from _message(message, [*parts, *marks], extra)
                for _, run in groupby(answers, lambda one: (id(one.message), one.place == MADE)):
                    yield _results(list(run))
                parts, extra = [*marks], _family(message)
        yield from _message(message, parts, extra)


def _message(
    message: Message, parts: Sequence[Part], extra: Mapping[str, Json]
) -> Iterator[Message]:
    """The message with other parts; itself where it has them all, none without any."""
    if parts and extra is message.extra and _are(parts, message.parts):
        yield message
    elif any(part != STEP for part in parts):
        yield Message.read(message.role, parts, extra, id=message.id, created_at=message.created_at)


def _are(parts: Sequence[Part], others: Sequence[Part]) -> bool:
    return len(parts) == len(others) and all(a is b for a, b in zip(parts, others, strict=True))


def _results(placed: Sequence[Placed]) -> Message:
    """A message of results; one that held no others in the first place is that very message."""
    source = placed[0].message
    parts = [one.part for one in placed]
    extra = {} if placed[0].place == MADE else _family(source)
    if extra and source.role == "tool" and _are(parts, source.parts):
        return source
    return Message.read("tool", parts, extra, id=source.id, created_at=source.created_at)


def _family(message: Message) -> Mapping[str, Json]:
    """What tells that a part of a message comes from its dialect."""
    family = message.family
    return {} if family is None else {ORIGIN: {"dialect": family}}
