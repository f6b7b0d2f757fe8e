"""Slices of JSON text are exact: put together again they are the text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.testing.strategies import json_texts
from threadkeep.values import jsontext, slices

few = settings(max_examples=200, deadline=None)
spaces = st.text(" \t\r\n", max_size=3)
keys = st.sampled_from(["payload", "", "k", 'a"b', "a\\b", "{", ":", ","])


def _object(listed: list[tuple[str, str, str, str]]) -> str:
    """The text of an object of these keys and values, with space around the values."""
    escaped = [key.replace("\\", "\\\\").replace('"', '\\"') for key, *_ in listed]
    members = [
        f'"{key}":{before}{text}{after}'
        for key, (_, before, text, after) in zip(escaped, listed, strict=True)
    ]
    return f" {{{','.join(members)}}} "


@few
@given(st.lists(st.tuples(keys, spaces, json_texts(), spaces), max_size=5))
def test_the_space_around_a_value_is_a_members_own(
    listed: list[tuple[str, str, str, str]],
) -> None:
    """Whatever a value is and whatever space is around it, colon and comma are right beside."""
    whole = _object(listed)
    found = slices.members(whole)
    assert [one.name for one in found] == [key for key, *_ in listed]
    for one, (_, before, text, after) in zip(found, listed, strict=True):
        assert whole[one.colon : one.comma] == f"{before}{text}{after}"
        assert whole[one.start : one.end] == text.strip()


@few
@given(st.lists(st.tuples(keys, spaces, json_texts(), spaces), max_size=5), keys, json_texts())
def test_a_value_is_put_in_and_all_else_stays(
    listed: list[tuple[str, str, str, str]], name: str, value: str
) -> None:
    """The last member of the name has the value, or a new one at the end; the rest is as it was."""
    text = _object(listed)
    given = [(key, text.strip()) for key, _, text, _ in listed]
    places = [place for place, (key, _) in enumerate(given) if key == name]
    expected = [*given, (name, value.strip())]
    if places:
        expected = [*given[: places[-1]], expected[-1], *given[places[-1] + 1 :]]
    made = slices.with_member(text, slices.members(text), name, value.strip())
    found = [(one.name, made[one.start : one.end]) for one in slices.members(made)]
    assert found == expected
    jsontext.verify(made)
