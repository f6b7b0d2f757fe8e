"""What the dialects share: what a message says of its origin, names of items, spare members."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits import KITS, WRITTEN

from threadkeep import dialects
from threadkeep.dialects.codec import COMMON, Codec, Output
from threadkeep.dialects.flow import ORIGIN, Placed
from threadkeep.dialects.reading import kept
from threadkeep.testing.strategies import ids, json_values, messages, parts
from threadkeep.values import jsontext
from threadkeep.values.converted import Loss
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id
from threadkeep.values.message import Message, Role
from threadkeep.values.parts import Json, RawPart, TextPart, ToolCallPart, ToolResultPart
from threadkeep.values.ports import Dialect
from threadkeep.values.wire import part_to_json

few = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CODECS = [
    tag
    for tag in WRITTEN
    if isinstance(dialects.get(tag), Codec) and not tag.endswith(("@5", "@6", "v5", "v6"))
]
WORDS = "words of the message"


def codec(tag: str) -> Codec:
    found = dialects.get(tag)
    assert isinstance(found, Codec)
    return found


def load(tag: str, item: Json) -> Message:
    (message,) = dialects.get(tag).load([item])
    return message


def stored(message: Message, **members: Any) -> Message:
    """The message as the store has it, with other members in its payload."""
    text = jsontext.encode({**message.payload, **members}, overflow=True)
    return Message(message.role, text, id=message.id)


def roles(*names: Role) -> st.SearchStrategy[Role]:
    return st.sampled_from(names)


def texts(dialect: Dialect, items: Any) -> str:
    said = [part for m in dialect.load(items) for part in m.parts if isinstance(part, TextPart)]
    return "\n".join([items.system or "", *(part.text for part in said)])


def origins(tag: str) -> st.SearchStrategy[Any]:
    """What may stand under `origin`: what a dialect writes there, in part or with anything."""
    family, corpus = codec(tag).family, KITS[tag].corpus
    anything = json_values(max_leaves=4)
    names = st.sampled_from(["role", "content", "parts", "type", "id", "text", "data", 7, None])
    said = st.fixed_dictionaries(
        {"dialect": st.just(family) | anything, "format": st.just(tag) | anything},
        optional={
            "item": st.sampled_from(corpus) | anything,
            "unsaid": st.lists(names, max_size=5) | anything,
        },
    )
    return said | anything


# --- what a stored message says of its origin ---------------------------------------------------


@pytest.mark.parametrize("tag", CODECS)
@few
@given(data=st.data())
def test_a_false_origin_changes_no_word(tag: str, data: st.DataObject) -> None:
    """Whatever stands under `origin`, the items say what the parts say and can be read again."""
    origin = data.draw(origins(tag))
    role = data.draw(roles("user", "assistant"))
    message = stored(Message.of(role, WORDS, id="m1"), origin=origin)
    made = dialects.get(tag).dump([message])
    assert texts(dialects.get(tag), made).strip() == WORDS
    assert [source for sources in made.sources for source in sources] == ["m1"]


@pytest.mark.parametrize("tag", CODECS)
@few
@given(data=st.data())
def test_parts_under_a_false_origin_can_be_written(tag: str, data: st.DataObject) -> None:
    """Any parts under any origin are items that can be read again."""
    listed = data.draw(st.lists(parts(), max_size=3)) + [
        part
        for item in data.draw(st.lists(st.sampled_from(KITS[tag].corpus), max_size=2))
        for part in load(tag, item).parts
    ]
    role = data.draw(roles("user", "assistant", "tool", "system"))
    message = stored(Message.of(role, listed, id="m1"), origin=data.draw(origins(tag)))
    made = dialects.get(tag).dump([message])
    dialects.get(tag).load(made)
    assert {loss.what for loss in made.losses} <= set(dialects.get(tag).losses)


def test_an_item_is_given_back_while_it_says_the_same() -> None:
    """Another role, text or type of a value is written anew; id and time of the store are not."""
    item = {"role": "user", "content": [{"type": "odd", "is": True}], "name": "ann"}
    message = stored(load("openai-chat", item))
    dump = dialects.get("openai-chat").dump
    assert list(dump([message])) == [item]
    assert list(dump([replace(message, id="m1")])) == [item]
    odd: list[Json] = [part_to_json(RawPart({"type": "odd", "is": 1}))]
    (changed,) = dump([stored(message, parts=odd)])
    assert jsontext.encode(changed) == (
        '{"role":"user","content":[{"type":"odd","is":1}],"name":"ann"}'
    )
    (changed,) = dump([Message("assistant", message.json)])
    assert changed["role"] == "assistant"


def test_only_what_the_item_leaves_unsaid_is_taken_from_it() -> None:
    """A list of unsaid members that names what the parts say brings nothing back."""
    item = {"role": "user", "parts": [{"text": "old"}], "later": 1}
    message = load("gemini", item)
    origin = {**message.payload[ORIGIN], "unsaid": ["role", "parts", "later", "absent"]}
    changed = stored(message, origin=origin, parts=[{"type": "text", "text": "new"}])
    assert list(dialects.get("gemini").dump([changed])) == [
        {"role": "user", "parts": [{"text": "new"}], "later": 1}
    ]


@pytest.mark.parametrize("text", ["stored", "changed"])
def test_members_of_an_app_are_reported(text: str) -> None:
    """What an app has put beside role and parts is no item's: it is a loss, also where one is."""
    message = load("anthropic", {"role": "user", "content": "stored"})
    more = stored(message, parts=[{"type": "text", "text": text}], mood="good")
    made = dialects.get("anthropic").dump([replace(more, id="m1")])
    assert list(made) == [{"role": "user", "content": text}]
    assert made.losses == (Loss("m1", None, "extra", "mood"),)


@pytest.mark.parametrize("tag", ["gemini", "pydantic-ai", "ai-sdk-model@7", "ai-sdk-ui@7"])
def test_a_result_is_named_by_a_call_that_is_kept(tag: str) -> None:
    """A result from elsewhere names the tool of its call, also where that is in a kept item."""
    dialect = dialects.get(tag)
    call = Message.assistant([ToolCallPart("c1", "search", {"q": 1})])
    calls = dialect.load(dialect.dump([Message.user("q"), call]))
    result = Message.tool([ToolResultPart("c1", "found")])
    made = dialect.dump([*calls, result])
    names = [p for m in dialect.load(made) for p in m.parts if isinstance(p, ToolResultPart)]
    if tag == "ai-sdk-ui@7":  # the call is written beside its result
        assert made[-1]["parts"][-1]["type"] == "tool-search"
    else:
        assert [part.name for part in names] == ["search"]


# --- names and spare members --------------------------------------------------------------------


@few
@given(st.lists(st.none() | ids() | st.sampled_from(["a", "a.2", "item-1"]), max_size=6), st.data())
def test_every_item_has_a_name_of_its_own(listed: list[str | None], data: st.DataObject) -> None:
    """The first item of a message has its id; no other has that, nor one twice, nor an illegal."""
    said = [Message.user("x", id=id) for id in listed]
    out = Output("x", COMMON, said)
    first: set[str] = set()
    made: list[str] = []
    for message in said:
        for _ in range(data.draw(st.integers(1, 3))):
            name = out.name(message)
            if message.id is not None and message.id not in first:
                assert name == message.id
                first.add(name)
            else:
                assert name not in listed
            made.append(check_id("id", name))
            out.add({}, [message])
    assert len(set(made)) == len(made)


BARE = [TextPart(""), ToolCallPart("", ""), ToolResultPart("")]
MEMBERS = ["type", "native", "text", "role", "name", "input", "extra", "output", "content", "odd"]


@few
@given(
    st.sampled_from(BARE),
    st.dictionaries(st.sampled_from(MEMBERS), json_values(max_leaves=3), max_size=6),
)
def test_spare_members_come_back_to_their_own_dialect(bare: Any, block: dict[str, Any]) -> None:
    """What `kept` takes is what `given` gives, whatever the names; another dialect reports it."""
    part = replace(bare, extra=kept(type(bare), block))
    again = Message.of("user", [part], extra={ORIGIN: {"dialect": "x"}})
    read = Message(again.role, again.json)
    (placed,) = [Placed(part, read, 0) for part in read.parts]
    assert placed.part == part
    own, other = Output("x", COMMON), Output("y", COMMON)
    assert own.given(placed) == block
    assert other.given(placed) == {}
    told = {loss.name for loss in other.converted().losses}
    assert told == {name for name, value in block.items() if value not in (None, [], {})}
    assert not own.converted().losses


# --- messages whose text is not written yet -----------------------------------------------------


@few
@given(messages(), json_values())
def test_a_message_is_the_same_before_its_text_is_written(message: Message, item: Any) -> None:
    """Payload, parts, family, equality and hash do not depend on when the text is written."""
    extra = {**message.extra, ORIGIN: {"dialect": "x", "item": item}}

    def fresh() -> Message:
        return Message.read(message.role, message.parts, extra, id="a", family="x")

    before = fresh()
    payload, read = before.payload, (before.parts, before.extra, before.family, before.text)
    written = Message(message.role, before.json, id="a")
    assert before.payload == payload == written.payload
    assert (written.parts, written.extra, written.family, written.text) == read
    assert fresh() == written
    assert hash(fresh()) == hash(written)
    assert repr(fresh()) == repr(written)
    for again in (replace(fresh()), copy.copy(fresh()), copy.deepcopy(fresh())):
        assert again == written
        assert again.parts == before.parts


def test_a_message_is_written_by_any_thread() -> None:
    """Threads that ask for the text at once all get the same."""
    item = {"role": "user", "content": [{"type": "text", "text": str(n)} for n in range(50)]}
    message = load("openai-chat", item)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: message.json, range(64)))
    assert found == {message.json}


def test_what_cannot_be_written_says_so() -> None:
    """A message that was loaded of what is no JSON is refused where its text is asked for."""
    message = load("openai-chat", {"role": "user", "content": "x", "odd": {1, 2}})
    with pytest.raises(InvalidError, match="payload"):
        _ = message.json
