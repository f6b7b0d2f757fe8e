"""The dialect of our own format, and the registry that finds it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep import dialects
from threadkeep.dialects.reading import read_time, traits_of
from threadkeep.dialects.threadkeep import dialect
from threadkeep.testing.strategies import bad_ids, ids, json_values, messages, times
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import RawPart, TextPart, ToolCallPart, ToolResultPart
from threadkeep.values.wire import part_to_json, parts_of

few = settings(max_examples=100, deadline=None)

roles = st.sampled_from(["system", "user", "assistant", "tool"])
items = st.builds(
    lambda head, rest, tail: {**rest, **head, **tail},
    st.fixed_dictionaries(
        {"role": roles, "parts": st.lists(json_values(max_leaves=3), max_size=3)},
        optional={"id": ids(), "created_at": times().map(datetime.isoformat)},
    ),
    st.dictionaries(st.text(max_size=3).map("x{}".format), json_values(max_leaves=3), max_size=2),
    st.dictionaries(st.text(max_size=3).map("y{}".format), json_values(max_leaves=3), max_size=2),
)


@few
@given(st.lists(items, max_size=3))
def test_items_come_back_as_they_were(listed: list[Any]) -> None:
    """Loading items and dumping them gives the same JSON, key order included."""
    loaded = dialect.load(listed)
    assert [jsontext.encode(item) for item in dialect.dump(loaded)] == list(
        map(jsontext.encode, listed)
    )
    assert [m.json for m in loaded] == list(map(jsontext.encode, listed))


@few
@given(messages())
def test_messages_come_back_as_they_were(message: Message) -> None:
    """Dumping a message and loading it keeps all of it; id and time are added to the payload."""
    dumped = dialect.dump([message])
    (again,) = dialect.load(dumped)
    added = {"id": message.id, "created_at": message.created_at and message.created_at.isoformat()}
    payload = message.payload | {name: value for name, value in added.items() if value is not None}
    assert again.json == jsontext.encode(payload)
    assert (again.role, again.id, again.created_at) == (
        message.role,
        message.id,
        message.created_at,
    )
    assert (again.format, again.parts) == ("threadkeep", message.parts)
    assert dumped.sources == ((message.id,),)
    assert not dumped.losses


def test_what_the_payload_says_is_not_added() -> None:
    """A payload that says id and time already is dumped as it is, to the letter."""
    said = {"id": "m1", "role": "user", "parts": [], "created_at": "2024-05-01 12:00:00+02:00"}
    (message,) = dialect.load([said])
    (dumped,) = dialect.dump([message])
    assert jsontext.encode(dumped) == jsontext.encode(said)
    (renamed,) = dialect.dump([replace(message, id="m2")])
    assert jsontext.encode(renamed) == jsontext.encode({**said, "id": "m2"})


def test_numbers_beyond_a_float_survive_loading() -> None:
    """An item that holds an infinity, read from 1e400, is loaded and dumped again."""
    item = jsontext.decode('{"role":"user","parts":[],"x":[1e400,-1e400]}')
    assert dialect.dump(dialect.load([item])) == [item]


def item(role: str, *parts: Any, **more: Any) -> Any:
    message = Message.of(role, parts, extra=more)  # type: ignore[arg-type]
    return message.payload


CALL, RESULT, TEXT = ToolCallPart("c1", "search"), ToolResultPart("c1", "found"), TextPart("hi")


@pytest.mark.parametrize(
    ("value", "starts", "calls", "answers"),
    [
        (item("user", TEXT), True, (), ()),
        (item("user"), True, (), ()),
        (item("user", RawPart(1)), True, (), ()),
        (item("user", RESULT), False, (), ("c1",)),
        (item("user", RESULT, TEXT), True, (), ("c1",)),
        (item("tool", RESULT), False, (), ("c1",)),
        (item("system", TEXT), False, (), ()),
        (item("assistant", TEXT, CALL), False, ("c1",), ()),
        (item("assistant", CALL, RESULT), False, ("c1",), ()),
        (item("assistant", RESULT, CALL), False, ("c1",), ()),
        (item("assistant", CALL, ToolResultPart("c0")), False, ("c1",), ("c0",)),
    ],
)
def test_traits_follow_role_and_parts(
    value: Any, starts: bool, calls: tuple[str, ...], answers: tuple[str, ...]
) -> None:
    """A user's message starts a turn unless it is only results; own calls need no answer."""
    traits = dialect.traits(value)
    assert (traits.role, traits.starts, traits.cut) == (value["role"], starts, True)
    assert (traits.calls, traits.answers) == (calls, answers)


LISTED = [part_to_json(part) for part in (CALL, RESULT, TEXT, ToolResultPart("c0"), RawPart(1))]
BROKEN = [{"type": "raw", "value": LISTED[0]}, {"type": "tool_call"}, {"type": ["tool_result"]}]


@few
@given(items, st.lists(st.sampled_from([*LISTED, *BROKEN]), max_size=3))
def test_traits_are_those_of_all_the_parts(value: dict[str, Any], more: list[Any]) -> None:
    """To look only at what may be a call or a result misses nothing."""
    whole = {**value, "parts": [*value["parts"], *more]}
    expected = traits_of(
        value["role"],
        parts_of(whole),
        id=value.get("id"),
        created_at=read_time(value.get("created_at")),
    )
    assert dialect.traits(whole) == expected


@few
@given(times(), ids())
def test_traits_have_the_items_id_and_time(moment: datetime, id: str) -> None:
    """The id is the item's own, and the time the same moment in UTC."""
    traits = dialect.traits(item("user", TEXT, id=id, created_at=moment.isoformat()))
    assert (traits.id, traits.created_at) == (id, moment)
    assert traits.created_at is not None
    assert traits.created_at.utcoffset() == timedelta(0)


def test_text_is_the_text_parts() -> None:
    """What a person reads is the text parts alone."""
    assert dialect.text(item("assistant", TEXT, CALL, RawPart("x"), TextPart("you"))) == "hi\n\nyou"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], "item"),
        ("user", "item"),
        ({"parts": []}, "role"),
        ({"role": "human", "parts": []}, "role"),
        ({"role": ["user"], "parts": []}, "role"),
        ({"role": "user"}, "parts"),
        ({"role": "user", "parts": "hi"}, "parts"),
        ({"role": "user", "parts": [], "created_at": "yesterday"}, "created_at"),
        ({"role": "user", "parts": [], "created_at": 5}, "created_at"),
    ],
)
def test_what_is_no_item_is_refused(value: Any, field: str) -> None:
    """An item without a role, parts or a legal time raises InvalidError naming the member."""
    for call in (dialect.traits, dialect.text, lambda value: dialect.load([value])):
        if call == dialect.text and field == "created_at":
            continue
        with pytest.raises(InvalidError) as caught:
            call(value)
        assert caught.value.field == field


@few
@given(bad_ids().filter(lambda value: value is not None))
def test_an_illegal_id_is_refused(bad: object) -> None:
    """An item whose id could not be stored is refused."""
    with pytest.raises(InvalidError, match="id: "):
        dialect.traits({"role": "user", "parts": [], "id": bad})


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01t10:00:00.5z", datetime(2024, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2024-05-01 10:00:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T10:00:00.123456789+02:00", datetime(2024, 5, 1, 8, 0, 0, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2024-02-30T10:00:00Z", None),
        ("2024-05-01", None),
        ("20240501T100000Z", None),
        ("٢٠٢٤-05-01T10:00:00Z", None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_times_are_read_as_rfc_3339(text: Any, time: datetime | None) -> None:
    """RFC 3339 is read in UTC, without an offset as UTC; anything else is None."""
    assert read_time(text) == time


@few
@given(times())
def test_any_offset_is_the_same_moment(moment: datetime) -> None:
    """The time that is read is the moment that was written."""
    assert read_time(moment.isoformat()) == moment
    assert read_time(moment.astimezone(timezone(timedelta(hours=5))).isoformat()) == moment


# --- the registry -----------------------------------------------------------------------------


def test_every_name_is_found_under_its_own_name() -> None:
    """Each dialect in the table can be imported and bears its name, or a version of it."""
    for name in dialects.names():
        found = dialects.get(name)
        assert found is dialects.find(name) is dialects.get(found.name)
        assert found.name == dialects._SHORT.get(name, name)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """An unknown dialect raises InvalidError that lists the known names; find gives None."""
    with pytest.raises(InvalidError, match=r"claude-export, .*threadkeep") as caught:
        dialects.get("none-such")
    assert caught.value.field == "dialect"
    assert dialects.find("none-such") is None


def test_importing_the_registry_imports_no_dialect() -> None:
    """A dialect's module is imported when it is asked for, not before."""
    code = (
        "import sys; from threadkeep import dialects; "
        "dialects.names(); "
        "loaded = [m for m in sys.modules if m.startswith('threadkeep.dialects.')]; "
        "assert not loaded, loaded; "
        "dialects.get('threadkeep'); "
        "assert 'threadkeep.dialects.claude_export' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_packages_add_dialects(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of another package is found on a miss, and cannot replace our own names."""
    folder = tmp_path / "other-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[threadkeep.dialects]\nother=other_dialect:it\nthreadkeep=other_dialect:it\n"
    )
    (tmp_path / "other_dialect.py").write_text("class it: name = 'other'\n")
    monkeypatch.syspath_prepend(tmp_path)
    caches = (dialects._found, dialects._others)
    for cached in caches:
        cached.cache_clear()
    try:
        assert dialects.get("other").name == "other"
        assert dialects.get("threadkeep") is dialect
        assert "other" in dialects.names()
    finally:
        for cached in caches:
            cached.cache_clear()
