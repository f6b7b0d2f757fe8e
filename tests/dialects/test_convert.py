"""Conversion: own and foreign messages in one thread, and dialects of other packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

import pytest
from conversations import conversation
from kits import KITS, WRITTEN

from threadkeep import convert, dialects
from threadkeep.dialects.healing import Policy
from threadkeep.values import jsontext
from threadkeep.values.converted import Converted, Loss
from threadkeep.values.errors import InvalidError, LossyError
from threadkeep.values.message import Message
from threadkeep.values.parts import Json, TextPart
from threadkeep.values.ports import Dialect, Traits

POLICIES: Sequence[Policy | None] = (None, *get_args(Policy))


def rows(tag: str, items: Sequence[Json], name: str = "r") -> list[Message]:
    """Native items as the store has them."""
    dialect = dialects.get(tag)
    return [
        Message(dialect.traits(item).role, jsontext.encode(item), tag, id=f"{name}{place}")
        for place, item in enumerate(items)
    ]


def spelled(items: Sequence[Json]) -> list[str]:
    return [jsontext.encode(item, overflow=True) for item in items]


@pytest.mark.parametrize("tag", WRITTEN)
def test_own_items_stay_among_foreign_ones(tag: str) -> None:
    """Rows of the format itself come out as they are stored, whatever stands around them."""
    other = "langchain" if tag != "langchain" else "anthropic"
    for seed in range(3):
        said = conversation(seed).turns[0].messages
        own = rows(tag, dialects.get(tag).dump(said), "own")
        foreign = rows(other, dialects.get(other).dump(said), "foreign")
        made = convert([*foreign, *own, *foreign, *own], tag)
        placed = [
            (sources[0], item)
            for sources, item in zip(made.sources, made, strict=True)
            if str(sources[0]).startswith("own")
        ]
        assert [name for name, _ in placed] == [message.id for message in own] * 2
        assert spelled([item for _, item in placed]) == [message.json for message in own] * 2
        assert all(len({str(id)[:3] for id in sources}) == 1 for sources in made.sources)
        KITS[tag].dialect.load(made)


@pytest.mark.parametrize("tag", WRITTEN)
@pytest.mark.parametrize("heal", POLICIES)
def test_converting_changes_no_message(tag: str, heal: Policy | None) -> None:
    """The same messages give the same items again, though they remember what was read of them."""
    path = conversation(1, odd=True).turns[0].messages
    source = "ai-sdk-ui@6" if tag != "ai-sdk-ui@6" else "openai-responses"
    for message in (typed := dialects.get(tag).load(dialects.get(tag).dump(path))):
        assert message.json
    for listed in (path, typed, rows(source, dialects.get(source).dump(path))):
        before = [(message.json, repr(message.parts), message.extra) for message in listed]
        once, again = convert(listed, tag, heal=heal), convert(listed, tag, heal=heal)
        assert spelled(once) == spelled(again)
        assert (once.losses, once.repairs, once.system) == (
            again.losses,
            again.repairs,
            again.system,
        )
        assert [(m.json, repr(m.parts), m.extra) for m in listed] == before


def test_a_system_message_behind_own_items_is_out_of_place() -> None:
    """What the system says in mid-conversation is reported also where own items stand before."""
    own = rows("anthropic", [{"role": "user", "content": "q"}])
    made = convert([*own, Message.system("be brief", id="s")], "anthropic")
    assert made.system == "be brief"
    assert made.losses == (Loss("s", None, "position"),)


def test_messages_without_ids_get_different_ones() -> None:
    """Made-up ids are there once, in whatever order own and foreign messages come."""
    own = rows("ai-sdk-ui@7", [{"id": "item-1", "role": "user", "parts": []}])
    own = [Message(message.role, message.json, message.format) for message in own]
    said = [Message.user("a"), *own, Message.user("b"), *own, Message.user("c")]
    made = convert(said, "ai-sdk-ui")
    assert len({item["id"] for item in made}) == 4


@pytest.mark.parametrize(
    "messages",
    [[{"role": "user"}], ["x"], [None], [Message("human", "{}")]],  # type: ignore[arg-type]
)
def test_what_is_no_message_is_refused(messages: Any) -> None:
    """Anything but messages with a role is an InvalidError that says so."""
    for dialect in ("openai-chat", "threadkeep"):
        with pytest.raises(InvalidError, match="messages"):
            convert(messages, dialect)


@pytest.mark.parametrize("name", [None, 7, [], {}, b"x", "", "ai-sdk-ui@9", "threadkeep "])
def test_a_name_that_is_none_is_refused(name: Any) -> None:
    """Anything but a known name is an InvalidError from `get`, and nothing for `find`."""
    assert dialects.find(name) is None
    with pytest.raises(InvalidError, match="dialect"):
        dialects.get(name)
    with pytest.raises(InvalidError, match="dialect"):
        convert([], name)


# --- dialects of other packages -----------------------------------------------------------------


class Lines:
    """The simplest dialect: an item is a text, who speaks stands before it."""

    name = "lines"
    losses: Mapping[str, str] = {"raw": "Only words are kept."}
    extra = 0

    def load(self, items: Sequence[Json]) -> list[Message]:
        """One message for each item, made as any app makes them."""
        made = [Message.of(*self._read(item)) for item in items]
        return [*made, *made[: self.extra]] if self.extra >= 0 else made[: self.extra]

    def dump(self, messages: Sequence[Message]) -> Converted:
        """A plain list of items, nothing said of where they come from."""
        losses = [
            Loss(message.id, place, "raw")
            for message in messages
            for place, part in enumerate(message.parts)
            if not isinstance(part, TextPart)
        ]
        return Converted([f"{m.role}: {m.text}" for m in messages], losses=losses)

    def text(self, item: Json) -> str:
        """The words."""
        return str(self._read(item)[1])

    def traits(self, item: Json) -> Traits:
        """Who speaks."""
        role = self._read(item)[0]
        return Traits(role, starts=role == "user")

    def _read(self, item: Json) -> Any:
        if not isinstance(item, str):
            raise InvalidError("item", "must be a text")
        role, _, words = item.partition(": ")
        return role, words


class Point:
    """An entry point that gives a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.load: Callable[[], Dialect] = lambda: dialect


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """A dialect that another package has brought."""
    made = Lines()
    monkeypatch.setattr(dialects, "_others", lambda: {"lines": Point(made)})
    dialects._found.cache_clear()
    yield made
    dialects._found.cache_clear()


def test_a_dialect_of_another_package_takes_part(lines: Lines) -> None:
    """Its items become those of ours and back; an item without sources says that it has none."""
    own = rows(lines.name, ["user: q", "assistant: a"])
    made = convert(own, "openai-chat")
    assert list(made) == [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert made.sources == (("r0",), ("r1",))
    made = convert([Message.system("s", id="s"), *own, Message.user("z", id="z")], "lines")
    assert list(made) == ["system: s", "user: q", "assistant: a", "user: z"]
    assert made.sources == ((), ("r0",), ("r1",), ())
    assert list(convert(own, "lines", heal="error")) == ["user: q", "assistant: a"]
    picture = rows("gemini", [{"role": "user", "parts": [{"later": 1}]}])
    with pytest.raises(LossyError):
        convert(picture, "lines", strict=True)


@pytest.mark.parametrize("extra", [1, -1])
def test_a_dialect_that_loads_a_wrong_number_is_named(lines: Lines, extra: int) -> None:
    """What loads more or fewer messages than items is an InvalidError that names the dialect."""
    lines.extra = extra
    with pytest.raises(InvalidError, match="lines must load one message for each item"):
        convert(rows("lines", ["user: q", "assistant: a"]), "openai-chat")
