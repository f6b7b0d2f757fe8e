"""Histories with faults, for the tests of healing: conversations to which something happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from conversations import conversation

from threadkeep.values.message import Message
from threadkeep.values.parts import (
    ApprovalPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

_IDS: Final = ("", "a b", "call|fc_\u00e9", "x" * 90, "tool:1/2", "\ud83d")
_NAMES: Final = ("", "read file", "9lives", "n" * 300, "a.b/c", "caf\u00e9")
_ENDS: Final = ("", "  ", "\n")


@dataclass(slots=True)
class History:
    """Messages as they are being spoilt, and the kinds of faults that were put in."""

    random: Random
    messages: list[Message]
    faults: set[str] = field(default_factory=set)

    def places(self, *kinds: type[Part]) -> list[tuple[int, int]]:
        """Where parts of some kinds stand: the message and the place in it."""
        return [
            (at, place)
            for at, message in enumerate(self.messages)
            for place, part in enumerate(message.parts)
            if isinstance(part, kinds)
        ]

    def change(self, at: int, parts: Sequence[Part]) -> None:
        """Give a message other parts; one without any is gone."""
        if parts:
            self.messages[at] = _with(self.messages[at], parts)
        else:
            del self.messages[at]

    def swap(self, at: int, place: int, *parts: Part) -> None:
        """Put other parts, or none, in the place of one."""
        before = self.messages[at].parts
        self.change(at, [*before[:place], *parts, *before[place + 1 :]])

    def insert(self, at: int, role: str, *parts: Part) -> None:
        """Put in a message of its own."""
        id = f"in-{len(self.messages)}-{self.random.randrange(10**9)}"
        self.messages.insert(at, Message.of(role, parts, id=id))  # type: ignore[arg-type]


def _with(message: Message, parts: Sequence[Part]) -> Message:
    return Message.of(message.role, parts, id=message.id, created_at=message.created_at)


def _pick(history: History, *kinds: type[Part]) -> Iterator[tuple[int, int, Part]]:
    """One part of these kinds, where there is any."""
    places = history.places(*kinds)
    if places:
        at, place = history.random.choice(places)
        yield at, place, history.messages[at].parts[place]


def _result_removed(history: History) -> bool:
    for at, place, _ in _pick(history, ToolResultPart):
        history.swap(at, place)
        return True
    return False


def _call_removed(history: History) -> bool:
    for at, place, _ in _pick(history, ToolCallPart):
        history.swap(at, place)
        return True
    return False


def _result_late(history: History) -> bool:
    for at, place, part in _pick(history, ToolResultPart):
        later = history.random.randint(at + 1, len(history.messages))
        history.insert(later, "tool", part)
        history.swap(at, place)
        return True
    return False


def _result_twice(history: History) -> bool:
    for at, place, part in _pick(history, ToolResultPart):
        assert isinstance(part, ToolResultPart)
        again = replace(part, output="again", content=None)
        if history.random.random() < 0.5:
            history.swap(at, place, part, again)
        else:
            history.insert(history.random.randint(at + 1, len(history.messages)), "tool", again)
        return True
    return False


def _renamed(history: History, before: str, after: str, at: int) -> None:
    """Give a call and all that belongs to it another id, from a message on."""
    for index in range(at, len(history.messages)):
        message = history.messages[index]
        parts = [
            replace(part, call_id=after)
            if isinstance(part, ToolCallPart | ToolResultPart | ApprovalPart)
            and part.call_id == before
            else part
            for part in message.parts
        ]
        history.messages[index] = _with(message, parts)


def _id_again(history: History) -> bool:
    places = history.places(ToolCallPart)
    if len(places) < 2:
        return False
    (at, place), (later, other) = sorted(history.random.sample(places, 2))
    first, second = history.messages[at].parts[place], history.messages[later].parts[other]
    assert isinstance(first, ToolCallPart)
    assert isinstance(second, ToolCallPart)
    _renamed(history, second.call_id, first.call_id, later)
    return True


def _id_refused(history: History) -> bool:
    for at, _, part in _pick(history, ToolCallPart):
        assert isinstance(part, ToolCallPart)
        _renamed(history, part.call_id, history.random.choice(_IDS), at)
        return True
    return False


def _name_refused(history: History) -> bool:
    for at, place, part in _pick(history, ToolCallPart):
        assert isinstance(part, ToolCallPart)
        history.swap(at, place, replace(part, name=history.random.choice(_NAMES)))
        return True
    return False


def _text_empty(history: History) -> bool:
    for at, place, _ in _pick(history, TextPart):
        history.swap(at, place, TextPart(history.random.choice(_ENDS)))
        return True
    return False


def _text_trails(history: History) -> bool:
    at = history.places(TextPart)[-1] if history.places(TextPart) else None
    if at is None:
        return False
    history.swap(*at, TextPart("so far \n"))
    return True


def _thought_alone(history: History) -> bool:
    provider = history.random.choice(["anthropic", "openai", "google"])
    part = ReasoningPart("hm", signature="c2ln", provider=provider)
    if provider == "openai":
        id = f"rs_{history.random.randrange(10**9)}"
        part = ReasoningPart("hm", encrypted="ZW5j", id=id, provider=provider)
    at = history.random.randint(1, len(history.messages))
    if history.random.random() < 0.3:
        at = len(history.messages)
    history.insert(at, "assistant", part)
    return True


def _headless(history: History) -> bool:
    for at, message in enumerate(history.messages):
        if message.role == "assistant":
            del history.messages[:at]
            return at > 0
    return False


def _cut_short(history: History) -> bool:
    places = history.places(ToolCallPart)
    if not places:
        return False
    del history.messages[history.random.choice(places)[0] + 1 :]
    return True


def _denied(history: History) -> bool:
    for at, place, part in _pick(history, ToolResultPart):
        assert isinstance(part, ToolResultPart)
        no = ApprovalPart(f"ap_{part.call_id}", part.call_id, approved=False, reason="not now")
        history.swap(at, place, no)
        return True
    return False


def _hosted(history: History) -> bool:
    id = f"srvtoolu_{history.random.randrange(10**9)}"
    call = ToolCallPart(id, "web_search", {"query": "x"}, provider_executed=True)
    result = ToolResultPart(id, [{"url": "u"}], "web_search", provider_executed=True)
    text = TextPart("as I found")
    said: list[Part] = history.random.choice(
        [[call, result, text], [call, result], [call, text], [text, call], [result, text]]
    )
    history.insert(history.random.randint(1, len(history.messages)), "assistant", *said)
    return True


def _odd_role(history: History) -> bool:
    at = history.random.randint(0, len(history.messages))
    call, result = ToolCallPart("odd", "run", {}), ToolResultPart("odd", "done", "run")
    choice = history.random.randrange(5)
    if choice == 0:
        history.insert(at, "user", TextPart("look"), call)
    elif choice == 1:
        history.insert(at, "assistant", result, TextPart("so"))
    elif choice == 2:
        history.insert(at, "user", result, TextPart("go on"))
    elif choice == 3:
        history.insert(at, "system", TextPart("be brief"), result)
    else:
        history.insert(at, "assistant", call, result, TextPart("so"), call, TextPart("and"), result)
    return True


def _nothing_said(history: History) -> bool:
    role = history.random.choice(["user", "assistant", "system", "tool"])
    history.insert(history.random.randint(0, len(history.messages)), role)
    return True


FAULTS: Final[Mapping[str, Callable[[History], bool]]] = {
    "result removed": _result_removed,
    "call removed": _call_removed,
    "result late": _result_late,
    "result twice": _result_twice,
    "id again": _id_again,
    "id refused": _id_refused,
    "name refused": _name_refused,
    "text empty": _text_empty,
    "text trails": _text_trails,
    "thought alone": _thought_alone,
    "headless": _headless,
    "cut short": _cut_short,
    "denied": _denied,
    "hosted": _hosted,
    "odd role": _odd_role,
    "nothing said": _nothing_said,
}
"""What may happen to a history; each says whether there was anything to happen to."""

LONE: Final = ("result removed", "call removed")
"""The faults that leave a call or a result alone, and nothing else."""


def history(seed: int, faults: Sequence[str] = tuple(FAULTS), *, odd: bool = True) -> History:
    """A path of a conversation with one to four of these faults; the same for the same seed."""
    random = Random(seed)
    made = conversation(seed, odd=odd)
    found = History(random, made.path(random.choice(made.leaves())))
    for _ in range(random.randint(1, 4) if faults else 0):
        name = random.choice(faults)
        if found.messages and FAULTS[name](found):
            found.faults.add(name)
    return found
