"""What holds for every dialect: nothing is lost in silence, and nothing is lost at all at home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from kits import KITS, WRITTEN, Kit
from probes import PROBES, Probe, Reading, every_place

from threadkeep import convert, dialects
from threadkeep.testing.strategies import json_values, messages
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.ports import Dialect

few = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
tags = pytest.mark.parametrize("tag", KITS)
written = pytest.mark.parametrize("tag", WRITTEN)
OWN = "threadkeep"


def spelled(value: Any) -> str:
    return jsontext.encode(value, overflow=True)


def stored(message: Message) -> Message:
    """The message as it comes back from the store."""
    return Message(message.role, message.json, message.format, message.id, message.created_at)


def holds_at_home(kit: Kit, item: Any) -> None:
    (message,) = kit.dialect.load([item])
    assert message.format == OWN
    dumped = kit.dialect.dump([message])
    assert [spelled(one) for one in dumped] == [spelled(item)]
    assert not dumped.losses
    again = kit.dialect.dump([stored(message)])
    assert [spelled(one) for one in again] == [spelled(item)]
    traits, text = kit.dialect.traits(item), kit.dialect.text(item)
    assert (message.role, message.id) == (traits.role, traits.id)
    assert isinstance(text, str)
    # Gemini's calls may have no id: one is made of their place, which a list knows better.
    if kit.tag != "gemini":
        own = dialects.get(OWN).traits(message.payload)
        assert (own.calls, own.answers) == (traits.calls, traits.answers)


@tags
def test_recorded_items_come_back_as_they_were(tag: str) -> None:
    """A recorded item is loaded and dumped with every member in its order, also when stored.

    [C12]
    """
    assert KITS[tag].corpus
    for item in KITS[tag].corpus:
        holds_at_home(KITS[tag], item)


@tags
@settings(few, max_examples=60)
@given(data=st.data())
def test_generated_items_come_back_as_they_were(tag: str, data: st.DataObject) -> None:
    """An item with anything anywhere is refused by name, or comes back as it was."""
    item = data.draw(KITS[tag].items)
    try:
        KITS[tag].dialect.load([item])
    except InvalidError:
        return
    holds_at_home(KITS[tag], item)


@few
@given(item=json_values())
def test_what_is_no_item_is_refused(item: Any) -> None:
    """Any JSON value is an item or an InvalidError, for each of the calls alike."""
    for tag, kit in KITS.items():
        refused = [_is_refused(call, item) for call in _calls(kit.dialect)]
        assert refused[0] == refused[2], tag


def _calls(dialect: Dialect) -> Sequence[Callable[[Any], object]]:
    return dialect.traits, dialect.text, lambda value: dialect.load([value])


def _is_refused(call: Callable[[Any], object], item: Any) -> bool:
    try:
        call(item)
    except InvalidError:
        return True
    return False


@tags
def test_a_recorded_conversation_comes_back_whole(tag: str) -> None:
    """All recorded items one after the other are loaded one for one and dumped as they were."""
    kit = KITS[tag]
    loaded = kit.dialect.load(kit.corpus)
    assert len(loaded) == len(kit.corpus)
    dumped = kit.dialect.dump(loaded)
    assert [spelled(item) for item in dumped] == [spelled(item) for item in kit.corpus]
    assert len(dumped.sources) == len(dumped)


@few
@given(listed=st.lists(messages(), max_size=4))
def test_any_messages_can_be_written(listed: list[Message]) -> None:
    """Whatever typed messages come, items and losses come out; what is written can be read."""
    named = {f"m{n}": message for n, message in enumerate(listed)}
    for tag in WRITTEN:
        note(tag)
        dialect = KITS[tag].dialect
        made = dialect.dump([replace(message, id=id_) for id_, message in named.items()])
        assert len(made.sources) == len(made)
        assert {loss.what for loss in made.losses} <= set(dialect.losses)
        assert {id_ for sources in made.sources for id_ in sources} <= named.keys()
        assert {loss.message for loss in made.losses} <= named.keys()
        dialect.load(made)


@written
@pytest.mark.parametrize("probe", PROBES, ids=[probe.name for probe in PROBES])
def test_what_a_format_does_not_say_is_reported(tag: str, probe: Probe) -> None:
    """Each thing is there when it is read again, or it is reported; never both, never neither."""
    dialect = KITS[tag].dialect
    if tag == OWN:
        return
    made = dialect.dump(probe.messages)
    reported = {loss.what for loss in made.losses}
    assert reported <= set(dialect.losses)
    wide = {probe.code.rsplit(".", n)[0] for n in range(3)}
    assert probe.seen(Reading.of(dialect, made)) != bool(wide & reported), reported


@written
def test_every_declared_loss_happens(tag: str) -> None:
    """A dialect declares no loss that never comes, and none comes that it does not declare."""
    dialect = KITS[tag].dialect
    said = [*(probe.messages for probe in PROBES), *every_place()]
    reported = {loss.what for messages in said for loss in dialect.dump(messages).losses}
    assert set(dialect.losses) == reported


@written
def test_what_is_written_in_odd_places_is_accepted(tag: str, request: Any) -> None:
    """Any part in any role is written so that the format's own package takes it, or reported."""
    kit = KITS[tag]
    genuine = request.getfixturevalue("genuine") if kit.needs_node else None
    for said in every_place():
        made = kit.dialect.dump(said)
        if made:
            kit.accept(made, genuine)


@tags
def test_an_old_version_is_not_written(tag: str) -> None:
    """A format that is only read says so, and all others write a question."""
    asked = Message.user("question", id="u")
    if tag in WRITTEN:
        assert len(convert([asked], tag)) == 1
    else:
        with pytest.raises(InvalidError, match="dialect"):
            convert([asked], tag)


@written
def test_every_corpus_is_read_by_every_other(tag: str) -> None:
    """Recorded items of all formats become this one's, with a report and without an accident."""
    dialect = KITS[tag].dialect
    for source in KITS.values():
        with suppress(InvalidError):
            made = dialect.dump(source.dialect.load(source.corpus))
            dialect.load(made)
            assert {loss.what for loss in made.losses} <= set(dialect.losses)
